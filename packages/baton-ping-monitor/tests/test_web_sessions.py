"""Who stays logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton_ping_monitor.store.records import SessionRecord
from baton_ping_monitor.web.passwords import Secret, new_token
from baton_ping_monitor.web.sessions import IDLE, LONGEST, SessionKeeper, csrf_of
from baton_ping_monitor.web.users import Account, Role, User

if TYPE_CHECKING:
    from conftest import Site

ALICE = Account(User("alice", Role.OPERATOR), Secret.parse(new_token()[1]))


@pytest.fixture
def keeper(site: Site) -> SessionKeeper:
    return SessionKeeper(site.store, site.time)


async def test_a_session_is_found_by_its_token_alone(keeper: SessionKeeper) -> None:
    token = await keeper.begin(ALICE)
    assert await keeper.find(token) == "alice"
    assert await keeper.find(token[:-1]) is None
    assert await keeper.find("") is None
    assert await keeper.begin(ALICE) != token


async def test_the_store_does_not_learn_the_token(keeper: SessionKeeper, site: Site) -> None:
    token = await keeper.begin(ALICE)
    assert site.store.session(token) is None


async def test_it_ends_when_it_is_idle(keeper: SessionKeeper, site: Site) -> None:
    token = await keeper.begin(ALICE)
    site.time.now += IDLE - 1
    assert await keeper.find(token) == "alice"
    site.time.now += IDLE - 1
    assert await keeper.find(token) == "alice"
    site.time.now += IDLE + 1
    assert await keeper.find(token) is None


async def test_it_ends_after_a_week_however_busy_it_is(keeper: SessionKeeper, site: Site) -> None:
    token = await keeper.begin(ALICE)
    for _ in range(int(LONGEST // 3600) - 1):
        site.time.now += 3600
        assert await keeper.find(token) == "alice"
    site.time.now += 3600
    assert await keeper.find(token) is None


async def test_a_token_cannot_be_made_younger(keeper: SessionKeeper, site: Site) -> None:
    token = await keeper.begin(ALICE)
    made, _, rest = token.partition(".")
    assert await keeper.find(f"{int(made, 16) + 1:x}.{rest}") is None


async def test_it_is_of_the_password_that_it_began_with(keeper: SessionKeeper) -> None:
    token = await keeper.begin(ALICE)
    assert keeper.is_of(token, ALICE)
    assert keeper.is_of(token, Account(User("alice", Role.VIEWER), ALICE.secret))
    assert not keeper.is_of(token, Account(ALICE.user, Secret.parse(new_token()[1])))


async def test_it_ends_when_it_is_told_to(keeper: SessionKeeper) -> None:
    one, another = await keeper.begin(ALICE), await keeper.begin(ALICE)
    await keeper.end(one)
    assert await keeper.find(one) is None
    assert await keeper.find(another) == "alice"


async def test_a_request_under_way_does_not_bring_it_back(
    keeper: SessionKeeper, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await keeper.begin(ALICE)
    site.time.now += 3600
    found = site.store.session

    def find_just_before_it_ends(digest: str) -> SessionRecord | None:
        session = found(digest)
        site.store.delete_session(digest)
        return session

    with monkeypatch.context() as patch:
        patch.setattr(site.store, "session", find_just_before_it_ends)
        await keeper.find(token)
    assert await keeper.find(token) is None


def test_what_a_form_sends_back_belongs_to_one_browser_and_does_not_tell_its_cookie() -> None:
    assert csrf_of("one") == csrf_of("one")
    assert csrf_of("one") != csrf_of("another")
    assert "one" not in csrf_of("one")
