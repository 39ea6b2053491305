"""Asking: a command is sent, and what is said to it comes, until all who were asked have finished.

A test knows who was asked, unlike any other requester: its own services. So it needs to wait for
nobody else, and can say who is missing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, cast

from baton.errors import Unroutable
from baton.fleet import Collector, Reply
from baton.testing.failure import HarnessError

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.extension import Extension
    from baton.service import Service


async def answers(
    configuration: Configuration,
    extension: Extension,
    message: Mapping[str, Any],
    keys: str | Sequence[str],
    services: Sequence[Service],
    timeout: float,
) -> AsyncGenerator[Reply, None]:
    """Send *message* to *keys*, and yield each output until those of *services* that listen there
    have finished.

    Raises Unroutable if nobody listens on one of *keys*, HarnessError if somebody has not finished
    within *timeout* seconds, and what :meth:`Collector.send` does.
    """
    __tracebackhide__ = True
    targets = [keys] if isinstance(keys, str) else list(keys)
    asked = [name for service in services for name in _listeners(service, targets)]
    finished: list[str] = []
    came: list[Reply] = []
    async with Collector(configuration, extension) as collector:
        await collector.send(message, targets)
        if collector.unroutable:
            raise Unroutable(collector.unroutable, configuration.exchange or extension.exchange)
        replies = cast("AsyncGenerator[Reply, None]", collector.replies(timeout))
        async with aclosing(replies):
            async for reply in replies:
                if reply.is_output:
                    came.append(reply)
                    yield reply
                if reply.end is not None:
                    finished.append(reply.fqdn)
                    if len(finished) == len(asked):
                        return
    # Of others nobody knows how many there are: whoever asked them gets what came in time.
    if not collector.is_complete and (asked or not came):
        states = [f"{service.server.fqdn} is {service.channel.state}" for service in services]
        raise HarnessError(
            f"{extension.name} has not finished {json.dumps(dict(message))} "
            f"within {timeout:g} s\n"
            f"  finished: {_listed(finished)}\n"
            f"  not finished: {_listed(_without(asked, finished))}\n"
            f"  services: {_listed(states)}\n"
            f"  came: {_listed([repr(dict(reply.message)) for reply in came])}"
        )


async def close(stream: AsyncGenerator[Reply, None]) -> None:
    """Close *stream*, unless a task that was cancelled is still in it, which does so."""
    if not (isinstance(stream, AsyncGeneratorType) and stream.ag_running):
        await stream.aclose()


def _listeners(service: Service, keys: Sequence[str]) -> list[str]:
    """The name of the server, once for each consumer of *service* that listens on one of *keys*."""
    return [
        service.server.fqdn
        for manager in service.channel.managers
        if not set(keys).isdisjoint(manager.consumer.routing_keys)
    ]


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
    left = list(names)
    for name in others:
        if name in left:
            left.remove(name)
    return left


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items) or "nobody"
