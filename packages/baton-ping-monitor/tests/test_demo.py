"""The demonstration: in this process, in a terminal, and where there is none."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from baton_ping_monitor.demo import FLEET, Demo
from baton_ping_monitor.fleet.state import FleetView, Health

if TYPE_CHECKING:
    from conftest import Start

RUN = "from baton_ping_monitor.executable import main; main()"


class Audience:
    """A display that waits for what it wants to see."""

    repaints = False

    def __init__(self) -> None:
        self.introduction = ""
        self.seen: set[tuple[str, Health]] = set()
        self.view = FleetView()
        self.last: FleetView | None = None
        self._news = asyncio.Event()

    def start(self, introduction: str) -> None:
        self.introduction = introduction

    def show(self, view: FleetView, now: float, notes: Sequence[str] = ()) -> None:
        self.view = view
        self.seen |= {(server.fqdn, server.health) for server in view.servers}
        self._news.set()

    def stop(self, view: FleetView | None) -> None:
        self.last = view

    async def wait_for(self, fqdn: str, health: Health) -> None:
        async with asyncio.timeout(15):
            while (fqdn, health) not in self.seen:
                self._news.clear()
                await self._news.wait()


async def test_everybody_answers_some_slowly_some_with_errors() -> None:
    audience = Audience()
    demo = Demo(audience)
    began = time.monotonic()
    await demo.start()
    assert time.monotonic() - began < 1
    assert "no broker needed" in audience.introduction
    watching = asyncio.ensure_future(demo.run())
    await audience.wait_for("web01.example.org", Health.UP)
    await audience.wait_for("db02.example.org", Health.SLOW)
    await audience.wait_for("mail01.example.org", Health.FAILING)
    assert {server.fqdn for server in audience.view.servers} == {each.fqdn for each, _ in FLEET}
    watching.cancel()
    began = time.monotonic()
    assert not await demo.stop()
    assert time.monotonic() - began < 2
    assert audience.last is not None
    assert audience.last.pings >= 3


async def test_the_run_ends_when_its_time_is_over() -> None:
    audience = Audience()
    demo = Demo(audience)
    await demo.start()
    await demo.run(seconds=0.01)
    assert not await demo.stop()


def test_in_a_terminal(start: Start) -> None:
    demo = start("--demo", terminal=True)
    before = termios.tcgetattr(demo.terminal)
    demo.expect(r"A simulated fleet: 12 servers")
    demo.expect(r"\x1b\[\?1049h")
    demo.expect(r"web01\.example\.org.*● up")
    demo.expect(r"db02\.example\.org.*◐ slow")
    demo.expect(r"mail01\.example\.org.*▲ failing")
    told = time.monotonic()
    demo.signal(signal.SIGINT)
    assert demo.end() == 0
    assert time.monotonic() - told < 2
    after = demo.output.rpartition("\x1b[?1049l")[2]
    assert "web01.example.org" in after  # what it was at the end is left behind
    assert demo.output.rindex("\x1b[?25h") > demo.output.rindex("\x1b[?25l")
    assert "Traceback" not in demo.output
    assert demo.left == before


def test_where_there_is_no_terminal(start: Start) -> None:
    demo = start("--demo", FORCE_COLOR="1", GITHUB_ACTIONS="true")
    demo.expect(r"no broker needed.*Ctrl-C ends it\.\n")
    demo.expect(r"\n\d\d:\d\d:\d\d  \S+ up +web01\.example\.org  production shop  a pong in \d+ ms")
    demo.expect(r"slow +db02\.example\.org")
    demo.expect(r"failing +mail01\.example\.org  production mail  OSError: no space left")
    told = time.monotonic()
    demo.signal(signal.SIGTERM)
    assert demo.end() == 0
    assert time.monotonic() - told < 2
    without_colour = re.sub(r"\x1b\[[\d;]*m", "", demo.output)
    assert re.search(r"\nserver +environment +apps +state", without_colour)
    assert "Traceback" not in demo.output
    assert "?1049" not in demo.output


def test_it_ends_by_itself(start: Start) -> None:
    demo = start("--demo", "--seconds", "0.4")
    assert demo.end() == 0
    assert "web01.example.org" in demo.output


def test_whoever_reads_may_go() -> None:
    command = shlex.join([sys.executable, "-c", RUN, "--demo", "--seconds", "30"])
    done = subprocess.run(
        f"{command} | head -n 1",
        shell=True,
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert "no broker needed" in done.stdout
    assert done.stderr == ""
