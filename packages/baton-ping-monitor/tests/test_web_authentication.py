"""Telling who somebody is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import process_time

import pytest

from baton_ping_monitor.web.authentication import Authenticator, TooManyAttempts
from baton_ping_monitor.web.passwords import hash_password, new_token
from baton_ping_monitor.web.users import Role, User, UsersFile

TOKEN, TOKEN_KEPT = new_token()
PASSWORD_KEPT = hash_password("secret")
HERE = "192.0.2.1"


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.touch(mode=0o600)
    path.write_text(f"alice:operator:{PASSWORD_KEPT}\nci:viewer:{TOKEN_KEPT}\n")
    return path


@pytest.fixture
def authenticator(file: Path, time: Time) -> Authenticator:
    return Authenticator(UsersFile(file), time)


ALICE = User("alice", Role.OPERATOR)
CI = User("ci", Role.VIEWER)


async def test_a_password_tells_who_it_is(authenticator: Authenticator) -> None:
    assert await authenticator.by_password("alice", "secret", HERE) == ALICE
    assert await authenticator.by_password("alice", "Secret", HERE) is None
    assert await authenticator.by_password("bob", "secret", HERE) is None
    assert await authenticator.by_password("alice", "", HERE) is None


async def test_who_could_not_log_in_is_in_the_log(
    authenticator: Authenticator, caplog: pytest.LogCaptureFixture
) -> None:
    await authenticator.by_password("mallory\x1b[2J", "secret guess", HERE)
    assert "could not log in as mallory\ufffd[2J, from 192.0.2.1" in caplog.text
    assert "secret guess" not in caplog.text


async def test_a_token_tells_who_it_is(authenticator: Authenticator) -> None:
    assert authenticator.by_token(TOKEN) == CI
    assert authenticator.by_token("secret") is None
    assert authenticator.by_token("") is None


async def test_a_token_may_be_sent_as_a_password(authenticator: Authenticator) -> None:
    assert await authenticator.by_password("ci", TOKEN, HERE) == CI
    assert await authenticator.by_password("alice", TOKEN, HERE) is None


async def test_who_fails_too_often_waits_even_with_the_right_password(
    authenticator: Authenticator, time: Time
) -> None:
    for _ in range(5):
        assert await authenticator.by_password("ci", "wrong", HERE) is None
    with pytest.raises(TooManyAttempts, match="again in 1 s"):
        await authenticator.by_password("ci", TOKEN, "192.0.2.2")
    with pytest.raises(TooManyAttempts):
        await authenticator.by_password("nobody", "x", HERE)
    time.now += 1
    assert await authenticator.by_password("ci", TOKEN, "192.0.2.2") == CI


async def test_who_tries_a_name_elsewhere_does_not_keep_out_who_has_it(
    authenticator: Authenticator, time: Time
) -> None:
    assert await authenticator.by_password("ci", TOKEN, HERE) == CI
    time.now += 7 * 86_400
    for number in range(5):
        assert await authenticator.by_password("ci", "wrong", f"198.51.100.{number}") is None
    with pytest.raises(TooManyAttempts):
        await authenticator.by_password("ci", TOKEN, "198.51.100.9")
    assert await authenticator.by_password("ci", TOKEN, HERE) == CI
    # Nor does it give others new attempts.
    with pytest.raises(TooManyAttempts):
        await authenticator.by_password("ci", "wrong", "198.51.100.9")


async def test_where_somebody_logged_in_guesses_are_counted_too(
    authenticator: Authenticator, time: Time
) -> None:
    assert await authenticator.by_password("ci", TOKEN, HERE) == CI
    time.now += 7 * 86_400
    for _ in range(5):
        assert await authenticator.by_password("ci", "wrong", HERE) is None
    with pytest.raises(TooManyAttempts):
        await authenticator.by_password("ci", TOKEN, HERE)


async def test_where_somebody_logged_in_is_forgotten_after_a_month(
    authenticator: Authenticator, time: Time
) -> None:
    assert await authenticator.by_password("ci", TOKEN, HERE) == CI
    time.now += 31 * 86_400
    for number in range(5):
        assert await authenticator.by_password("ci", "wrong", f"198.51.100.{number}") is None
    with pytest.raises(TooManyAttempts):
        await authenticator.by_password("ci", TOKEN, HERE)


async def test_attempts_at_the_same_time_count_too(authenticator: Authenticator) -> None:
    tries = [authenticator.by_password("ci", f"wrong{n}", HERE) for n in range(12)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, TooManyAttempts) for each in results) == 7


async def test_so_many_may_wait_for_their_password_to_be_checked(
    authenticator: Authenticator,
) -> None:
    tries = [authenticator.by_password(f"user{n}", "x", f"192.0.2.{n}") for n in range(40)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, TooManyAttempts) for each in results) == 24


async def test_a_program_is_not_made_to_wait_each_time(
    authenticator: Authenticator, time: Time, file: Path
) -> None:
    loop = asyncio.get_running_loop()
    assert await authenticator.by_password("alice", "secret", HERE) == ALICE
    for _ in range(5):
        await authenticator.by_password("alice", "wrong", HERE)
    begun = loop.time()
    for _ in range(100):
        # Not even while others guess: whoever knows it is not kept out by them.
        assert await authenticator.by_password("alice", "secret", HERE) == ALICE
    assert loop.time() - begun < 5

    time.now += 301
    assert await authenticator.by_password("alice", "wrong", "192.0.2.9") is None


async def test_what_is_remembered_ends_with_the_account(
    authenticator: Authenticator, file: Path
) -> None:
    assert await authenticator.by_password("alice", "secret", HERE) == ALICE
    file.write_text(f"alice:viewer:{hash_password('another')}\n")  # noqa: ASYNC240
    assert await authenticator.by_password("alice", "secret", HERE) is None
    account = authenticator.account("alice")
    assert account is not None
    assert account.user == User("alice", Role.VIEWER)
    assert authenticator.account("ci") is None


async def test_it_takes_as_much_for_a_name_that_nobody_has(authenticator: Authenticator) -> None:
    async def took(name: str) -> float:
        """Seconds of a processor: those of a clock are longer while a machine does much else."""
        begun = process_time()
        for number in range(4):
            await authenticator.by_password(name, "wrong", f"192.0.2.{number}")
        return process_time() - begun

    known, unknown = await took("alice"), await took("nobody")
    assert 0.2 < known / unknown < 5
