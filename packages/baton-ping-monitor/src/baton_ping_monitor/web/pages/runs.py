"""Pings that somebody asked for: the one under way, those that are kept, and what changed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException

from baton_ping_monitor.web.charts.histogram import histogram
from baton_ping_monitor.web.difference import Account, difference
from baton_ping_monitor.web.rendering import render
from baton_ping_monitor.web.words import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import RunProgress, Services
    from baton_ping_monitor.store.records import RunRecord

_LISTED: Final = 200
_COMPARABLE: Final = 50


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its page shows it, whether it is under way or kept. ``sent`` is None until then."""

    id: str
    by: str
    targets: tuple[str, ...]
    document: Mapping[str, Any]
    sent: float | None
    done: bool = True
    elapsed: float = 0.0
    timeout: float = 0.0
    answered: int = 0
    expected: int | None = None
    trouble: str = ""

    @property
    def present(self) -> int:
        """How many answered of those that were expected, if it is known who was."""
        unexpected = self.document.get("unexpected")
        if self.expected is None or not isinstance(unexpected, list):
            return self.answered
        return max(0, self.answered - len(unexpected))

    @classmethod
    def kept(cls, record: RunRecord) -> Run:
        """One of the store."""
        document = record.document
        return cls(
            record.id,
            record.by,
            record.targets,
            document,
            record.sent,
            elapsed=_float(document.get("took")),
            timeout=_float(document.get("timeout")),
            answered=_int(document.get("answered")) or 0,
            expected=_int(document.get("expected")),
        )


async def runs_page(request: Request) -> Response:
    """``GET /runs``: those that are kept."""
    services: Services = request.app.state.services
    runs = await asyncio.to_thread(services.history.runs, _LISTED)
    return render(request, "runs.html", runs=[Run.kept(run) for run in runs])


async def run_page(request: Request) -> Response:
    """``GET /runs/{id}``: one, as far as it has come."""
    services: Services = request.app.state.services
    run_id = request.path_params["id"]
    run = await _find(services, run_id)
    account = await asyncio.to_thread(Account.of, run.document)
    others = await asyncio.to_thread(services.history.runs, _COMPARABLE) if run.done else ()
    return render(
        request,
        "run.html",
        run=run,
        account=account,
        columns=histogram(list(account.times.values())),
        others=[Run.kept(other) for other in others if other.id != run_id],
    )


async def difference_page(request: Request) -> Response:
    """``GET /runs/diff``: what changed from run ``a`` to run ``b``."""
    services: Services = request.app.state.services
    ids = [request.query_params.get(name, "") for name in ("a", "b")]
    before, after = [await _find(services, run_id) for run_id in ids]
    if before.sent and after.sent and before.sent > after.sent:
        before, after = after, before
    changes = await asyncio.to_thread(
        lambda: difference(Account.of(before.document), Account.of(after.document))
    )
    return render(request, "difference.html", before=before, after=after, changes=changes)


async def _find(services: Services, run_id: str) -> Run:
    progress = services.pings.progress(run_id)
    under_way = None if progress is None else _under_way(progress, services.clock())
    if under_way is not None and (not under_way.done or under_way.trouble):
        return under_way
    record = await asyncio.to_thread(services.history.run, run_id)
    if record is not None:
        return Run.kept(record)
    if under_way is None:
        raise HTTPException(404, f"No run is kept that is called {quoted(run_id)}.")
    return under_way  # it is kept in a moment


def _under_way(progress: RunProgress, now: float) -> Run:
    return Run(
        progress.id,
        progress.by,
        progress.targets,
        progress.document,
        sent=now - progress.elapsed,
        done=progress.done,
        elapsed=progress.elapsed,
        timeout=progress.timeout,
        answered=progress.answered,
        expected=progress.expected,
        trouble=progress.trouble,
    )


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None
