"""What a store in a file survives, and how threads share it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from baton_ping_monitor.store.records import Batch, EventFilter
from databases.stores import DAY, Stores, messages, pong, write

WRITE = """
import sys
from baton_ping_monitor.observation import Observation
from baton_ping_monitor.settings import Retention
from baton_ping_monitor.store.records import Batch
from baton_ping_monitor.store.store import Store

store = Store.open(sys.argv[1], Retention(), lambda: 1_800_000_000.0)
for number in range(1_000_000):
    said = [
        Observation(1_800_000_000.0, "baton-ping", "pong", message_id=f"{number}.{each}")
        for each in range(50)
    ]
    store.write(Batch(observations=tuple(said)))
    print(number, flush=True)
"""
THREADS = 8


@pytest.fixture
def stores(tmp_path: Path, empty_database: Path) -> Iterator[Stores]:
    path = shutil.copy(empty_database, tmp_path)
    with ExitStack() as stack:
        yield Stores(f"sqlite:///{path}", stack)


def test_what_was_committed_survives_a_kill(stores: Stores) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, stores.url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(20)]
    process.kill()
    told += process.stdout.readlines()
    process.communicate()
    store = stores.open()
    found = set(messages(store, limit=100_000))
    committed = [int(line) for line in told if line.endswith("\n")]
    assert len(committed) >= 20
    for number in committed:
        assert {f"{number}.{each}" for each in range(50)} <= found
    # What was being written then is there as a whole, or not at all.
    assert len(found) % 50 == 0
    again = Batch(observations=tuple(pong(message_id=f"0.{each}") for each in range(50)))
    assert not any(store.write(again))


def test_threads_write_and_read_at_the_same_time(stores: Stores) -> None:
    store = stores.open()
    errors: list[Exception] = []

    def work(name: str) -> None:
        try:
            for number in range(10):
                write(store, pong(f"{name}.example.org", message_id=f"{name}.{number}"))
                store.events(EventFilter(fqdn=f"{name}.example.org"), 10)
                store.roll()
        except Exception as error:  # noqa: BLE001  (told by the test)
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"web{n}",)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(messages(store, 1000)) == THREADS * 10


def test_a_store_in_memory_works_as_any_other(stores: Stores) -> None:
    stores.url = "sqlite://"
    store = stores.open()
    assert write(store, pong(message_id="a")) == (True,)
    thread = threading.Thread(target=store.roll)
    thread.start()
    thread.join()
    assert messages(store) == ["a"]
    assert store.name == "sqlite://"


def test_its_end_comes_after_what_is_being_written_and_ends_upkeep(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton_ping_monitor.store.retention.AT_ONCE", 1)
    store = stores.open()
    write(store, *(pong(message_id=str(number)) for number in range(2_000)))
    store.roll()
    stores.now += 30 * DAY
    thread = threading.Thread(target=store.prune)
    thread.start()
    write(store, pong(at=stores.now, message_id="new"))
    store.close()
    thread.join(10)
    assert not thread.is_alive()
    left = messages(stores.open(), limit=3_000)
    assert left[0] == "new"
    assert len(left) > 2
