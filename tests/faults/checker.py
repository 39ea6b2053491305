"""What a history tells: what was lost, sent again, done twice, or never accounted for.

Pure: it looks at nothing but the events.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from faults.deafness import Deaf, deaf
from faults.history import Event, History, Kind

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a run's commands and outputs. An output is named by its command, its server
    and its number, ``end`` for the one that ends a command."""

    title: str
    seed: int
    sent: int
    done: int
    failed: int
    """Commands whose end tells that they were not done: they expired, or raised an error."""
    missing: tuple[str, ...]
    unknown: int
    outputs_seen: int
    lost_outputs: tuple[str, ...]
    lost_commands: tuple[str, ...]
    """Confirmed, and not done: allowed, unless commands are durable."""
    duplicated_outputs: int
    """Outputs that came more often than once, with the same message id: allowed, counted."""
    unrecognisable: tuple[str, ...]
    """Outputs that came with another message id each time."""
    disordered: tuple[str, ...]
    """Commands whose outputs came in another order than they were said, though none was sent
    again."""
    run_twice: tuple[str, ...]
    started_late: tuple[str, ...]
    unaccounted: tuple[str, ...]
    abandoned: tuple[str, ...]
    """Servers that were told to stop when all was over, and gave something up."""
    recovery: tuple[float, ...]
    """Seconds until every server answered again, after each fault was healed."""
    deaf: tuple[Deaf, ...]
    deletes: bool = False
    durable: bool = False

    @property
    def violations(self) -> list[str]:
        """What is not as promised, in words; empty if nothing."""
        found = [
            _named("outputs came twice and cannot be recognised", self.unrecognisable),
            _named("commands had their outputs in another order", self.disordered),
            _named("commands were started later than twice their expiry", self.started_late),
            _named("commands are neither finished nor reported missing", self.unaccounted),
            _named("servers did not stop in good order", self.abandoned),
        ]
        if not self.deletes:
            found.append(_named("outputs were lost", self.lost_outputs))
        if self.durable and not self.deletes:
            found.append(_named("durable commands were lost", self.lost_commands))
        if not self.durable:
            found.append(_named("commands were run twice", self.run_twice))
        found += map(str, self.deaf)
        return [each for each in found if each]

    def __str__(self) -> str:
        again = ", ".join(f"{seconds:.2f} s" for seconds in self.recovery)
        return (
            f"{self.title} (seed {self.seed}): {self.sent:,} commands, {self.done:,} done, "
            f"{self.failed:,} failed, {len(self.missing):,} missing, {self.unknown:,} unknown; "
            f"{self.outputs_seen:,} outputs seen, {len(self.lost_outputs):,} lost, "
            f"{self.duplicated_outputs:,} sent again; {len(self.run_twice):,} run twice; "
            f"answers again after {again or '-'}"
        )


def check(
    history: History,
    *,
    expires: float,
    title: str = "",
    seed: int = 0,
    notice: float = float("inf"),
    deletes: bool = False,
    durable: bool = False,
) -> Verdict:
    """What *history* tells of commands that expire after *expires* seconds. A service may say that
    it is ready for *notice* seconds while it is deaf. With *deletes*, something that holds messages
    was deleted; with *durable*, commands are, so that one may be run again after a crash."""
    sent = _ids(history, Kind.SENT)
    finished = _ids(history, Kind.FINISHED) & sent
    done = {e.id for e in history if e.kind is Kind.FINISHED and e.detail == "done"} & sent
    missing = (_ids(history, Kind.MISSING) & sent) - finished
    told = _ids(history, Kind.UNROUTABLE)
    starts = _starts(history)
    twice = {run for run, times in starts.items() if len(times) > 1}
    seen = _seen(history)
    again = {name for name, ids in seen.items() if len(ids) > 1}
    if durable:  # what is run twice says everything twice
        again = {name for name in again if name[:2] not in twice}
    return Verdict(
        title=title,
        seed=seed,
        sent=len(sent),
        done=len(done),
        failed=len(finished - done),
        missing=tuple(sorted(missing)),
        unknown=len(_ids(history, Kind.UNKNOWN) & sent),
        outputs_seen=len(seen),
        lost_outputs=_lost(history, set(seen), sent - finished),
        lost_commands=tuple(sorted((_ids(history, Kind.CONFIRMED) & sent) - _ended(history))),
        duplicated_outputs=sum(count - 1 for ids in seen.values() for count in ids.values()),
        unrecognisable=tuple(sorted(map(_name, again))),
        disordered=_disordered(history, twice),
        run_twice=tuple(sorted(f"{command} on {server}" for command, server in twice)),
        started_late=_late(history, starts, 2 * expires),
        unaccounted=tuple(sorted(sent - finished - missing - told)),
        abandoned=tuple(f"{event.server} ({event.detail})" for event in history.of(Kind.ABANDONED)),
        recovery=_recovery(history),
        deaf=tuple(deaf(history, notice)),
        deletes=deletes,
        durable=durable,
    )


