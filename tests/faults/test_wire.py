"""A line in a process of its own."""

from __future__ import annotations

import asyncio
from typing import Any

from baton import Configuration
from brokers import Vhost
from faults.wire import wire
from integration.running import WEB01, answers_within, running

QUICK: dict[str, Any] = {"pulse": 1.0, "deadline": 2.0, "reconnect_max": 0.3}


async def test_it_is_cut_and_mended(vhost: Vhost) -> None:
    with wire(vhost.url) as line:
        through = Configuration(rabbit_url=line.end, **QUICK)
        async with running(through, WEB01) as service:
            await asyncio.to_thread(line.cut)
            changed = asyncio.Event()
            service.watch(lambda state: changed.set() if "refused" in state.reason else None)
            async with asyncio.timeout(20):
                await changed.wait()
            await asyncio.to_thread(line.mend)
            assert await answers_within(vhost.configuration(), 20) < 20
