"""``/healthz`` and ``/readyz``: for those who start, stop and watch processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from baton_ping_monitor.services import Services


def routes() -> list[BaseRoute]:
    """The routes ``healthz`` and ``readyz``."""
    return [
        Route("/healthz", alive, name="healthz"),
        Route("/readyz", ready, name="readyz"),
    ]


async def alive(_: Request) -> Response:
    """It answers, so it is alive."""
    return JSONResponse({"alive": True})


async def ready(request: Request) -> Response:
    """Whether it consumes, its last pulse was good, and what it sees is kept; 503 if not. Why not
    is for those who may see the dashboard."""
    services: Services = request.app.state.services
    health = services.health
    document: dict[str, object] = {"ready": health.is_ready}
    if request.state.user is not None:
        document["reason"] = health.reason
    return JSONResponse(document, 200 if health.is_ready else 503)
