"""From the event loop into the store: nothing is lost, and it is told when it is kept."""

from __future__ import annotations

import asyncio
import resource
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import DataError

from baton_ping_monitor.settings import Retention
from baton_ping_monitor.store.recorder import Recorder
from baton_ping_monitor.store.records import Batch, EventFilter, Missed, ServerRecord, Transition
from baton_ping_monitor.store.store import Store
from databases.stores import NOON, messages, pong

WEB = "web01.example.org"
PATIENCE = 20.0


def clock() -> float:
    return NOON


@pytest.fixture
def path(tmp_path: Path, empty_database: Path) -> Path:
    return Path(shutil.copy(empty_database, tmp_path))


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store.open(f"sqlite:///{path}?timeout=0.05", Retention(), clock)) as store:
        yield store


class Counted(Store):
    """A store that counts its transactions, and holds them back while it is told to."""

    transactions = 0
    gate: threading.Event | None = None

    def write(self, batch: Batch) -> tuple[bool, ...]:
        self.transactions += 1
        if self.gate is not None:
            self.gate.wait(PATIENCE)
        return super().write(batch)


@pytest.fixture
def counted(path: Path) -> Iterator[Counted]:
    with closing(Counted.open(f"sqlite:///{path}", Retention(), clock)) as store:
        assert isinstance(store, Counted)
        yield store


def batch(*names: str) -> Batch:
    return Batch(observations=tuple(pong(message_id=name) for name in names))


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until *condition* holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  (what threads do is told by no event)
            await asyncio.sleep(0.005)


async def test_it_returns_when_the_batch_is_committed(store: Store) -> None:
    async with Recorder(store, clock) as recorder:
        assert await recorder.record(batch("a", "b")) == (True, True)
        assert messages(store) == ["b", "a"]
        assert await recorder.record(batch("b", "c")) == (False, True)
        assert recorder.trouble is None


async def test_every_part_of_a_batch_is_written(store: Store) -> None:
    everything = Batch(
        observations=(pong(message_id="a"),),
        missed=(Missed(NOON, WEB),),
        servers=(ServerRecord(WEB),),
        transitions=(Transition(NOON, WEB, "", "up"),),
    )
    async with Recorder(store, clock) as recorder:
        results = await asyncio.gather(*(recorder.record(everything) for _ in range(3)))
    assert results == [(True,), (False,), (False,)]
    assert store.server(WEB) == ServerRecord(WEB)
    assert len(store.transitions(WEB, 0, 10)) == 3
    assert sorted(map(str, store.recent([WEB])[WEB])) == ["0.01", "None", "None", "None"]


async def test_what_comes_meanwhile_is_written_together(counted: Counted) -> None:
    counted.gate = threading.Event()
    async with Recorder(counted, clock) as recorder:
        first = asyncio.create_task(recorder.record(batch("first")))
        await until(lambda: counted.transactions == 1)
        others = [asyncio.create_task(recorder.record(batch(f"{n}.a", f"{n}.b"))) for n in range(9)]
        twice = asyncio.create_task(recorder.record(batch("first", "last")))
        await asyncio.sleep(0)
        counted.gate.set()
        assert await first == (True,)
        assert await asyncio.gather(*others) == [(True, True)] * 9
        assert await twice == (False, True)
    assert counted.transactions == 2
    assert messages(counted) == [
        "last",
        *(f"{n}.{part}" for n in reversed(range(9)) for part in "ba"),
        "first",
    ]


