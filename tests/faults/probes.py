"""Probes: whether servers hear, and how soon they answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from baton import Collector, Configuration
from baton.errors import BatonError, Unroutable
from baton.extension import find_extension
from baton.message import new_id
from faults.history import History, Kind
from faults.requester import WorkAPI
from faults.work import ENVIRONMENT, EXTENSION

_EVERY = 1.0
"""Seconds between two probes of a server for :func:`watch`."""
_EXPIRES = 2.0
_ASK = 0.25
"""Seconds after which :func:`answers` asks those again that have not answered: what it asked before
may be lost. A server that has it does it once, for it has the same id."""
_LOOK = 0.05
"""Seconds after which it looks again whether what it asked is sent."""
_AGAIN = 0.05


async def answers(
    configuration: Configuration, history: History, servers: Iterable[str], timeout: float
) -> float:
    """Ask *servers* until each has answered; after how many seconds the last one did.

    A connection that is lost is replaced at once, nothing backs off. Fails after *timeout* seconds.
    """
    began = time.monotonic()
    left = set(servers)
    errors: list[str] = []
    try:
        async with asyncio.timeout(timeout):
            while left:
                try:
                    await _ask(configuration, history, left, began)
                except BatonError as error:
                    errors.append(f"{time.monotonic() - began:.1f} s: {error}")
                    await asyncio.sleep(_AGAIN)  # refused at once: ask again, not in a tight loop
    except TimeoutError:
        names = ", ".join(sorted(left))
        met = "; ".join(errors[-5:]) or "no error"
        raise AssertionError(f"no answer within {timeout:g} s from {names} ({met})") from None
    return time.monotonic() - began


async def _ask(
    configuration: Configuration, history: History, left: set[str], began: float
) -> None:
    async with Collector(configuration, find_extension(EXTENSION)) as collector:
        while left:
            # Answers are taken meanwhile: in a cluster with a dead node, a confirm may be long.
            sending = asyncio.create_task(_send(collector))
            try:
                until: float | None = None
                while left:
                    while (reply := collector.take()) is not None:
                        if reply.fqdn in left:
                            left.discard(reply.fqdn)
                            after = time.monotonic() - began
                            history.add(Kind.ANSWERS, server=reply.fqdn, detail=f"{after:.3f}")
                    if until is None and sending.done():
                        sending.result()
                        until = time.monotonic() + _ASK
                    if not left:
                        break
                    came = await collector.wait(until or time.monotonic() + _LOOK)
                    if until is not None and not came:
                        break
            finally:
                sending.cancel()
                await asyncio.wait({sending})


async def _send(collector: Collector) -> None:
    # To all at once: a collector asks one name after the other.
    try:
        await collector.send({"type": "probe"}, [ENVIRONMENT], expires=_EXPIRES)
    except Unroutable as error:
        if error.missing:  # the channel has gone with the exchange
            raise


async def watch(configuration: Configuration, history: History, servers: Iterable[str]) -> None:
    """Probe *servers* once in a second, until this is cancelled, for :mod:`faults.deafness`."""
    api = WorkAPI(configuration)
    servers, key = list(servers), new_id()
    try:
        while True:
            # Nobody listens on that key; but with one the service says of each what came of it.
            probes = [api.work(server, {"type": "probe"}, _EXPIRES, key) for server in servers]
            for probe, error in await api.outcomes(probes):
                if error is None or isinstance(error, Unroutable):
                    history.add(Kind.PROBED, id=probe.envelope.message_id, server=probe.routing_key)
            await asyncio.sleep(_EVERY)
    finally:
        # Not awaited: who is cancelled waits for nothing. Its thread is a daemon.
        await asyncio.shield(asyncio.to_thread(api.close))
