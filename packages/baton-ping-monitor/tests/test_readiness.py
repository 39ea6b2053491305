"""Whether the dashboard does its work."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy.exc import OperationalError

from baton import Configuration
from baton.link import Phase
from baton_ping.monitor import PingMonitor
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.readiness import Readiness
from baton_ping_monitor.settings import Retention
from baton_ping_monitor.store.recorder import Recorder
from baton_ping_monitor.store.records import Batch
from baton_ping_monitor.store.store import Store


class Full(Store):
    """A store whose disk is full."""

    def write(self, batch: Batch) -> tuple[bool, ...]:
        raise OperationalError("INSERT", {}, Exception("the disk is full"))


async def test_it_is_ready_when_it_hears_and_keeps(memory_url: str, tmp_path: Path) -> None:
    clock = Clock()
    store = Full.open(f"sqlite:///{tmp_path}/x.db", Retention(), clock)
    monitor = PingMonitor(Configuration(rabbit_url=memory_url))
    ready = asyncio.Event()
    monitor.watch(lambda state: ready.set() if state.phase is Phase.READY else None)
    async with Recorder(store, clock) as recorder:
        readiness = Readiness([monitor], recorder)
        assert not readiness.is_ready
        assert readiness.reason.startswith("the monitor of baton-ping is connecting since ")
        await monitor.start()
        await asyncio.wait_for(ready.wait(), 5)
        assert (readiness.is_ready, readiness.reason, readiness.trouble) == (True, "", "")
        recording = asyncio.ensure_future(recorder.record(Batch()))
        while recorder.trouble is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        assert not readiness.is_ready
        assert readiness.reason == readiness.trouble
        assert readiness.trouble.startswith("What is heard cannot be kept: ")
        assert "the disk is full" in readiness.trouble
        await monitor.stop()
    await asyncio.wait([recording])
    assert recording.exception() is not None
    store.close()
