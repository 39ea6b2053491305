"""The account of a command to a fleet, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from baton.cli.terminal import Line, plain, wrap
from baton.text import excerpt, printable

if TYPE_CHECKING:
    from baton.fleet.result import Duplicate, Failure, Latency, Result

Item = TypeVar("Item")

NAMELESS: Final = "(no name)"
_SHOWN: Final = 20
"""Names that a list shows at most, and different errors."""
_LONGEST_NAME: Final = 255
_SHORT_ID: Final = 8
"""Characters of a run's id that are shown: it is told from a hundred others by fewer."""
_COLUMN: Final = 17


def summary(result: Result, width: int | None = None) -> Iterator[Line]:
    """The lines of *result*; lists of names are wrapped to *width* columns.

    What is said on standard error, :func:`complaints`, is not among them.
    """
    yield plain(_title(result), "strong" if result.succeeded else "bad")
    if result.latency is not None:
        yield plain(f"{'round trip':<{_COLUMN}}{times(result.latency)}")
    missing: Iterable[str] = _names(result.missing)
    if result.missing_count and not result.missing:
        missing = ["not known by name"]
    lists: tuple[tuple[str, int, Iterable[str], str], ...] = (
        ("missing", result.missing_count, missing, "bad"),
        ("late", len(result.late), _names(result.late), "warning"),
        ("failed", len(result.errors), (), "bad"),
        ("not asked", len(result.not_asked), _names(result.not_asked), "warning"),
        ("unexpected", len(result.unexpected), _names(result.unexpected), "warning"),
        ("duplicate", len(result.duplicates), first_of(result.duplicates, _duplicate), "warning"),
        ("original", len(result.originals), _names(result.originals), ""),
    )
    for what, count, items, look in lists:
        if count and what == "failed":
            for line in _failures(result.errors, width):
                yield plain(line, look)
        elif count:
            for line in wrap(_head(what, count), items, width, _COLUMN):
                yield plain(line, look)


def complaints(
    result: Result, exchange: str | None = None, *, missing: bool = False
) -> Iterator[str]:
    """A sentence for each reason why targets did not answer; *exchange* is where the command was
    published, and *missing* says that there is none."""
    if result.silent:
        within = result.took if result.interrupted else result.timeout
        yield f"No answer from {_quoted(result.silent)} within {seconds(within)}"
    if result.unroutable:
        where = f" (exchange {printable(exchange)})" if exchange is not None else ""
        reason = ": no service has connected yet, the exchange does not exist" if missing else ""
        yield f"No server listens on {_quoted(result.unroutable)}{where}{reason}"


def hint(result: Result) -> str | None:
    """How to ask again later, where somebody may still answer."""
    if not (result.missing_count or result.silent or result.interrupted):
        return None
    return f"later: baton replies {short_id(result)} --from URL"


def times(latency: Latency) -> str:
    """Round-trip times in a line, in milliseconds."""
    if latency.count == 1:
        return f"{latency.average * 1000:,.1f} ms"
    values = (
        ("min", latency.minimum),
        ("avg", latency.average),
        ("p50", latency.p50),
        ("p95", latency.p95),
        ("p99", latency.p99),
        ("max", latency.maximum),
    )
    return ", ".join(f"{name} {value * 1000:,.1f}" for name, value in values) + " ms"


def short_id(result: Result) -> str:
    """The beginning of its id, by which a run is told from the others."""
    return result.message_id[:_SHORT_ID]


def seconds(value: float) -> str:
    """*value* with as many digits as matter.

    >>> seconds(2.0), seconds(0.0213), seconds(3.14159), seconds(1800)
    ('2 s', '0.021 s', '3.14 s', '1,800 s')
    """
    if value < 0.1:
        return f"{value:.2g} s"
    text = f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + " s"


def servers(count: int) -> str:
    """*count* with the right noun."""
    return f"{count:,} server{'' if count == 1 else 's'}"


def name_of(fqdn: str) -> str:
    """*fqdn*, which somebody says it is, fit to be shown."""
    return excerpt(fqdn, _LONGEST_NAME) or NAMELESS


def first_of(items: Sequence[Item], show: Callable[[Item], str]) -> Iterator[str]:
    """The first of *items*, each as *show* says it, and how many more there are."""
    yield from map(show, items[:_SHOWN])
    if len(items) > _SHOWN:
        yield f"… and {len(items) - _SHOWN:,} more"


def answered(result: Result) -> str:
    """How many answered, of how many."""
    return _counted(result) + _surplus(result)


def _title(result: Result) -> str:
    took = f" in {seconds(result.took)}" if result.replies else ""
    ended = ", interrupted" if result.interrupted else ""
    return f"{_counted(result)}{took}{_surplus(result)}{ended}"


def _counted(result: Result) -> str:
    if result.expected is None or _is_crowded(result):
        return f"{servers(result.answered)} answered"
    absent = result.missing_count + len(result.not_asked) + len(result.late)
    return f"{result.expected - absent:,} of {servers(result.expected)} answered"


def _surplus(result: Result) -> str:
    if result.expected is not None and _is_crowded(result):
        return f", {result.expected:,} {'was' if result.expected == 1 else 'were'} expected"
    return f", and {len(result.unexpected):,} unexpected" if result.unexpected else ""


def _is_crowded(result: Result) -> bool:
    """Whether there are more than there should be, and nobody said which."""
    expected = result.expected
    return expected is not None and result.answered > expected and not result.unexpected


def _head(what: str, count: int) -> str:
    return f"{f'{what} ({count:,})':<{_COLUMN - 1}} "


def _names(names: Sequence[str]) -> Iterator[str]:
    return first_of(names, name_of)


def _duplicate(each: Duplicate) -> str:
    return f"{name_of(each.fqdn)} ({each.instances:,} services)"


def _failures(failures: Sequence[Failure], width: int | None) -> Iterator[str]:
    """The same error of many servers in one line."""
    groups: dict[str, list[str]] = {}
    for failure in failures:
        groups.setdefault(reason(failure), []).append(failure.fqdn)
    head = _head("failed", len(failures))
    for number, (why, names) in enumerate(groups.items()):
        if number == _SHOWN:
            yield f"{'':{_COLUMN}}… and {len(groups) - _SHOWN:,} other reasons"
            return
        *others, last = _names(names)
        yield from wrap(head, [*others, f"{last}: {why}"], width, _COLUMN)
        head = " " * _COLUMN


def reason(failure: Failure) -> str:
    """Why a server has not done it: its error, or that it let the command expire."""
    said = ": ".join(part for part in (failure.error_class, failure.error_message) if part)
    return excerpt(said or failure.outcome or "an error without words")


def _quoted(keys: Sequence[str]) -> str:
    shown = ", ".join(f'"{name_of(key)}"' for key in keys[:_SHOWN])
    return shown if len(keys) <= _SHOWN else f"{shown} and {len(keys) - _SHOWN:,} more"
