"""Pings that somebody asks for, and those that were."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from baton.errors import InvalidMessage
from baton_ping_monitor.errors import TooManyRuns
from baton_ping_monitor.web.access import operators
from baton_ping_monitor.web.api import documents
from baton_ping_monitor.web.api.parameters import body, check_names, seconds, texts, whole
from baton_ping_monitor.web.links import path_for

if TYPE_CHECKING:
    from starlette.requests import Request

    from baton_ping_monitor.services import RunProgress, Services

LONGEST: Final = 300.0
"""Seconds that a run may wait for answers."""
_PATIENCE: Final = 5.0
_TARGETS: Final = 1000


async def kept_or_begun(request: Request) -> Response:
    """``/api/runs``: what there is, or another one."""
    return await (begin if request.method == "POST" else kept)(request)


async def kept(request: Request) -> Response:
    """``GET /api/runs``: those that are kept, the latest first, without their replies."""
    check_names(request, ("limit",))
    limit = whole(request, "limit", 100, least=1, most=1000) or 1
    services: Services = request.app.state.services
    found = await asyncio.to_thread(services.history.runs, limit)
    return JSONResponse({"runs": [documents.of_run(each) for each in found]})


@operators
async def begin(request: Request) -> Response:
    """``POST /api/runs``: ping ``targets`` now, and wait for ``timeout`` seconds. Answers at once,
    with where to ask how it goes."""
    check_names(request, ())
    fields = await body(request, ("targets", "timeout"))
    targets = texts(fields, "targets", _TARGETS)
    timeout = seconds(fields, "timeout", _PATIENCE, LONGEST)
    services: Services = request.app.state.services
    try:
        run_id = await services.pings.begin(targets, timeout, request.state.user.name)
    except InvalidMessage as error:
        raise HTTPException(400, f"{error}.") from None
    except TooManyRuns as error:
        raise HTTPException(429, f"{error}.", {"Retry-After": "5"}) from None
    location = path_for(request, "api:run", run_id=run_id)
    return JSONResponse({"id": run_id}, 202, {"Location": location})


async def one(request: Request) -> Response:
    """``GET /api/runs/{id}``: how far it has come, or what came of it, with the replies."""
    check_names(request, ())
    services: Services = request.app.state.services
    run_id = request.path_params["run_id"].replace("\0", "")
    progress = services.pings.progress(run_id)
    if progress is not None and not progress.done:
        return JSONResponse(_under_way(services, progress))
    record = await asyncio.to_thread(services.history.run, run_id)
    if record is not None:
        return JSONResponse(documents.of_run(record))
    if progress is not None:
        return JSONResponse(_under_way(services, progress))
    raise HTTPException(404, "No run of that id is known.")


def _under_way(services: Services, run: RunProgress) -> dict[str, Any]:
    return {
        "id": run.id,
        "by": run.by,
        "targets": run.targets,
        "sent": services.clock() - run.elapsed,
        "done": run.done,
        "answered": run.answered,
        "expected": run.expected,
        "trouble": run.trouble,
        "document": dict(run.document),
    }
