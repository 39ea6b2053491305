"""What came of a command to a fleet: who answered, who did not, and how fast. Values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """A server that has not done the command, and why.

    ``error_class`` and ``error_message`` are those of its error output, cut to 200 characters;
    ``outcome`` is ``failed`` or ``expired``.
    """

    fqdn: str
    outcome: str
    error_class: str = ""
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Several services that answer by one name: two servers with one fqdn, or one that runs
    twice."""

    fqdn: str
    instances: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Round-trip times, in seconds, each from the publish to a server's first output.

    ``histogram`` has pairs of an upper bound in seconds and how many were within it and above the
    bound before; it covers every time.
    """

    count: int
    minimum: float
    average: float
    p50: float
    p95: float
    p99: float
    maximum: float
    histogram: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The account of one command to a fleet.

    ``sent`` is in seconds since the epoch, ``timeout`` and ``took`` are in seconds. ``answered``
    counts servers that have finished, by name; ``expected`` is how many should have (None: nobody
    said). ``missing`` names those that are expected and have not finished; ``missing_count`` counts
    them, also where only a number was expected. ``unexpected`` are those that answered and are not
    expected. ``late`` have answered after the deadline, as a monitor tells; they are not missing.
    ``silent`` are targets on which somebody listens, and from which nothing came, other than those
    that are missing; ``unroutable`` are those on which nobody does. ``not_asked`` are known servers
    of groups that were not asked any more; they are not missing. ``originals`` are Ruby servers.
    ``interrupted`` tells that it was ended before its time, ``complete`` that it ended because all
    that was expected had come.
    """

    message_id: str
    extension: str
    type: str
    targets: tuple[str, ...]
    where: tuple[str, ...] = ()
    sent: float
    timeout: float
    took: float
    expected: int | None = None
    answered: int = 0
    replies: int = 0
    missing: tuple[str, ...] = ()
    missing_count: int = 0
    unexpected: tuple[str, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    errors: tuple[Failure, ...] = ()
    originals: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    unroutable: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()
    latency: Latency | None = None
    complete: bool = False
    interrupted: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether everybody who should have done it has: nobody is missing, silent, not asked or
        unroutable, nothing failed, and somebody answered."""
        return bool(self.answered or self.originals or self.late) and not (
            self.missing_count
            or self.errors
            or self.silent
            or self.unroutable
            or self.not_asked
            or self.interrupted
        )
