"""Where a message goes, as RabbitMQ decides it: by its key, by its headers, or after its death."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from baton.message import BCC_HEADER, Envelope
from baton.transports.base import Binding, Exchange
from baton.transports.memory.stock import Stored

_OF_DEATH: Final = re.compile("x-death$|x-(first|last)-death-")


class Bindings:
    """Which queues take what is published to which exchange."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], dict[str, list[Binding]]] = {}

    def all(self) -> Iterator[Binding]:
        """Every one."""
        for queues in self._by_key.values():
            yield from chain.from_iterable(queues.values())

    def add(self, binding: Binding) -> None:
        """Add *binding*, unless it is there."""
        bindings = self._of(binding)
        if binding not in bindings:
            bindings.append(binding)

    def remove(self, binding: Binding) -> None:
        """Take *binding* away, if it is there."""
        bindings = self._of(binding)
        if binding in bindings:
            bindings.remove(binding)

    def forget_exchange(self, name: str) -> None:
        """The exchange *name* is gone."""
        self._by_key = {key: each for key, each in self._by_key.items() if key[0] != name}

    def forget_queue(self, name: str) -> None:
        """The queue *name* is gone."""
        for queues in self._by_key.values():
            queues.pop(name, None)

    def route(self, exchange: Exchange, key: str, envelope: Envelope) -> set[str]:
        """The queues that take a message which is published to *exchange*."""
        if exchange.kind == "headers":
            return {
                each.queue
                for each in self.all()
                if each.exchange == exchange.name and _matches(each.arguments, envelope.headers)
            }
        keys = (key, *envelope.headers.get(BCC_HEADER, ()))
        found = (self._by_key.get((exchange.name, each), {}) for each in keys)
        return {queue for queues in found for queue, bindings in queues.items() if bindings}

    def _of(self, binding: Binding) -> list[Binding]:
        queues = self._by_key.setdefault((binding.exchange, binding.key), {})
        return queues.setdefault(binding.queue, [])


def without_bcc(envelope: Envelope) -> Envelope:
    """*envelope* as it is delivered: nobody is told who else had a copy."""
    if BCC_HEADER not in envelope.headers:
        return envelope
    headers: Mapping[str, Any] = {k: v for k, v in envelope.headers.items() if k != BCC_HEADER}
    return replace(envelope, headers=headers)


def died(stored: Stored, queue: str, reason: str) -> Envelope:
    """The envelope of *stored* after its death in *queue*: it does not expire any more, and says
    what happened, as ``x-death``. What a client has put there itself does not count."""
    headers = dict(stored.envelope.headers)
    if not stored.has_died:
        headers = {name: value for name, value in headers.items() if not _OF_DEATH.match(name)}
    deaths = [dict(death) for death in headers.get("x-death", ())]
    before = next((d for d in deaths if (d["queue"], d["reason"]) == (queue, reason)), None)
    if before is None:
        before = {
            "count": 0,
            "reason": reason,
            "queue": queue,
            "time": datetime.fromtimestamp(int(time.time()), UTC),
            "exchange": stored.exchange,
            "routing-keys": [stored.routing_key],
        }
        if stored.envelope.expiration is not None:
            before["original-expiration"] = stored.envelope.expiration
    else:
        deaths.remove(before)
    before["count"] += 1
    headers["x-death"] = [before, *deaths]
    last = {"exchange": before["exchange"], "queue": queue, "reason": reason}
    for name, value in last.items():
        headers.setdefault(f"x-first-death-{name}", value)
        headers[f"x-last-death-{name}"] = value
    return replace(stored.envelope, headers=headers, expires=None)


def _matches(arguments: Mapping[str, Any], headers: Mapping[str, Any]) -> bool:
    """Whether a message with *headers* is one for a binding with *arguments*."""
    how = arguments.get("x-match", "all")
    looks_at_all = how.endswith("-with-x")
    wanted = {
        name: value
        for name, value in arguments.items()
        if name != "x-match" and (looks_at_all or not name.startswith("x-"))
    }
    found = [name in headers and headers[name] == value for name, value in wanted.items()]
    return any(found) if how.startswith("any") else all(found)
