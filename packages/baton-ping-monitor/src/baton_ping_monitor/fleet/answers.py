"""Pings and their answers: how long each took, and who let one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from baton_ping_monitor.fleet.rounds import Round, Rounds

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.index import Index
    from baton_ping_monitor.fleet.limits import Limits
    from baton_ping_monitor.fleet.record import Record
    from baton_ping_monitor.observation import Observation


class Answers:
    """Notes in the records of *index* which pings reach them, and what they answer."""

    def __init__(self, index: Index, limits: Limits) -> None:
        self.rounds = Rounds(limits.pings, limits.patience)
        self._index = index

    def sent(self, pings: Mapping[str, str | None], now: float) -> None:
        """Pings went out together, the id of each by its target. Some may be answered already."""
        ids = {each for each in pings.values() if each is not None}
        self.rounds.alive(now)
        begun = self.rounds.begin(pings, ids, now)
        for target in pings:
            for record in self._index.reached(target).values():
                record.asked = begun.number
                if record.early is not None and record.early[0] in ids:
                    self._answered(record, begun.number, record.early[1] - now)
                    record.early = None

    def note(self, record: Record, seen: Observation) -> float | None:
        """A server said *seen*; how long the answer took, None if it is to no ping of ours."""
        answered = self.rounds.of(seen.correlation_id)
        if answered is None:
            if seen.correlation_id is not None:
                record.early = seen.correlation_id, seen.received
            return None
        self._answered(record, answered.number, seen.received - answered.sent)
        return record.latency

    def judge(self, judged: Round) -> Iterator[Record]:
        """Those that let this round pass, each once. Who said something since is not silent: the
        ping was lost, or it is slow."""
        for record in self._asked(judged):
            if record.seen is None or record.seen < judged.sent:
                record.silent += 1
            record.latencies.append(None)
            record.shown = None
            yield record

    def _asked(self, judged: Round) -> Iterator[Record]:
        """Those that the round reached, and that have answered neither it nor a later one."""
        reached: dict[str, Record] = {}
        for target in judged.targets:
            reached.update(self._index.reached(target))
        for record in reached.values():
            if record.is_retired or record.first_seen is None or record.first_seen > judged.sent:
                continue
            if record.answered < judged.number <= record.asked:
                yield record

    def _answered(self, record: Record, number: int, latency: float) -> None:
        record.latency = max(0.0, latency)
        record.shown = None
        if number <= record.answered:
            return
        record.answered = number
        if number <= self.rounds.judged and record.latencies and record.latencies[-1] is None:
            record.latencies.pop()  # it comes late, but it comes
        record.latencies.append(record.latency)
