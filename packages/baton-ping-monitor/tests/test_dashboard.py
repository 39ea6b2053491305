"""The dashboard as a whole, over a broker in memory."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest

from baton import Configuration, ConfigurationError, InstanceTaken, Server
from baton.link import Phase
from baton.listening import listening_on
from baton.transports.memory import memory_broker
from baton_ping.service import PingService
from baton_ping_monitor.alerts.alerter import Alerter
from baton_ping_monitor.alerts.wording import Alert, Tone
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.keeper import Keeper
from baton_ping_monitor.dashboard import Dashboard, _note_alert, _tell
from baton_ping_monitor.fleet.view import Incident, State
from baton_ping_monitor.settings import (
    AlertSettings,
    PingSettings,
    Retention,
    Settings,
    WebSettings,
)
from baton_ping_monitor.store.records import AlertRecord
from baton_ping_monitor.store.store import Store

if TYPE_CHECKING:
    from conftest import Until

    from webhook import Receiver

WEB = Server("web01.example.org", "production", ("shop",), {"cpus": 4})


class Scene:
    """Dashboards and services on a broker in memory."""

    def __init__(self, url: str, folder: Path, until: Until) -> None:
        self.until = until
        self.configuration = Configuration(
            rabbit_url=url, pulse=0.2, reconnect_max=0.1, deadline=1.0, grace=2.0
        )
        self.broker = memory_broker(self.configuration.endpoints[0].host)
        self.settings = Settings(
            web=WebSettings(port=0),
            ping=PingSettings(every=0.1),
            database=f"sqlite:///{folder}/dashboard.db",
            instance="here",
        )
        self._stops: list[Callable[[], Awaitable[object]]] = []

    async def dashboard(self, **changes: Any) -> Dashboard:
        dashboard = Dashboard(self.configuration, replace(self.settings, **changes))
        self._stops.append(dashboard.stop)
        await dashboard.start()
        return dashboard

    async def service(self, server: Server = WEB) -> PingService:
        service = PingService(self.configuration, server)
        self._stops.append(service.stop)
        await service.start()
        await self.until(lambda: service.state.phase is Phase.READY)
        return service

    def state(self, dashboard: Dashboard, fqdn: str = WEB.fqdn) -> State | None:
        server = dashboard.fleet.server(fqdn, 0.0)
        return None if server is None else server.state

    async def close(self) -> None:
        for stop in reversed(self._stops):
            await stop()


@pytest.fixture
async def scene(memory_url: str, tmp_path: Path, until: Until) -> AsyncIterator[Scene]:
    scene = Scene(memory_url, tmp_path, until)
    yield scene
    await scene.close()


async def fetch(dashboard: Dashboard, path: str) -> tuple[int, Any]:
    def get() -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"{dashboard.url}{path}", timeout=10) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    return await asyncio.to_thread(get)


async def test_what_servers_say_is_shown_and_kept(scene: Scene) -> None:
    await scene.service()
    announced: list[str] = []
    dashboard = Dashboard(scene.configuration, scene.settings, announce=announced.append)
    assert dashboard.state.phase is Phase.CONNECTING
    await dashboard.start()
    assert announced == [dashboard.url]
    await scene.until(lambda: scene.state(dashboard) is State.UP)
    status, document = await fetch(dashboard, "api/servers")
    assert (status, [each["fqdn"] for each in document["servers"]]) == (200, [WEB.fqdn])
    assert (await fetch(dashboard, "readyz"))[1]["ready"] is True
    facts: dict[str, Any] = {}
    async with asyncio.timeout(15):
        while facts.get("facts") != {"cpus": 4}:
            facts = (await fetch(dashboard, f"api/servers/{WEB.fqdn}"))[1]
    assert await dashboard.stop() == 0


async def test_what_was_known_before_a_restart_is_known(scene: Scene) -> None:
    service = await scene.service()
    first = await scene.dashboard()
    await scene.until(lambda: scene.state(first) is State.UP)
    await service.stop()
    await scene.until(lambda: scene.state(first) is State.MISSING)
    (incident,) = first.view().incidents
    await first.stop()
    second = await scene.dashboard(ping=PingSettings())
    before = second.view()
    assert before.servers[0].state is State.MISSING
    assert before.servers[0].latencies
    assert before.servers[0].flaps == 1
    assert [each.id for each in before.incidents] == [incident.id]
    assert before.pings_by_itself is False


async def test_it_is_blind_while_the_broker_is_away(scene: Scene) -> None:
    await scene.service()
    dashboard = await scene.dashboard()
    await scene.until(lambda: scene.state(dashboard) is State.UP)
    scene.broker.stop()
    await scene.until(lambda: dashboard.view().blindness)
    status, document = await fetch(dashboard, "readyz")
    assert (status, document["ready"]) == (503, False)
    assert document["reason"].startswith("the monitor of baton-ping is ")
    await scene.until(lambda: dashboard.trouble)
    assert scene.state(dashboard) is State.UP
    scene.broker.start()
    await scene.until(lambda: dashboard.view().blindness is None)
    await scene.until(lambda: dashboard.trouble == "")
    assert scene.state(dashboard) is State.UP


async def test_another_dashboard_is_the_same_instance(scene: Scene, tmp_path: Path) -> None:
    first = await scene.dashboard()
    await scene.until(lambda: first.state.phase is Phase.READY)
    second = await scene.dashboard(database=f"sqlite:///{tmp_path}/second.db")
    with pytest.raises(InstanceTaken):
        await asyncio.wait_for(second.failed(), 15)


async def test_servers_that_a_file_names_are_expected(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "inventory"
    file.write_text(f"{WEB.fqdn} production\n")
    dashboard = await scene.dashboard(inventory=file)
    await scene.until(lambda: scene.state(dashboard) is State.NEVER_SEEN)
    await scene.service()
    await scene.until(lambda: scene.state(dashboard) is State.UP)


async def test_people_are_told(scene: Scene, receiver: Receiver) -> None:
    service = await scene.service()
    dashboard = await scene.dashboard(alerts=AlertSettings((receiver.url,)))
    await scene.until(lambda: scene.state(dashboard) is State.UP)
    await service.stop()
    await scene.until(lambda: dashboard.view().incidents)
    await scene.until(lambda: scene.state(dashboard) is State.MISSING)
    await dashboard.stop()  # what was gathered is sent at the end
    (message,) = await asyncio.to_thread(receiver.wait_for, 1)
    assert WEB.fqdn in message["title"]


async def test_an_end_that_was_kept_and_not_told_of_is_told_after_a_restart(
    scene: Scene, receiver: Receiver
) -> None:
    now = time.time()
    (ping, pong) = ("a" * 16, "b" * 16)
    assert scene.settings.database is not None
    store = Store.open(scene.settings.database, Retention(), lambda: now)
    for name, ended in ((ping, now - 60), (pong, now - 60), ("long ago", now - 90_000)):
        store.write_incident(
            Incident(name, name, False, "production", (name,), now - 99_000, ended)
        )
        store.write_alert(AlertRecord(now - 98_000, name, "is missing", receiver.shown))
    store.write_alert(AlertRecord(now - 50, pong, "no longer missing", receiver.shown))
    store.close()
    dashboard = await scene.dashboard(alerts=AlertSettings((receiver.url,)))
    await scene.until(lambda: dashboard.view().blindness is None)
    await dashboard.stop()
    (message,) = await asyncio.to_thread(receiver.wait_for, 1)
    assert message["title"] == f"{ping} is no longer missing"


def test_many_incidents_are_kept_at_once(tmp_path: Path) -> None:
    """One after the other, they and what people were told would be more than may wait."""
    clock, keeper = Clock(), Keeper(most=2)
    store = Store.open(f"sqlite:///{tmp_path}/dashboard.db", Retention(), clock)
    names = [f"{number}" for number in range(50)]

    async def tell() -> None:
        alerter = Alerter([], clock)
        _tell(keeper, store, alerter, [Incident(each, each, False, "", (), 1.0) for each in names])
        alert = Alert("50 new incidents", "", Tone.BAD, tuple(names))
        _note_alert(keeper, store, clock, alert, "json://ops", "")
        await alerter.stop(1)
        keeper.close()
        await keeper.run()

    asyncio.run(tell())
    assert len(store.open_incidents(100)) == len(store.told(100)) == 50
    store.close()


async def test_without_a_file_nobody_is_expected_any_more(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "inventory"
    file.write_text(f"{WEB.fqdn} production\n")
    first = await scene.dashboard(inventory=file)
    await scene.until(lambda: scene.state(first) is State.NEVER_SEEN)
    await first.stop()
    second = await scene.dashboard()
    assert scene.state(second) is None


async def test_outputs_of_other_extensions_are_kept(scene: Scene) -> None:
    dashboard = await scene.dashboard(extensions=("baton-ping", "baton-disk"))
    await scene.until(lambda: dashboard.state.phase is Phase.READY)
    queues = {queue.name for queue in scene.broker.queues}
    assert {"baton-ping-monitor.here", "baton-disk-monitor.here"} <= queues


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"database": "nonsense"}, "The database is not given as a URL"),
        ({"inventory": Path("/nonexistent")}, "inventory /nonexistent cannot be read"),
        ({"alerts": AlertSettings(("nonsense://x",))}, "ALERTS"),
        ({"web": WebSettings(users_file=Path("/nonexistent"), port=0)}, "/nonexistent"),
    ],
)
async def test_what_cannot_be_is_said_at_the_start(
    scene: Scene, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        await scene.dashboard(**changes)


async def test_a_port_that_is_taken(scene: Scene) -> None:
    (taken,) = listening_on("127.0.0.1", 0)
    with taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} of 127.0.0.1: Address"):
            await scene.dashboard(web=WebSettings(port=port))


async def test_it_is_watched(scene: Scene) -> None:
    states: list[Phase] = []
    pulses: list[int] = []
    dashboard = Dashboard(scene.configuration, scene.settings)
    dashboard.watch(lambda state: states.append(state.phase))
    dashboard.watch_pulse(lambda: pulses.append(1))
    await dashboard.start()
    await scene.until(lambda: states[-1:] == [Phase.READY] and pulses)
    await dashboard.stop()