async def test_whoever_brings_too_much_waits(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton_ping_monitor.store.recorder._WAITING", 10)
    monkeypatch.setattr("baton_ping_monitor.store.recorder._AT_ONCE", 4)
    counted.gate = threading.Event()
    async with Recorder(counted, clock) as recorder:
        tasks = [asyncio.create_task(recorder.record(batch(f"{n}.a", f"{n}.b"))) for n in range(50)]
        await until(lambda: counted.transactions == 1)
        assert recorder.waiting == 10
        counted.gate.set()
        assert await asyncio.gather(*tasks) == [(True, True)] * 50
    assert recorder.waiting == 0
    assert counted.transactions >= 25
    assert len(messages(counted)) == 100


async def test_a_batch_of_any_size_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton_ping_monitor.store.recorder._WAITING", 3)
    monkeypatch.setattr("baton_ping_monitor.store.recorder._AT_ONCE", 2)
    async with Recorder(store, clock) as recorder:
        assert all(await recorder.record(batch(*map(str, range(20)))))
        assert await recorder.record(batch("more")) == (True,)


async def test_whoever_was_cancelled_does_not_disturb_the_others(counted: Counted) -> None:
    counted.gate = threading.Event()
    async with Recorder(counted, clock) as recorder:
        gone = asyncio.create_task(recorder.record(batch("gone")))
        stays = asyncio.create_task(recorder.record(batch("stays")))
        await until(lambda: counted.transactions == 1)
        gone.cancel()
        await asyncio.sleep(0)
        counted.gate.set()
        assert await stays == (True,)
    assert set(messages(counted)) == {"gone", "stays"}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else has the database for themselves."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def full(path: Path) -> Iterator[None]:
    """The system takes no more of this process's files than there is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(4096, path.stat().st_size), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("fault", "said"), [(locked, "database is locked"), (full, "disk I/O error")]
)
async def test_a_database_that_fails_is_tried_until_it_does_not(
    fault: Callable[[Path], AbstractContextManager[None]],
    said: str,
    store: Store,
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "baton_ping_monitor")
    big = Batch(observations=(pong(message_id="a", body="x" * 60_000),))
    async with Recorder(store, clock) as recorder:
        await recorder.record(batch("before"))
        caplog.clear()
        with fault(path):
            tasks = [asyncio.create_task(recorder.record(each)) for each in (big, batch("b"))]
            await until(lambda: recorder.tries >= 3)
            trouble = recorder.trouble
            assert trouble is not None
            assert trouble.since == NOON
            assert said in trouble.reason
            assert not any(task.done() for task in tasks)
            assert messages(store) == ["before"]
        assert await asyncio.gather(*tasks) == [(True,), (True,)]
        assert recorder.trouble is None
    assert messages(store) == ["b", "a", "before"]
    failed, succeeded = (record.message for record in caplog.records)
    assert f"{store.name} does not take what is to be written: " in failed
    assert said in failed
    assert f"{store.name} takes what is to be written again, after 0 s" in succeeded


async def test_it_does_not_wait_for_others_that_block(store: Store) -> None:
    gate = threading.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    blocked = asyncio.create_task(asyncio.to_thread(gate.wait, PATIENCE))
    async with Recorder(store, clock) as recorder:
        await asyncio.sleep(0)
        assert await recorder.record(batch("a")) == (True,)
    assert not blocked.done()
    gate.set()
    assert await blocked


async def test_at_the_end_what_waits_is_written(counted: Counted) -> None:
    counted.gate = threading.Event()
    async with Recorder(counted, clock) as recorder:
        tasks = [asyncio.create_task(recorder.record(batch(str(n)))) for n in range(3)]
        await until(lambda: counted.transactions == 1)
        counted.gate.set()
    assert [task.result() for task in tasks] == [(True,)] * 3
    with pytest.raises(RuntimeError, match="has ended"):
        await recorder.record(batch("late"))


async def test_an_end_while_the_database_fails_comes_soon_and_says_so(
    store: Store, path: Path
) -> None:
    with locked(path):
        async with asyncio.timeout(PATIENCE), Recorder(store, clock) as recorder:
            tasks = [asyncio.create_task(recorder.record(batch(str(n)))) for n in range(2)]
            await until(lambda: recorder.trouble is not None)
        for task in tasks:
            with pytest.raises(RuntimeError, match="ended before this was written"):
                await task
    assert store.events(EventFilter(), 10) == []


async def test_a_fault_of_ours_is_trouble_and_not_silence(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = Batch(missed=(Missed(NOON, None),))  # type: ignore[arg-type]
    async with Recorder(store, clock) as recorder:
        task = asyncio.create_task(recorder.record(wrong))
        await until(lambda: recorder.trouble is not None)
        assert recorder.trouble is not None
        assert "NoneType" in recorder.trouble.reason
    with pytest.raises(RuntimeError):
        await task
    assert caplog.records[0].exc_info is not None


class Picky(Store):
    """A store that refuses what is called poison."""

    def write(self, batch: Batch) -> tuple[bool, ...]:
        environments = [each.environment for each in batch.observations]
        environments += [each.environment for each in batch.servers]
        if "poison" in environments:
            raise DataError("INSERT", {}, Exception("out of range"))
        return super().write(batch)


async def test_a_row_that_is_refused_keeps_no_other_waiting(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = tuple(
        pong(message_id=f"{number}", environment="poison" if number == 5 else "production")
        for number in range(8)
    )
    servers = (ServerRecord("db01", "poison"), ServerRecord(WEB, "production"))
    everything = Batch(said, (Missed(NOON, WEB),), servers, (Transition(NOON, WEB, "", "up"),))
    with closing(Picky.open(f"sqlite:///{path}", Retention(), clock)) as store:
        async with asyncio.timeout(PATIENCE), Recorder(store, clock) as recorder:
            assert await recorder.record(everything) == tuple(number != 5 for number in range(8))
            assert recorder.trouble is None
        assert messages(store) == [f"{number}" for number in reversed(range(8)) if number != 5]
        assert store.server(WEB) == ServerRecord(WEB, "production")
        assert store.server("db01") is None
        assert len(store.transitions(WEB, 0, 10)) == len(store.recent([WEB])[WEB]) - 7 == 1
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]  # of two
    assert record.message == "A row cannot be kept, and is left out: out of range"
