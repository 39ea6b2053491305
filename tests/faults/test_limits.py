"""What a process runs out of, while it runs: descriptors, and memory.

It goes on, or it ends and says so; it never is one that looks well and does nothing.
"""

from __future__ import annotations

import asyncio
import signal

from brokers import Vhost
from faults.patient import patient


async def test_no_descriptor_is_left(vhost: Vhost) -> None:
    """What is connected stays connected. What is lost meanwhile comes back when there are some."""
    with patient(vhost) as service:
        await service.tell("limit", what="files", more=0)
        failed = await service.tell("leak-files", files=10)
        assert "Too many open files" in failed.last["error_message"]
        assert (await service.tell("ok")).outcome == "done"
        await asyncio.to_thread(vhost.close_connections)
        service.process.wait_for("is disconnected")
        # One is free for each connection that was lost: take them, and let nobody be told wrong.
        for _ in range(2):
            service.signal(signal.SIGHUP)
        assert await service.becomes_ready(30) < 30
        assert await service.answers(10) < 10
        service.signal(signal.SIGTERM)
        assert service.process.wait() == 0
        assert service.log("Traceback") == 0


async def test_descriptors_that_handlers_leak(vhost: Vhost) -> None:
    with patient(vhost) as service:
        await service.tell("limit", what="files", more=20)
        failed = await service.tell("leak-files", files=100)
        assert "Too many open files" in failed.last["error_message"]
        assert (await service.tell("ok")).outcome == "done"
        await asyncio.to_thread(vhost.close_connections)
        await service.answers(20)
        assert (await service.tell("release")).outcome == "done"
        await service.becomes_ready()
        service.signal(signal.SIGTERM)
        assert service.process.wait() == 0


async def test_no_memory_is_left(vhost: Vhost) -> None:
    with patient(vhost) as service:
        await service.tell("limit", what="memory", more=64)
        for to in ("async", "plain"):
            failed = await service.tell("leak-memory", to=to, mib=1000)
            assert failed.last["error_class"] == "MemoryError"
            # As soon as there is some again, it answers; until then it may, too.
            await service.tell("ok", to=to, timeout=1)
            assert (await service.tell("release", to=to)).outcome == "done"
            await service.answers(15, to=to)
        await service.becomes_ready()
        service.signal(signal.SIGTERM)
        assert service.process.wait() == 0
