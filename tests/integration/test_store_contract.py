"""The store in PostgreSQL does what a store does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from baton_ping_monitor.store.store import Store
from databases import Server, fresh_database, make_empty
from databases.contract.events import *  # noqa: F403
from databases.contract.history import *  # noqa: F403
from databases.contract.outputs import *  # noqa: F403
from databases.contract.people import *  # noqa: F403
from databases.contract.retention import *  # noqa: F403
from databases.contract.servers import *  # noqa: F403
from databases.stores import Stores


@pytest.fixture(scope="module")
def database(postgresql_server: Server) -> Iterator[str]:
    """The database of these tests, with its tables: to make them takes longer than most tests."""
    with fresh_database(postgresql_server, "contract") as url:
        with ExitStack() as stack:
            Stores(url, stack).open()
        yield url


@pytest.fixture
def stores(database: str) -> Iterator[Stores]:
    make_empty(database)
    with ExitStack() as stack:
        yield Stores(database, stack)


@pytest.fixture
def store(stores: Stores) -> Store:
    return stores.open()
