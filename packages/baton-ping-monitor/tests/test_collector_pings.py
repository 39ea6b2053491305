"""Pings that somebody asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from baton import Configuration, InvalidMessage, Server
from baton.link import Phase
from baton.transports.memory import memory_broker
from baton_ping.service import PingService
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.pings import PingRuns
from baton_ping_monitor.errors import TooManyRuns
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.observation import Observation
from baton_ping_monitor.services import RunProgress
from baton_ping_monitor.store.records import RunRecord

if TYPE_CHECKING:
    from conftest import Until

WEB, DB = "web01.example.org", "db01.example.org"


class Scene:
    """A fleet of two, of which one server is there, and runs."""

    def __init__(self, url: str, until: Until) -> None:
        self._until = until
        self.kept: list[RunRecord] = []
        self.settings = Configuration(rabbit_url=url, deadline=1.0)
        self.fleet = FleetState()
        for fqdn in (WEB, DB, "odd\ufffd" * 60):
            seen = Observation(1.0, "baton-ping", "pong", fqdn, "production", correlation_id="p")
            self.fleet.observe(seen)
        self.service = PingService(self.settings, Server(WEB, "production"))
        self.runs = PingRuns(self.settings, self.fleet, self.kept.append, Clock(), most=2)

    async def start(self) -> None:
        ready = asyncio.Event()
        self.service.watch(lambda state: ready.set() if state.phase is Phase.READY else None)
        await self.service.start()
        await asyncio.wait_for(ready.wait(), 5)

    def progress(self, run_id: str) -> RunProgress:
        progress = self.runs.progress(run_id)
        assert progress is not None
        return progress

    async def end(self, run_id: str) -> RunProgress:
        await self._until(lambda: self.progress(run_id).done)
        return self.progress(run_id)


@pytest.fixture
async def scene(memory_url: str, until: Until) -> AsyncIterator[Scene]:
    scene = Scene(memory_url, until)
    await scene.start()
    yield scene
    await scene.runs.stop()
    await scene.service.stop()


async def test_one_that_all_answer_ends_at_once(scene: Scene) -> None:
    run_id = await scene.runs.begin([WEB], 60.0, "alice")
    begun = scene.progress(run_id)
    assert (begun.done, begun.by, begun.targets, begun.expected) == (False, "alice", (WEB,), 1)
    ended = await scene.end(run_id)
    assert (ended.answered, ended.trouble) == (1, "")
    assert ended.document["answered"] == 1
    assert ended.document["succeeded"] is True
    assert [each["fqdn"] for each in ended.document["replies"]] == [WEB]
    (kept,) = scene.kept
    assert (kept.id, kept.by, kept.targets) == (run_id, "alice", (WEB,))
    assert kept.document == ended.document


async def test_who_is_missing(scene: Scene) -> None:
    ended = await scene.end(await scene.runs.begin(["production"], 0.2, "alice"))
    assert ended.document["missing"] == {"count": 1, "names": [DB]}
    assert ended.expected == 2  # a name that no server can have is not expected
    assert ended.document["succeeded"] is False


async def test_nobody_listens(scene: Scene) -> None:
    ended = await scene.end(await scene.runs.begin(["staging"], 0.2, "alice"))
    assert (ended.expected, ended.document["unroutable"]) == (None, ["staging"])


@pytest.mark.parametrize("targets", [[], [""], ["x" * 300]])
async def test_targets_that_cannot_be(scene: Scene, targets: list[str]) -> None:
    with pytest.raises(InvalidMessage):
        await scene.runs.begin(targets, 1.0, "alice")


async def test_no_more_than_so_many_at_a_time(scene: Scene) -> None:
    first = [await scene.runs.begin(["production"], 60.0, "alice") for _ in range(2)]
    with pytest.raises(TooManyRuns, match="2 pings are under way"):
        await scene.runs.begin(["production"], 1.0, "bob")
    assert scene.progress(first[0]).by == "alice"


async def test_a_run_that_is_stopped_is_kept_as_far_as_it_came(scene: Scene, until: Until) -> None:
    run_id = await scene.runs.begin(["production"], 60.0, "alice")
    await until(lambda: scene.progress(run_id).answered)
    await scene.runs.stop()
    ended = scene.progress(run_id)
    assert (ended.done, ended.trouble) == (True, "The monitor was stopped meanwhile")
    assert scene.kept[0].document["interrupted"] is True
    assert scene.kept[0].document["answered"] == 1


async def test_a_broker_that_is_away(scene: Scene) -> None:
    memory_broker(scene.settings.endpoints[0].host).stop()
    ended = await scene.end(await scene.runs.begin(["production"], 0.2, "alice"))
    assert ended.trouble.startswith("No broker could be reached")
    assert scene.kept == []  # nothing was sent


async def test_what_ended_long_ago_is_forgotten(scene: Scene) -> None:
    first = await scene.runs.begin([WEB], 60.0, "alice")
    await scene.end(first)
    for _ in range(20):
        await scene.end(await scene.runs.begin([WEB], 60.0, "alice"))
    assert scene.runs.progress(first) is None
    assert scene.runs.progress("unknown") is None


async def test_what_a_server_says_at_length_is_counted_but_not_kept(scene: Scene) -> None:
    server = Server("talker.example.org", "staging", tuple(f"app{n:04}" * 8 for n in range(1000)))
    talker = PingService(scene.settings, server)
    ready = asyncio.Event()
    talker.watch(lambda state: ready.set() if state.phase is Phase.READY else None)
    await talker.start()
    await asyncio.wait_for(ready.wait(), 5)
    ended = await scene.end(await scene.runs.begin(["talker.example.org"], 60.0, "alice"))
    assert ended.document["replies"][0]["message"] is None
    await talker.stop()


async def test_what_servers_say_is_kept_up_to_a_size(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton_ping_monitor.collector.pings._LONGEST", 150)
    other = PingService(scene.settings, Server(DB, "production"))
    ready = asyncio.Event()
    other.watch(lambda state: ready.set() if state.phase is Phase.READY else None)
    await other.start()
    await asyncio.wait_for(ready.wait(), 5)
    ended = await scene.end(await scene.runs.begin([WEB, DB], 60.0, "alice"))
    assert ended.document["answered"] == 2
    messages = [each["message"] for each in ended.document["replies"]]
    assert messages[0] is not None
    assert messages[1] is None
    await other.stop()
