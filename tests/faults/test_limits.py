"""What a process runs out of, while it runs: descriptors, and memory.

It goes on, or it ends and says so; it never is one that looks well and does nothing.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import pytest

from baton.errors import BatonError
from brokers import Vhost
from faults.patient import Patient, patient

BOTH = pytest.mark.parametrize("to", ["async", "plain"])


async def test_no_descriptor_is_left(vhost: Vhost) -> None:
    """What is connected stays so. What is lost meanwhile is connected again when there are some."""
    with patient(vhost) as service:
        await service.tell("limit", what="files", more=5)
        await service.tell("leak-files", to="plain", seconds=3, timeout=1)
        await asyncio.to_thread(service.process.wait_for, "too many open files")
        assert not await asyncio.to_thread(_says_ready, service)
        await recovers(service)
        assert service.log("Nobody can be told how it is: Too many open files") <= 1


@BOTH
async def test_no_memory_is_left(vhost: Vhost, to: str) -> None:
    """It goes on when there is some again, or it ends: it is never there and of no use."""
    with patient(vhost) as service:
        await service.tell("limit", what="memory", more=64)
        with suppress(BatonError):  # it may have ended before it could say anything
            await service.tell("leak-memory", to=to, seconds=2, timeout=2)
        try:
            await recovers(service)
        except (TimeoutError, BatonError):
            # Python itself may crash then: a stack cannot grow. No other end is good.
            code = service.process.ended
            assert code is not None, service.process.lines[-5:]
            assert code != 0


def _says_ready(service: Patient) -> bool:
    try:
        return service.health(timeout=1)[0] == 200
    except OSError:
        return False  # it cannot even be asked


async def recovers(service: Patient) -> None:
    """By itself, to the full."""
    await service.becomes_ready(20)
    for to in ("async", "plain"):
        assert await service.answers(10, to=to) < 10
    service.signal(signal.SIGTERM)
    assert service.process.wait() == 0
