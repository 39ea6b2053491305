"""Watching a fleet in the terminal; test_executable has it as a process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from baton import Configuration, InstanceTaken, Server
from baton.link import Phase
from baton_ping.service import PingService
from baton_ping_monitor.fleet.view import FleetView, State
from baton_ping_monitor.settings import PingSettings
from baton_ping_monitor.watch import Watch

if TYPE_CHECKING:
    from conftest import Until


class Screen:
    """A display that keeps what it is shown."""

    repaints = False

    def __init__(self) -> None:
        self.introduction = ""
        self.view = FleetView(0.0)
        self.notes: tuple[str, ...] = ()
        self.last: FleetView | None = None

    def start(self, introduction: str) -> None:
        self.introduction = introduction

    def show(self, view: FleetView, notes: Sequence[str] = ()) -> None:
        self.view, self.notes = view, tuple(notes)

    def stop(self, view: FleetView | None) -> None:
        self.last = view


async def test_a_fleet_that_is_pinged(memory_url: str, until: Until) -> None:
    settings = Configuration(rabbit_url=memory_url)
    screen = Screen()
    watch = Watch(settings, screen, PingSettings(every=0.05), "here")
    await watch.start()
    assert screen.introduction.startswith("The servers that answer baton-ping over ")
    watching = asyncio.ensure_future(watch.run())
    await until(lambda: any(note.startswith("Cannot ping") for note in screen.notes))
    service = PingService(settings, Server("web01.example.org", "production"))
    await service.start()
    await until(lambda: screen.view.counts.get(State.UP))
    await until(lambda: screen.notes == ("Connected",))
    assert screen.view.servers[0].latency is not None
    watching.cancel()
    await watch.stop()
    assert screen.last is not None
    assert screen.last.servers[0].state is State.UP
    await service.stop()


async def test_one_that_only_listens(memory_url: str, until: Until) -> None:
    screen = Screen()
    watch = Watch(Configuration(rabbit_url=memory_url), screen, PingSettings())
    await watch.start()
    watching = asyncio.ensure_future(watch.run())
    await until(lambda: screen.notes[:1] == ("Connected",))
    assert screen.notes[1].startswith("This monitor only listens.")
    assert not screen.view.pings_by_itself
    watching.cancel()
    await watch.stop()


async def test_another_is_the_same_instance(memory_url: str, until: Until) -> None:
    settings = Configuration(rabbit_url=memory_url)
    first = Watch(settings, Screen(), PingSettings(), "here")
    await first.start()
    watching = asyncio.ensure_future(first.run())
    await until(lambda: first._monitor.state.phase is Phase.READY)
    screen = Screen()
    second = Watch(settings, screen, PingSettings(), "here")
    await second.start()
    with pytest.raises(InstanceTaken):
        await asyncio.wait_for(second.run(), 15)
    await second.stop()
    assert screen.last is None  # an error is the last word
    watching.cancel()
    await first.stop()
