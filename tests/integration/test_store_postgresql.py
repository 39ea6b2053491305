"""What is PostgreSQL's own: that it can be away, and that people get its URL wrong."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy.exc import SQLAlchemyError

from baton import ConfigurationError
from baton_ping_monitor.store.recorder import Recorder
from baton_ping_monitor.store.records import Batch, EventFilter
from databases import Server
from databases.stores import Stores, messages, pong

PATIENCE = 40.0


@pytest.fixture
def stores(postgresql: str) -> Iterator[Stores]:
    with ExitStack() as stack:
        yield Stores(postgresql, stack)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until *condition* holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  (what threads do is told by no event)
            await asyncio.sleep(0.01)


def batch(name: str) -> Batch:
    return Batch(observations=(pong(message_id=name),))


@pytest.fixture
def encoded(postgresql_server: Server) -> Iterator[Callable[[str], str]]:
    """Makes a database that keeps text in an encoding; its URL."""
    made = []

    def make(encoding: str) -> str:
        name = f"encoded_{secrets.token_hex(4)}"
        postgresql_server.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'"
        )
        made.append(name)
        return urlunsplit(urlsplit(postgresql_server.url)._replace(path=f"/{name}"))

    yield make
    for name in made:
        postgresql_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_database_without_an_encoding_keeps_text(encoded: Callable[[str], str]) -> None:
    """As every one is in a cluster that was made without a locale."""
    with ExitStack() as stack:
        stores = Stores(encoded("SQL_ASCII"), stack)
        store = stores.open()
        name = "wéb01.example.org"
        assert store.write(Batch(observations=(pong(name, message_id="a"),))) == (True,)
        assert store.events(EventFilter(fqdn=name), 1)[0].observation.fqdn == name


def test_a_database_that_cannot_keep_all_text_is_refused(encoded: Callable[[str], str]) -> None:
    """One output that it does not take would be tried again for ever."""
    with ExitStack() as stack, pytest.raises(ConfigurationError, match=r"LATIN1.*UTF8"):
        Stores(encoded("LATIN1"), stack).open()


async def test_what_comes_while_it_is_away_is_kept_when_it_is_back(
    stores: Stores, postgresql_server: Server
) -> None:
    store = stores.open()
    async with Recorder(store, stores.clock) as recorder:
        await recorder.record(batch("before"))
        await asyncio.to_thread(postgresql_server.stop)
        tasks = [asyncio.create_task(recorder.record(batch(str(n)))) for n in range(5)]
        await until(lambda: recorder.tries >= 2)
        trouble = recorder.trouble
        assert trouble is not None
        assert not any(task.done() for task in tasks)
        await asyncio.to_thread(postgresql_server.start)
        assert await asyncio.gather(*tasks) == [(True,)] * 5
        assert recorder.trouble is None
    assert set(messages(store)) == {"before", "0", "1", "2", "3", "4"}


async def test_an_end_does_not_wait_for_one_that_is_frozen(
    stores: Stores, postgresql_server: Server
) -> None:
    store = stores.open()
    readers = []
    try:
        async with asyncio.timeout(PATIENCE):
            async with Recorder(store, stores.clock) as recorder:
                await recorder.record(batch("before"))
                await asyncio.to_thread(postgresql_server.pause)
                written = asyncio.create_task(recorder.record(batch("a")))
                readers = [asyncio.create_task(asyncio.to_thread(store.servers)) for _ in range(3)]
                await until(lambda: recorder.waiting)
            with pytest.raises(RuntimeError, match="ended before this was written"):
                await written
            await asyncio.to_thread(store.close)
            for reader in readers:
                with pytest.raises(SQLAlchemyError):
                    await reader
    finally:
        await asyncio.to_thread(postgresql_server.unpause)


OPEN = """
import sys
from baton_ping_monitor.settings import Retention
from baton_ping_monitor.store.store import Store
Store.open(sys.argv[1], Retention(), lambda: 0.0).close()
"""


def test_two_that_open_a_new_one_at_once_make_its_tables_once(postgresql: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN, postgresql], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()


@pytest.mark.parametrize(
    ("user", "path", "reason"),
    [
        ("baton:s3cret", None, "password authentication failed"),
        ("baton:baton", "/nothing", 'database "nothing" does not exist'),
    ],
)
def test_a_wrong_url_is_explained_without_the_password(
    user: str, path: str | None, reason: str, stores: Stores
) -> None:
    parts = urlsplit(stores.url)
    address = parts.netloc.rpartition("@")[2]
    stores.url = urlunsplit(parts._replace(netloc=f"{user}@{address}", path=path or parts.path))
    with pytest.raises(ConfigurationError) as caught:
        stores.open()
    assert reason in str(caught.value)
    assert f"baton:***@{address}" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_user_who_may_make_no_tables_is_told_so(
    stores: Stores, postgresql_server: Server
) -> None:
    name = urlsplit(stores.url).path.lstrip("/")
    postgresql_server.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'reader'")
    try:
        parts = urlsplit(stores.url)
        address = parts.netloc.rpartition("@")[2]
        stores.url = urlunsplit(parts._replace(netloc=f"{name}:reader@{address}"))
        with pytest.raises(ConfigurationError, match="permission denied"):
            stores.open()
    finally:
        postgresql_server.execute(f'DROP ROLE "{name}"')
