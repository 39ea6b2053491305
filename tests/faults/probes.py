"""Probes: whether servers hear, and how soon they answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from baton import Collector, Configuration
from baton.errors import BatonError, Unroutable
from baton.extension import find_extension
from faults.history import History, Kind
from faults.requester import WorkAPI
from faults.work import EXTENSION

_EVERY = 1.0
"""Seconds between two probes of a server for :func:`watch`."""
_EXPIRES = 2.0
_ROUND = 0.5
"""Seconds that :func:`answers` waits for those that it has asked."""
_AGAIN = 0.05


async def answers(
    configuration: Configuration, history: History, servers: Iterable[str], timeout: float
) -> float:
    """Ask *servers* until each has answered; after how many seconds the last one did.

    Each round has a connection of its own, so nothing backs off. Fails after *timeout* seconds.
    """
    began = time.monotonic()
    left = set(servers)
    try:
        async with asyncio.timeout(timeout):
            while left:
                try:
                    await _ask(configuration, history, left, began)
                except BatonError:
                    await asyncio.sleep(_AGAIN)  # refused at once: ask again, not in a tight loop
    except TimeoutError:
        names = ", ".join(sorted(left))
        raise AssertionError(f"no answer within {timeout:g} s from {names}") from None
    return time.monotonic() - began


async def _ask(
    configuration: Configuration, history: History, left: set[str], began: float
) -> None:
    async with Collector(configuration, find_extension(EXTENSION)) as collector:
        await collector.send({"type": "probe"}, sorted(left), expires=_EXPIRES)
        async for reply in collector.replies(_ROUND):
            if reply.fqdn in left:
                left.discard(reply.fqdn)
                after = time.monotonic() - began
                history.add(Kind.ANSWERS, server=reply.fqdn, detail=f"{after:.3f}")


async def watch(configuration: Configuration, history: History, servers: Iterable[str]) -> None:
    """Probe *servers* once in a second, until this is cancelled, for :mod:`faults.deafness`."""
    api = WorkAPI(configuration)
    servers = list(servers)
    try:
        while True:
            probes = [api.work(server, {"type": "probe"}, _EXPIRES) for server in servers]
            for probe, error in await api.outcomes(probes):
                if error is None or isinstance(error, Unroutable):
                    history.add(Kind.PROBED, id=probe.envelope.message_id, server=probe.routing_key)
            await asyncio.sleep(_EVERY)
    finally:
        # Not awaited: who is cancelled waits for nothing. Its thread is a daemon.
        await asyncio.shield(asyncio.to_thread(api.close))
