"""The dashboard: what collects, what keeps and what shows, on one event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from baton.link import State
from baton.monitor import default_instance
from baton.watched import Rounds, Watched
from baton_ping.api import PingAPI
from baton_ping_monitor.alerts.alerter import Alerter
from baton_ping_monitor.alerts.destinations import make_destinations
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.inquirer import Inquirer
from baton_ping_monitor.collector.intake import Intake
from baton_ping_monitor.collector.keeper import Keeper
from baton_ping_monitor.collector.monitor import CollectingMonitor
from baton_ping_monitor.collector.pinger import Pinger
from baton_ping_monitor.collector.pings import PingRuns
from baton_ping_monitor.collector.sight import tell_sight
from baton_ping_monitor.fleet.inventory import Inventory
from baton_ping_monitor.fleet.limits import DAY, Limits
from baton_ping_monitor.fleet.live import LiveFleet
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.readiness import Readiness
from baton_ping_monitor.services import Services
from baton_ping_monitor.store.recorder import Recorder
from baton_ping_monitor.store.records import AlertRecord
from baton_ping_monitor.store.store import Store
from baton_ping_monitor.store.upkeep import Upkeep
from baton_ping_monitor.updates import Updates
from baton_ping_monitor.web.app import make_app
from baton_ping_monitor.web.server import WebServer

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton_ping_monitor.alerts.wording import Alert
    from baton_ping_monitor.fleet.view import FleetView, Incident
    from baton_ping_monitor.settings import Settings

logger = logging.getLogger(__name__)

_THREADS: Final = 16
"""Those in which the database and the broker are waited for."""
_INVENTORY: Final = 5.0
"""Seconds between two looks at whether the file of expected servers was changed."""
_RESTORED: Final = 20_000
"""Changes of state, and incidents, of the past that are read at the start at most."""
_LAST_WRITES: Final = 2.0
"""Seconds for keeping runs, incidents and what people were told, at the end."""
_LAST_CHANGES: Final = 2.0
"""Seconds for keeping what has become of the fleet, at the end."""


class Dashboard(Watched):
    """Runs it all over *configuration*, as *settings* has it.

    Nothing happens before :meth:`start`, so that it may be made before a process goes into the
    background. *announce* is called with the address of the pages when they are there.
    """

    name = "the dashboard"

    def __init__(
        self,
        configuration: Configuration,
        settings: Settings,
        *,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self.configuration = configuration
        self.settings = settings
        self._announce = announce
        self._clock = Clock()
        self._updates = Updates()
        ping = settings.ping
        self._fleet = FleetState(
            Limits.of(ping.every, ping.silent), pings_by_itself=ping.every is not None
        )
        self._monitors: list[CollectingMonitor] = []
        self._rounds = Rounds()
        self._tasks: list[asyncio.Task[Any]] = []
        self._stack = AsyncExitStack()
        self._abandoned = 0
        self._deadline = 0.0
        self._alerter: Alerter | None = None
        self._pinger: Pinger | None = None
        self.url = ""
        """Where its pages are, empty before they are there."""

    @property
    def state(self) -> State:
        """The worst of the monitors' states."""
        states = [monitor.state for monitor in self._monitors]
        return State.worst(states) if states else State()

    @property
    def fleet(self) -> FleetState:
        """What it knows of the fleet."""
        return self._fleet

    @property
    def trouble(self) -> str:
        """Why it cannot ping, empty if it can or does not try."""
        return "" if self._pinger is None else self._pinger.trouble

    def view(self) -> FleetView:
        """How everything is now."""
        return self._fleet.view(self._clock())

    async def start(self) -> None:
        """Open the database and the pages, and begin to connect.

        Raises ConfigurationError for a database, a port, a file or a destination of alerts that
        cannot be.
        """
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "dashboard"))
        settings, clock = self.settings, self._clock
        destinations = await asyncio.to_thread(make_destinations, settings.alerts.urls)
        inventory = None
        if settings.inventory is not None:
            inventory = await asyncio.to_thread(Inventory, settings.inventory)
        store = await asyncio.to_thread(Store.open, settings.database, settings.retention, clock)
        self._stack.push_async_callback(asyncio.to_thread, store.close)
        keeper = await self._keep(store)
        recorder = await self._stack.enter_async_context(Recorder(store, clock))
        alerter = self._alerter = Alerter(
            destinations,
            clock,
            dry_run=settings.alerts.dry_run,
            sent=partial(_note_alert, keeper, store, clock),
        )
        self._stack.push_async_callback(self._stop_alerter, alerter)
        await self._restore(store, alerter)
        intake = Intake(
            self._fleet,
            recorder,
            self._updates,
            clock,
            partial(_tell, keeper, store, alerter),
        )
        self._stack.push_async_callback(self._end_tasks, intake)
        self._run(intake.tick(), intake.keep_changes(), Upkeep(store).run())
        if inventory is not None:
            self._run(self._follow(inventory, intake))
        api = PingAPI(self.configuration)
        self._stack.push_async_callback(asyncio.to_thread, api.close)
        await self._listen(intake)
        runs = PingRuns(
            self.configuration,
            self._fleet,
            lambda run: keeper.put(partial(store.write_run, run)),
            clock,
        )
        self._stack.push_async_callback(runs.stop)
        self._ask(api)
        services = Services(
            settings=settings,
            fleet=LiveFleet(self._fleet, clock, intake.hurry),
            history=store,
            pings=runs,
            alerts=alerter,
            updates=self._updates,
            clock=clock,
            health=Readiness(self._monitors, recorder),
            sessions=store,
        )
        await self._serve(services)

    async def failed(self) -> None:
        """Wait until the dashboard cannot go on, and raise why: InstanceTaken."""
        ends = [asyncio.ensure_future(monitor.failed()) for monitor in self._monitors]
        try:
            done, _ = await asyncio.wait([*ends, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in ends:
                each.cancel()

    async def stop(self) -> int:
        """End everything in turn: what is heard no more, is kept; what is not kept stays with the
        broker. Returns how many alerts, and accounts of runs, had to be abandoned."""
        self._deadline = time.monotonic() + self.configuration.grace
        await self._stack.aclose()
        return self._abandoned

    async def _keep(self, store: Store) -> Keeper:
        keeper = Keeper()
        keeping = asyncio.create_task(keeper.run(), name="keeper")

        async def close() -> None:
            keeper.close()
            _, pending = await asyncio.wait({keeping}, timeout=_LAST_WRITES)
            if pending:
                store.interrupt()
            self._abandoned += await keeping

        self._stack.push_async_callback(close)
        return keeper

    async def _restore(self, store: Store, alerter: Alerter) -> None:
        """Know what was known before a restart."""
        now = self._clock()

        def read() -> tuple[Any, ...]:
            servers = store.servers(self._fleet.limits.servers)
            return (
                servers,
                store.recent([each.fqdn for each in servers]),
                store.transitions(None, now - DAY, _RESTORED),
                store.open_incidents(_RESTORED),
                store.incidents(_RESTORED),
                store.told(2 * _RESTORED),
            )

        servers, latencies, transitions, still_open, incidents, told = await asyncio.to_thread(read)
        self._fleet.restore(servers, latencies, still_open, transitions)
        if self.settings.inventory is None:
            self._fleet.expect({}, now)  # those of a file that is not named any more
        if alerter.is_dry or not alerter.destinations:
            alerter.restore(still_open)
            return
        over = [each for each in incidents if _is_end_untold(each, told, now)]
        alerter.restore(still_open, told, over)

    async def _listen(self, intake: Intake) -> None:
        """Begin to hear each extension; the one that is pinged tells how the fleet is."""
        instance = self.settings.instance or default_instance()
        self._on_state(PingAPI.extension, State())
        for number, extension in enumerate(self.settings.extensions):
            keep = intake.observe if extension == PingAPI.extension else intake.keep
            monitor = CollectingMonitor(self.configuration, extension, instance, keep, self._clock)
            self._monitors.append(monitor)
            monitor.watch(partial(self._on_state, extension))
            monitor.watch_pulse(partial(self._on_pulse, number))
        self._stack.push_async_callback(self._stop_monitors)
        for monitor in self._monitors:
            await monitor.start()

    def _ask(self, api: PingAPI) -> None:
        """Begin to ping, and to ask for facts."""
        ping = self.settings.ping
        if ping.every is not None:
            pinger = Pinger(api, self._fleet, ping.targets, ping.every, self._clock)
            self._stack.push_async_callback(pinger.stop)
            pinger.start()
            self._pinger = pinger
        self._run(Inquirer(api, self._fleet, ping.facts_every, self._clock).run())

    async def _serve(self, services: Services) -> None:
        web = WebServer(make_app(services), self.settings.web)
        self._stack.callback(web.close)
        await web.start()
        self._stack.push_async_callback(web.stop)
        self.url = web.url
        logger.info("The dashboard is at %s", self.url)
        if self._announce is not None:
            self._announce(self.url)

    async def _follow(self, inventory: Inventory, intake: Intake) -> None:
        """Expect the servers that the file names, now and when it changes."""
        is_other = True
        while True:
            if is_other:
                self._fleet.expect(inventory.servers, self._clock())
                intake.hurry()
            await asyncio.sleep(_INVENTORY)
            is_other = await asyncio.to_thread(inventory.reread)

    def _run(self, *coroutines: Coroutine[Any, Any, object]) -> None:
        self._tasks += [asyncio.create_task(each) for each in coroutines]

    def _on_state(self, extension: str, state: State) -> None:
        if extension == PingAPI.extension:
            tell_sight(self._fleet, state, self._clock())
            if self._alerter is not None:
                self._alerter.blind(self._fleet.blindness)
            self._updates.notify()
        self.tell_state(self.state)

    def _on_pulse(self, number: int) -> None:
        if self._rounds.complete(number, of=len(self._monitors)):
            self.tell_pulse()

    async def _stop_monitors(self) -> None:
        await asyncio.gather(*(monitor.stop() for monitor in self._monitors))

    async def _end_tasks(self, intake: Intake) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        with suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(_LAST_CHANGES):
                await intake.keep_changes_now()

    async def _stop_alerter(self, alerter: Alerter) -> None:
        self._abandoned += await alerter.stop(max(1.0, self._deadline - time.monotonic()))


def _tell(keeper: Keeper, store: Store, alerter: Alerter, incidents: Sequence[Incident]) -> None:
    """Keep *incidents*, and tell people of them."""
    keeper.put(partial(store.write_incident, *incidents))
    alerter.changed(incidents)


def _is_end_untold(incident: Incident, told: Mapping[str, float], now: float) -> bool:
    """Whether people were told that *incident* began, and not that it ended, within a day."""
    ended = incident.ended
    return ended is not None and now - DAY < ended and told.get(incident.id, now) < ended


def _note_alert(
    keeper: Keeper, store: Store, clock: Clock, alert: Alert, destination: str, trouble: str
) -> None:
    now = clock()
    records = [
        AlertRecord(now, incident, alert.title, destination, trouble)
        for incident in alert.incidents or ("",)
    ]
    keeper.put(partial(store.write_alert, *records))