_Run = tuple[str, str]
"""A command, and the server that it runs on."""
_Output = tuple[str, str, int]
"""A command, its server, and the number of the output."""


def _ids(history: History, kind: Kind) -> set[str]:
    return {event.id for event in history if event.kind is kind}


def _ended(history: History) -> set[str]:
    return _ids(history, Kind.ENDED) | _ids(history, Kind.FINISHED)


def _starts(history: History) -> dict[_Run, list[float]]:
    starts: defaultdict[_Run, list[float]] = defaultdict(list)
    for event in history.of(Kind.STARTED):
        starts[event.id, event.server].append(event.at)
    return starts


def _seen(history: History) -> dict[_Output, Counter[str]]:
    seen: defaultdict[_Output, Counter[str]] = defaultdict(Counter)
    for event in history:
        if event.kind is Kind.SEEN:
            seen[event.id, event.server, event.seq][event.output] += 1
    return seen


def _lost(history: History, seen: set[_Output], unfinished: set[str]) -> tuple[str, ...]:
    """What the broker has confirmed, as each service was told or as one says that has drained, and
    nobody ever saw. A command's end counts, too: the queue of who asked outlives its connection."""
    drained = {event.detail for event in history if event.kind is Kind.DRAINED}
    lost = set()
    for event in history:
        said = event.kind in {Kind.NOTIFIED, Kind.ENDED} and event.detail in drained
        if not said and event.kind is not Kind.STORED:
            continue
        if event.seq < 0:
            if event.id in unfinished:  # a probe has an end, too
                lost.add(f"{event.id} on {event.server} end")
        elif (event.id, event.server, event.seq) not in seen:
            lost.add(_name((event.id, event.server, event.seq)))
    return tuple(sorted(lost))


def _disordered(history: History, twice: set[_Run]) -> tuple[str, ...]:
    """By when the monitor got each output for the first time; what runs twice may say it so."""
    again = twice | {(event.id, event.server) for event in history.of(Kind.RESENT)}
    orders: defaultdict[_Run, dict[int, None]] = defaultdict(dict)
    for event in history.of(Kind.SEEN):
        orders[event.id, event.server].setdefault(event.seq)
    return tuple(
        sorted(
            f"{command} on {server}"
            for (command, server), order in orders.items()
            if (command, server) not in again and list(order) != sorted(order)
        )
    )


def _late(history: History, starts: dict[_Run, list[float]], limit: float) -> tuple[str, ...]:
    taken = _taken(history)
    return tuple(
        sorted(
            f"{command} on {server} after {max(times) - taken[command]:.1f} s"
            for (command, server), times in starts.items()
            if command in taken and max(times) - taken[command] > limit
        )
    )


def _taken(history: History) -> dict[str, float]:
    """When the broker has taken each command at the latest: when it has confirmed it; one of which
    nobody knows, when the fault in which it was given up was healed."""
    taken: dict[str, float] = {}
    in_doubt: set[str] = set()
    faults = 0
    kinds = (Kind.FAULT, Kind.HEALED, Kind.CONFIRMED, Kind.UNKNOWN)
    for event in history.of(*kinds):
        if event.kind is Kind.FAULT:
            faults += 1
        elif event.kind is Kind.HEALED:
            faults -= 1
            taken |= dict.fromkeys(in_doubt, event.at)
            in_doubt.clear()
        else:
            taken.setdefault(event.id, event.at)
            if event.kind is Kind.UNKNOWN and faults:
                in_doubt.add(event.id)
    return taken


def _recovery(history: History) -> tuple[float, ...]:
    """From each healing to the last of the answers that were waited for after it."""
    times: list[float] = []
    healed: Event | None = None
    last: Event | None = None
    for event in history.of(Kind.FAULT, Kind.HEALED, Kind.ANSWERS):
        if event.kind is Kind.ANSWERS:
            last = event
            continue
        times += _between(healed, last)
        healed, last = (event if event.kind is Kind.HEALED else None), None
    return (*times, *_between(healed, last))


def _between(healed: Event | None, last: Event | None) -> Iterable[float]:
    return [] if healed is None or last is None else [last.at - healed.at]


def _name(output: _Output) -> str:
    command, server, number = output
    return f"{command} on {server} #{number}"


def _named(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{len(names):,} {what}: {', '.join(names[:_SHOWN])}{more}"
