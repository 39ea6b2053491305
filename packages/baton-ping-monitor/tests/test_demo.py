"""The demonstration: in this process, in a terminal, and where there is none."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from baton import ConfigurationError
from baton.listening import listening_on
from baton_ping_monitor.demo import FLEET, IN_MAINTENANCE, NEVER_SEEN, RETIRED, Demo
from baton_ping_monitor.fleet.view import FleetView, ServerView, State
from baton_ping_monitor.settings import WebSettings

if TYPE_CHECKING:
    from conftest import Start

pytestmark = pytest.mark.measured

RUN = "from baton_ping_monitor.executable import main; main()"
FREE = WebSettings(port=0)


class Audience:
    """A display that waits for what it wants to see."""

    repaints = False

    def __init__(self) -> None:
        self.introduction = ""
        self.view = FleetView(0.0)
        self.last: FleetView | None = None
        self._news = asyncio.Event()

    def start(self, introduction: str) -> None:
        self.introduction = introduction

    def show(self, view: FleetView, notes: Sequence[str] = ()) -> None:
        self.view = view
        self._news.set()

    def stop(self, view: FleetView | None) -> None:
        self.last = view

    @property
    def servers(self) -> dict[str, ServerView]:
        return {server.fqdn: server for server in self.view.servers}

    async def wait_for(self, fqdn: str, **values: Any) -> ServerView:
        """Wait until the server is shown with these values."""
        async with asyncio.timeout(100):
            while True:
                server = self.servers.get(fqdn)
                if server and all(getattr(server, each) == values[each] for each in values):
                    return server
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def audience() -> Audience:
    return Audience()


@pytest.fixture
async def demo(audience: Audience) -> AsyncIterator[Demo]:
    demo = Demo(audience, FREE)
    await demo.start()
    yield demo
    await demo.stop()


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.timeout(120)
async def test_the_fleet_is_rich_and_the_dashboard_shows_it(demo: Demo, audience: Audience) -> None:
    watching = asyncio.ensure_future(demo.run())
    assert "no broker needed" in audience.introduction
    await audience.wait_for("web01.example.org", state=State.UP)
    await audience.wait_for("mail01.example.org", is_failing=True)
    await audience.wait_for(NEVER_SEEN, state=State.NEVER_SEEN)
    await audience.wait_for(IN_MAINTENANCE, state=State.MAINTENANCE)
    await audience.wait_for(RETIRED, state=State.RETIRED)
    missing = await audience.wait_for("web03.example.org", state=State.MISSING)
    assert missing.flaps == 1
    assert set(audience.servers) == {each.fqdn for each, _ in FLEET} | {NEVER_SEEN}
    found = re.search(r"Dashboard: (http://127\.0\.0\.1:\d+/)", audience.introduction)
    assert found
    document = await asyncio.to_thread(fetch, f"{found[1]}api/servers?limit=1000")
    assert len(document["servers"]) == len(FLEET)  # one is retired, and one was never seen
    watching.cancel()


async def test_it_ends_quickly(audience: Audience) -> None:
    demo = Demo(audience, FREE)
    await demo.start()
    await demo.run(seconds=0.01)
    began = time.monotonic()
    await demo.stop()
    assert time.monotonic() - began < 3
    assert audience.last is not None


async def test_the_next_port_is_taken_where_one_is_not_free(audience: Audience) -> None:
    (taken,) = listening_on("127.0.0.1", 0)
    port = taken.getsockname()[1]
    demo = Demo(audience, WebSettings(port=port))
    await demo.start()
    assert re.search(r"Dashboard: http://127\.0\.0\.1:\d+/", audience.introduction)
    assert f":{port}/" not in audience.introduction
    await demo.stop()
    taken.close()


async def test_an_address_that_this_machine_does_not_have(audience: Audience) -> None:
    demo = Demo(audience, WebSettings(host="192.0.2.1"))
    with pytest.raises(ConfigurationError, match=r"None of the ports 8470 to 8489 of 192\.0\.2\.1"):
        await demo.start()
    await demo.stop()


async def test_it_is_not_started(audience: Audience) -> None:
    demo = Demo(audience)
    with pytest.raises(RuntimeError, match="not started"):
        await demo.run()
    await demo.stop()


def test_in_a_terminal(start: Start) -> None:
    demo = start("--demo", "--port", "0", terminal=True)
    before = termios.tcgetattr(demo.terminal)
    demo.expect(r"Dashboard: http://127\.0\.0\.1:\d+/")
    demo.expect(r"A simulated fleet: 60 servers")
    demo.expect(r"\x1b\[\?1049h")
    demo.expect(r"\d+ up")
    demo.expect(r"mail01\.example\.org.*▲ failing")
    told = time.monotonic()
    demo.signal(signal.SIGINT)
    assert demo.end() == 0
    assert time.monotonic() - told < 5
    after = demo.output.rpartition("\x1b[?1049l")[2]
    assert "web01.example.org" in after  # what it was at the end is left behind
    assert demo.output.rindex("\x1b[?25h") > demo.output.rindex("\x1b[?25l")
    assert "Traceback" not in demo.output
    assert demo.left == before


def test_where_there_is_no_terminal(start: Start) -> None:
    demo = start("--demo", "--port", "0", FORCE_COLOR="1", GITHUB_ACTIONS="true")
    demo.expect(r"^Dashboard: http://127\.0\.0\.1:\d+/\n")
    demo.expect(r"no broker needed.*Ctrl-C ends it\.\n")
    demo.expect(r"\n\d\d:\d\d:\d\d  \S+ up +web01\.example\.org  production shop  a pong in \d+ ms")
    demo.expect(r"failing +mail01\.example\.org  production mail  OSError: no space left")
    demo.signal(signal.SIGTERM)
    assert demo.end() == 0
    without_colour = re.sub(r"\x1b\[[\d;]*m", "", demo.output)
    assert re.search(r"\nserver +environ\S* +(apps +)?state", without_colour)
    assert "Traceback" not in demo.output
    assert "?1049" not in demo.output


def test_it_ends_by_itself(start: Start) -> None:
    demo = start("--demo", "--port", "0", "--seconds", "2")
    assert demo.end() == 0
    assert "web01.example.org" in demo.output


def test_whoever_reads_may_go() -> None:
    command = shlex.join([sys.executable, "-c", RUN, "--demo", "--port", "0", "--seconds", "30"])
    done = subprocess.run(
        f"{command} | head -n 1",
        shell=True,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "Dashboard: http://" in done.stdout
    assert done.stderr == ""
