"""The store in SQLite does what a store does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from baton_ping_monitor.store.store import Store
from databases.contract.events import *  # noqa: F403
from databases.contract.history import *  # noqa: F403
from databases.contract.outputs import *  # noqa: F403
from databases.contract.people import *  # noqa: F403
from databases.contract.retention import *  # noqa: F403
from databases.contract.servers import *  # noqa: F403
from databases.stores import Stores


@pytest.fixture
def stores(tmp_path: Path, empty_database: Path) -> Iterator[Stores]:
    path = shutil.copy(empty_database, tmp_path)
    with ExitStack() as stack:
        yield Stores(f"sqlite:///{path}", stack)


@pytest.fixture
def store(stores: Stores) -> Store:
    return stores.open()
