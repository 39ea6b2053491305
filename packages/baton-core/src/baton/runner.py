"""Running services as a process: until a signal, in the sight of those who watch over it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from baton.audit import audited_to
from baton.event_loop import ASYNCIO
from baton.health import Health, Runnable
from baton.health_server import HealthServer, health_sockets
from baton.lifecycle import run_until_signalled
from baton.link import Phase, State
from baton.systemd import Systemd
from baton.watched import Rounds

if TYPE_CHECKING:
    from baton.configuration import Configuration

logger = logging.getLogger(__name__)


def run_services(
    services: Sequence[Runnable],
    configuration: Configuration,
    *,
    sockets: Sequence[socket.socket] | None = None,
    started: Callable[[], None] | None = None,
    failed: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> int:
    """Run *services* in this process until SIGTERM or SIGINT; returns the exit code: 0 when all
    was finished, else 1.

    Meanwhile systemd is told how they are, if it is there, and so are those who ask on *sockets*,
    by default on the ``HEALTH_PORT`` of *configuration*. Their commands are kept in its
    ``AUDIT_FILE``. *started* is called when each service has begun to connect. *failed* is
    awaited, and what it raises is raised here, after all were stopped. Raises ConfigurationError
    for an ``AUDIT_FILE`` that cannot be written, and an ``EVENT_LOOP`` that is not installed.
    """
    with ExitStack() as stack:
        if sockets is None:
            sockets = stack.enter_context(health_sockets(configuration))
        stack.enter_context(audited_to(configuration.audit_file))
        runner = _Runner(services, sockets)
        grace = max(service.configuration.grace for service in services)

        async def start() -> None:
            if configuration.event_loop != ASYNCIO:
                logger.info("Running on %s", configuration.event_loop)
            await runner.start()
            if started is not None:
                started()

        return run_until_signalled(
            start, runner.stop, grace, failed, event_loop=configuration.event_loop
        )


class _Runner:
    def __init__(self, services: Sequence[Runnable], sockets: Sequence[socket.socket]) -> None:
        self._services = services
        self._health = Health(services)
        self._server = HealthServer(self._health, sockets)
        self._systemd = Systemd()
        self._was_ready = False
        self._rounds = Rounds()

    async def start(self) -> None:
        self._look_at_watchdog()
        await self._server.start()
        for position, service in enumerate(self._services):
            service.watch(self._on_state)
            service.watch_pulse(partial(self._on_round, position))
        for service in self._services:
            await service.start()

    async def stop(self) -> bool:
        """Whether a service had to abandon something."""
        self._health.is_stopping = True
        self._systemd.tell(STOPPING=1, STATUS=self._health)
        try:
            outcomes = await asyncio.gather(
                *(service.stop() for service in self._services), return_exceptions=True
            )
        finally:
            await self._server.close()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return any(outcomes)

    def _on_state(self, _: State) -> None:
        if self._health.is_stopping:
            return
        if not self._was_ready and self._health.state.phase is Phase.READY:
            self._was_ready = True
            self._systemd.tell(READY=1, STATUS=self._health)
        else:
            self._systemd.tell(STATUS=self._health)

    def _on_round(self, position: int) -> None:
        self._health.went_round(position)
        if not self._rounds.complete(position, of=len(self._services)):
            return
        if self._systemd.watchdog is not None:
            self._systemd.tell(WATCHDOG=1)
        if not self._was_ready:
            # A broker that is away is waited for, longer than systemd waits for a start.
            self._systemd.tell(EXTEND_TIMEOUT_USEC=int(2e6 * self._health.patience))

    def _look_at_watchdog(self) -> None:
        watchdog, patience = self._systemd.watchdog, self._health.patience
        if watchdog is not None and watchdog < patience:
            logger.warning(
                "systemd ends this service after %g s without a sign of life, but it may give one "
                "only every %g s: set WatchdogSec=%d in its unit, or a shorter PULSE",
                watchdog,
                patience,
                int(patience) + 1,
            )
