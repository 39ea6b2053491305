"""The way of what is collected."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.intake import Intake
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.fleet.view import Incident, State
from baton_ping_monitor.observation import Observation
from baton_ping_monitor.store.records import Batch
from baton_ping_monitor.updates import Updates

if TYPE_CHECKING:
    from conftest import Until

PONG = Observation(1.0, "baton-ping", "pong", "web01", "production", correlation_id="p1")


class Scene:
    """An intake, whose batches are committed when the gate is open."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.incidents: list[Incident] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.has_ended = False
        self.state = FleetState()
        self.updates = Updates()
        self.intake = Intake(self.state, self, self.updates, Clock(), self.tell)

    async def record(self, batch: Batch) -> None:
        if self.has_ended:
            raise RuntimeError("The recorder has ended")
        await self.gate.wait()
        self.batches.append(batch)

    def tell(self, incidents: Sequence[Incident]) -> None:
        self.incidents += incidents


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_what_is_observed_is_kept_with_its_latency(scene: Scene) -> None:
    scene.state.ping_sent({"production": "p1"}, 0.5)
    await scene.intake.observe([PONG])
    ((kept,),) = [batch.observations for batch in scene.batches]
    assert kept.latency == 0.5
    assert scene.updates.revision == 1


async def test_outputs_of_another_extension_tell_nothing_of_the_fleet(scene: Scene) -> None:
    await scene.intake.keep([PONG])
    assert scene.batches[0].observations == (PONG,)
    assert scene.state.view(1.0).servers == ()


async def test_it_returns_when_what_was_observed_is_committed(scene: Scene) -> None:
    scene.gate.clear()
    keeping = asyncio.ensure_future(scene.intake.observe([PONG]))
    done, _ = await asyncio.wait([keeping], timeout=0.02)
    assert not done
    assert scene.state.server("web01", 1.0) is not None  # it is shown at once
    scene.gate.set()
    await asyncio.wait_for(keeping, 5)


async def test_what_cannot_be_kept_any_more_is_never_done(scene: Scene) -> None:
    scene.has_ended = True
    with pytest.raises(TimeoutError):  # so it is not acknowledged, and comes again
        async with asyncio.timeout(0.02):
            await scene.intake.observe([PONG])


async def test_changes_are_kept_in_the_background(scene: Scene, until: Until) -> None:
    await scene.intake.observe([PONG])
    keeping = asyncio.ensure_future(scene.intake.keep_changes())
    await until(lambda: len(scene.batches) == 2)
    scene.state.retire(["web01"], "alice", 2.0)
    scene.intake.hurry()
    await until(lambda: len(scene.batches) == 3)
    keeping.cancel()
    states = [each.after for batch in scene.batches for each in batch.transitions]
    assert states == [State.UP, State.RETIRED]
    assert scene.batches[2].servers[0].is_retired


async def test_nothing_is_written_when_nothing_changed(scene: Scene) -> None:
    await scene.intake.keep_changes_now()
    assert scene.batches == []


async def test_incidents_are_told(scene: Scene) -> None:
    scene.state.tick(0.0)
    await scene.intake.observe([PONG])
    for second in (2.0, 3.0, 4.0):
        scene.state.ping_sent({"production": None}, second)
    for second in range(3, 16):
        scene.state.alive(float(second))
        scene.state.tick(float(second))
    await scene.intake.keep_changes_now()
    assert [each.subject for each in scene.incidents] == ["web01"]


async def test_time_passes(scene: Scene) -> None:
    now = Clock()()
    await scene.intake.observe([Observation(now, "baton-ping", "pong", "web01", "production")])
    scene.state.maintain(["web01"], now + 0.001, "alice", now)
    ticking = asyncio.ensure_future(scene.intake.tick())
    before = scene.updates.revision
    await asyncio.wait_for(scene.updates.beyond(before), 5)
    ticking.cancel()
    found = scene.state.server("web01", now)
    assert found is not None
    assert found.state is State.UP
