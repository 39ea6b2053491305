"""What became of alerts, as the store keeps it: so a restart tells nothing twice, and forgets
nothing that nobody was told of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from baton.text import excerpt
from baton.worker import Mailbox, Worker
from baton_ping_monitor.alerts.alerter import Alerter
from baton_ping_monitor.alerts.destinations import make_destinations
from baton_ping_monitor.store.records import AlertRecord

if TYPE_CHECKING:
    from baton_ping_monitor.alerts.alerter import Pace
    from baton_ping_monitor.alerts.wording import Alert
    from baton_ping_monitor.fleet.view import Incident
    from baton_ping_monitor.settings import AlertSettings

logger = logging.getLogger(__name__)

_LATEST: Final = 10_000
"""Records that are looked at after a restart."""


class AlertStore(Protocol):
    """What is needed of the store. Its methods block."""

    def alerts(self, limit: int) -> Sequence[AlertRecord]:
        """The alerts that were sent, the latest first."""

    def write_alert(self, alert: AlertRecord) -> None:
        """Note that an alert was sent, or was not."""


class KeptAlerter(Alerter):
    """An alerter that notes in *store* what became of each message."""

    def __init__(
        self,
        settings: AlertSettings,
        store: AlertStore,
        clock: Callable[[], float],
        pace: Pace | None = None,
    ) -> None:
        self._writer = Worker("baton alerts", self._write)
        super().__init__(
            make_destinations(settings.urls),
            clock,
            dry_run=settings.dry_run,
            pace=pace,
            sent=self._keep,
        )
        self._store = store

    @classmethod
    async def begin(
        cls,
        settings: AlertSettings,
        store: AlertStore,
        clock: Callable[[], float],
        open_incidents: Sequence[Incident] = (),
        pace: Pace | None = None,
    ) -> KeptAlerter:
        """Make one, on an event loop. Of *open_incidents*, from before a restart, those are told
        of that nobody was told of. Raises ConfigurationError for a URL that Apprise does not
        take."""
        if settings.urls:
            await asyncio.to_thread(make_destinations, settings.urls)  # its import takes a second
        alerter = cls(settings, store, clock, pace)
        kept = await asyncio.to_thread(store.alerts, _LATEST)
        told = {each.incident for each in kept}
        alerter.restore([each for each in open_incidents if each.id in told])
        alerter.changed([each for each in open_incidents if each.id not in told])
        return alerter

    async def stop(self, grace: float) -> int:
        """Send what was gathered, and end after *grace* seconds at most; returns how many messages
        were not sent."""
        left = await super().stop(grace)
        written = asyncio.Event()
        mailbox = Mailbox()
        self._writer.submit([partial(mailbox.post, written.set)])
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await written.wait()
        self._writer.stop()
        return left

    def _keep(self, alert: Alert, name: str, trouble: str) -> None:
        now = self._clock()
        for incident in alert.incidents or ("",):
            record = AlertRecord(now, incident, alert.title, name, trouble)
            self._writer.submit([partial(self._store.write_alert, record)])

    def _write(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001  (the database, whatever it is)
            logger.error("What became of an alert could not be kept: %s", excerpt(str(error)))
