"""Which alerts there are: one for an incident, and one when it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from baton_ping_monitor.alerts import wording
from baton_ping_monitor.alerts.delivery import Delivery, Pauses

if TYPE_CHECKING:
    from baton_ping_monitor.alerts.destinations import Destination
    from baton_ping_monitor.alerts.wording import Alert
    from baton_ping_monitor.fleet.view import Blindness, Incident

logger = logging.getLogger(__name__)

_KNOWN: Final = 100_000
"""Incidents that are remembered at most, to tell those that begin from those that grow."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When alerts are sent, in seconds: what changed is gathered for *gather*, and more than *many*
    incidents become one message; the monitor's own blindness is told after *blind*."""

    gather: float = 10.0
    many: int = 5
    blind: float = 60.0
    pauses: Pauses = field(default_factory=Pauses)


class Alerter:
    """Tells people of incidents. Made and used on an event loop, which nothing here holds up.

    Each incident is told of once, and its end once. While the monitor is blind, what changed
    waits until it sees again. *sent* is called with each message that was sent to a destination,
    or given up: the message, the destination's name, and why it was given up, else ``""``. With
    *dry_run* messages are logged only.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        clock: Callable[[], float],
        *,
        dry_run: bool = False,
        pace: Pace | None = None,
        sent: Callable[[Alert, str, str], None] | None = None,
    ) -> None:
        self._clock = clock
        self._pace = pace or Pace()
        self._is_dry = dry_run
        self._sent = sent
        self._deliveries = [Delivery(each, self._note, self._pace.pauses) for each in destinations]
        self._known: dict[str, None] = {}
        self._changed: dict[str, Incident] = {}
        self._fresh: set[str] = set()
        """Of those that changed, the ones that began meanwhile."""
        self._gathering: asyncio.TimerHandle | None = None
        self._blindness: Blindness | None = None
        self._darkness: asyncio.TimerHandle | None = None
        self._told_blind = False

    @property
    def destinations(self) -> Sequence[str]:
        """Where alerts go, without secrets, as shown to people."""
        return [each.name for each in self._deliveries]

    @property
    def is_dry(self) -> bool:
        """Whether alerts are only logged."""
        return self._is_dry

    def restore(
        self,
        incidents: Iterable[Incident],
        told: Container[str] | None = None,
        over: Iterable[Incident] = (),
    ) -> None:
        """Those that were open when the monitor ended. Of those whose ids are in *told*, by default
        all, only the end will be told of; the process ended before it told of the others, and of
        the end of those that are *over*."""
        for each in incidents:
            if each.ended is not None:
                continue
            if told is None or each.id in told:
                self._known[each.id] = None
            else:
                self.changed([each])
        self.changed(over)

    def changed(self, incidents: Iterable[Incident]) -> None:
        """Incidents began, grew or ended. An end of which no beginning was seen is that of one from
        before a restart."""
        for each in incidents:
            if each.ended is None and each.id in self._known:
                continue  # it grew
            if each.ended is None:
                self._fresh.add(each.id)
            self._changed[each.id] = each
        if self._changed and self._gathering is None and self._blindness is None:
            self._gather()

    def blind(self, blindness: Blindness | None) -> None:
        """Whether the monitor is blind. May be called as often as one likes."""
        if blindness is not None and self._blindness is None:
            self._blindness = blindness
            self._stop_gathering()
            loop = asyncio.get_running_loop()
            self._darkness = loop.call_later(self._pace.blind, self._tell_blind)
        elif blindness is None and self._blindness is not None:
            if self._darkness is not None:
                self._darkness.cancel()
            if self._told_blind:
                self._send(wording.sees_again(self._blindness, self._clock()))
            self._blindness, self._darkness, self._told_blind = None, None, False
            if self._changed:
                self._gather()

    async def test(self, by: str) -> str:
        """Send a message to each destination, once; returns what went wrong, or ``""``."""
        alert = wording.trial(by, self._clock())
        if self._is_dry:
            self._send(alert)
            return ""
        if not self._deliveries:
            return "Nobody is told of anything: ALERTS is not set"
        outcomes = await asyncio.gather(*(each.try_once(alert) for each in self._deliveries))
        for each, outcome in zip(self._deliveries, outcomes, strict=True):
            self._note(alert, each.name, outcome)
        return "; ".join(
            f"{each.name}: {outcome}"
            for each, outcome in zip(self._deliveries, outcomes, strict=True)
            if outcome
        )

    async def stop(self, grace: float) -> int:
        """Send what was gathered, and end after *grace* seconds at most; returns how many messages
        were not sent."""
        self._stop_gathering()
        if self._darkness is not None:
            self._darkness.cancel()
        if self._blindness is None:
            self._flush()
        await asyncio.gather(*(each.stop(grace) for each in self._deliveries))
        left = sum(each.waiting for each in self._deliveries)
        if left:
            logger.warning("%d alerts were not sent", left)
        return left

    def _gather(self) -> None:
        loop = asyncio.get_running_loop()
        self._gathering = loop.call_later(self._pace.gather, self._flush)

    def _stop_gathering(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None

    def _flush(self) -> None:
        self._gathering = None
        changed, self._changed = list(self._changed.values()), {}
        began = [each for each in changed if each.ended is None]
        ended = [each for each in changed if each.ended is not None]
        brief = [each for each in ended if each.id in self._fresh]
        over = [each for each in ended if each.id not in self._fresh]
        self._fresh.clear()
        for alert in (
            *self._worded(began, wording.began, wording.many_began),
            *self._worded(over, wording.ended, wording.many_ended),
            *self._worded(brief, wording.passed, wording.many_ended),
        ):
            self._send(alert)
        self._known.update((each.id, None) for each in began)
        for each in ended:
            self._known.pop(each.id, None)
        while len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]

    def _worded(
        self,
        incidents: Sequence[Incident],
        one: Callable[[Incident], Alert],
        many: Callable[[Sequence[Incident]], Alert],
    ) -> list[Alert]:
        if len(incidents) > self._pace.many:
            return [many(incidents)]
        return [one(each) for each in incidents]

    def _tell_blind(self) -> None:
        self._darkness = None
        if self._blindness is not None:
            self._told_blind = True
            self._send(wording.blind(self._blindness))

    def _send(self, alert: Alert) -> None:
        words = "Alert (dry run): %s: %s" if self._is_dry else "Alert: %s: %s"
        logger.info(words, alert.title, alert.text.replace("\n", "; "))
        if not self._is_dry:
            for each in self._deliveries:
                each.put(alert)

    def _note(self, alert: Alert, name: str, trouble: str) -> None:
        if trouble:
            logger.error('The alert "%s" was not sent to %s: %s', alert.title, name, trouble)
        if self._sent is not None:
            self._sent(alert, name, trouble)
