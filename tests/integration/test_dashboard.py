"""The dashboard on a real broker: nothing that was said is lost, and it knows when it is blind."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from baton import Server
from baton.exchanges import output_exchange
from baton.message import INSTANCE_HEADER
from baton_ping.extension import extension
from brokers.ports import free_ports
from brokers.vhost import Vhost
from brokers.waiting import wait_until
from integration.browser.dashboards import Dashboard, dashboard, server, simulated
from integration.running import WEB01, command, running
from lines import Line

HEARD = 30.0
BLIND_WITHIN = 25.0
PAGE = 500
"""Servers of which outputs are published together."""
PACE = 50
"""And those that answer every tenth of a second."""

WORST: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"\x00\x1b[2J<script>alert(1)</script>",
    "not UTF-8": b'{"type": "pong", "fqdn": "\xff"}',
    "no type": b'{"fqdn": "web01.example.org"}',
    "a number as fqdn": b'{"type": "pong", "fqdn": 12}',
    "no fqdn": b'{"type": "pong"}',
    "a list": b"[1, 2]",
    "deep": b'{"type": "pong", "fqdn": "deep", "a": %s%s}' % (b"[" * 50_000, b"]" * 50_000),
    "half a surrogate pair": b'{"type": "pong", "fqdn": "half\\ud800"}',
    "a number without end": b'{"type": "pong", "fqdn": "web01", "n": %s}' % (b"9" * 10_000),
}
"""What no server can have meant."""
ODD: dict[str, bytes] = {
    "a script": json.dumps(
        {
            "type": "error",
            "fqdn": "<script>alert(1)</script>",
            "environment": '"><img src=x onerror=alert(2)>',
            "app_names": ["'-alert(3)-'"],
            "error_message": "</td><script>alert(4)</script>",
        }
    ).encode(),
    "controls and bidi": b'{"type": "info", "fqdn": "\\u202emoc.live", "message": "\\u001b[2J"}',
    "16 MiB": b'{"type": "pong", "fqdn": "big.example.org", "x": "%s"}'
    % (b"x" * ((16 << 20) - 80)),
    "a huge list": b'{"type": "facts", "fqdn": "list.example.org", "facts": {"a": [%s1]}}'
    % (b"1," * 200_000),
    "the same key twice": b'{"type": "pong", "fqdn": "one.example.org", "fqdn": "two.example.org"}',
}
"""What a server may say, but should not."""


class Speaker:
    """Publishes outputs as a server does, and knows which of them the broker confirmed."""

    def __init__(self, channel: aio_pika.abc.AbstractChannel, exchange: str) -> None:
        self.confirmed: list[str] = []
        self._channel = channel
        self._exchange = exchange

    async def say(self, body: bytes) -> None:
        """Publish *body*; it is confirmed when this returns."""
        message_id = secrets.token_hex(16)
        message = aio_pika.Message(
            body,
            message_id=message_id,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers={INSTANCE_HEADER: "i1"},
            timestamp=int(time.time()),
        )
        exchange = await self._channel.get_exchange(self._exchange, ensure=False)
        await exchange.publish(message, "", mandatory=False)
        self.confirmed.append(message_id)

    async def pongs(self, number: int) -> None:
        """So many servers answer."""
        await asyncio.gather(*(self.say(_pong(each)) for each in range(number)))

    async def go_on(self) -> None:
        """Have them answer again and again, until this is cancelled."""
        while True:
            await self.pongs(PACE)
            await asyncio.sleep(0.1)


def _pong(number: int) -> bytes:
    fqdn = f"web{number:03}.example.org"
    return json.dumps({"type": "pong", "environment": "production", "fqdn": fqdn}).encode()


@asynccontextmanager
async def speaker(vhost: Vhost) -> AsyncIterator[Speaker]:
    configuration = vhost.configuration()
    connection = await aio_pika.connect(vhost.url)
    async with connection:
        channel = await connection.channel()
        yield Speaker(channel, output_exchange(configuration, extension).name)


def kept(folder: Path) -> list[str]:
    """The ids of the outputs in the store, each as often as it is there."""
    with closing(sqlite3.connect(f"file:{folder}/dashboard.db?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT message_id FROM outputs WHERE message_id IS NOT NULL")
        return [row[0] for row in rows]


def fetch(monitor: Dashboard, path: str) -> Any:
    with urllib.request.urlopen(f"{monitor.url}{path}", timeout=10) as answer:
        return json.load(answer)


async def until_kept(folder: Path, ids: list[str]) -> list[str]:
    """Wait until all of *ids* are in the store; what is there then."""
    wanted = set(ids)
    await asyncio.to_thread(wait_until, lambda: wanted <= set(kept(folder)), HEARD)
    return kept(folder)


async def test_nothing_that_was_confirmed_is_lost_by_a_kill(vhost: Vhost, tmp_path: Path) -> None:
    async with dashboard(vhost.url, tmp_path) as monitor, speaker(vhost) as speaking:
        going_on = asyncio.create_task(speaking.go_on())
        for seconds in (1.0, 0.4):
            before = len(speaking.confirmed)
            await asyncio.sleep(seconds)  # at any moment
            await asyncio.to_thread(monitor.kill)
            assert len(speaking.confirmed) > before
            await asyncio.to_thread(monitor.start)
        going_on.cancel()
        with suppress(asyncio.CancelledError):
            await going_on
        there = await until_kept(tmp_path, speaking.confirmed)
        missing = set(speaking.confirmed) - set(there)
        assert not missing, f"{len(missing)} of {len(speaking.confirmed)}"
        assert len(there) == len(set(there))  # what came again is there once
        assert len(there) > PAGE


async def test_two_monitors_both_see_everything(vhost: Vhost, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one = dashboard(vhost.url, folders[0], "--instance", "one")
    two = dashboard(vhost.url, folders[1], "--instance", "two")
    async with one as first, two as second, speaker(vhost) as speaking:
        await speaking.pongs(PAGE)
        for folder, monitor in zip(folders, (first, second), strict=True):
            assert set(await until_kept(folder, speaking.confirmed)) == set(speaking.confirmed)
            shown = await asyncio.to_thread(fetch, monitor, "/api/servers?limit=1000")
            assert len(shown["servers"]) == PAGE


async def _blind_after(monitor: Dashboard, seconds: float) -> float:
    """Wait until the monitor says that it is blind; after how many seconds."""
    began = time.monotonic()

    def is_blind() -> bool:
        return fetch(monitor, "/api/servers?limit=1")["blind_since"] is not None

    assert await asyncio.to_thread(wait_until, is_blind, seconds), monitor.lines
    return time.monotonic() - began


async def _sees_again(monitor: Dashboard) -> None:
    def sees() -> bool:
        return fetch(monitor, "/api/servers?limit=1")["blind_since"] is None

    assert await asyncio.to_thread(wait_until, sees, HEARD), monitor.lines


async def _is_up(monitor: Dashboard) -> None:
    def is_up() -> bool:
        servers = fetch(monitor, "/api/servers")["servers"]
        return any(each["fqdn"] == WEB01.fqdn and each["state"] == "up" for each in servers)

    assert await asyncio.to_thread(wait_until, is_up, HEARD), monitor.lines


async def test_a_closed_connection_is_seen_at_once(vhost: Vhost, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(Line(vhost.url))
        await stack.enter_async_context(running(vhost.configuration()))
        async with dashboard(line.end, tmp_path, "--ping-every", "0.2") as monitor:
            await _is_up(monitor)
            await line.cut()
            await _blind_after(monitor, 8)  # without a word, that takes a heartbeat or two, of 10 s
            await asyncio.sleep(1.0)  # five pings
            (shown,) = (await asyncio.to_thread(fetch, monitor, "/api/servers"))["servers"]
            assert (shown["state"], shown["silent"]) == ("up", 0)
            await line.mend()
            await _sees_again(monitor)
            pongs = shown["pongs"]

            def hears() -> bool:
                return bool(fetch(monitor, "/api/servers")["servers"][0]["pongs"] > pongs)

            assert await asyncio.to_thread(wait_until, hears, HEARD)


async def test_a_frozen_broker_is_seen_and_nobody_is_called_missing(
    vhost: Vhost, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(Line(vhost.url))
        await stack.enter_async_context(running(vhost.configuration()))
        async with dashboard(line.end, tmp_path, "--ping-every", "0.5") as monitor:
            await _is_up(monitor)
            line.freeze()
            assert await _blind_after(monitor, BLIND_WITHIN) < BLIND_WITHIN
            shown = (await asyncio.to_thread(fetch, monitor, "/api/servers"))["servers"][0]
            assert shown["state"] == "up"
            await line.mend()
            await _sees_again(monitor)
            await _is_up(monitor)
            transitions = (await asyncio.to_thread(fetch, monitor, "/api/incidents"))["incidents"]
            assert transitions == []


async def test_a_server_that_is_killed_is_missing_and_comes_back(
    vhost: Vhost, tmp_path: Path
) -> None:
    async with dashboard(vhost.url, tmp_path, "--ping-every", "0.5") as monitor:
        async with server(vhost.url, WEB01.fqdn):
            await _is_up(monitor)

        def state() -> str:
            return str(fetch(monitor, "/api/servers")["servers"][0]["state"])

        assert await asyncio.to_thread(wait_until, lambda: state() == "missing", HEARD)

        def incidents() -> list[Any]:  # kept a moment later
            return list(fetch(monitor, "/api/incidents")["incidents"])

        assert await asyncio.to_thread(wait_until, incidents, HEARD)
        (incident,) = await asyncio.to_thread(incidents)
        assert (incident["subject"], incident["ended"]) == (WEB01.fqdn, None)
        async with running(vhost.configuration(), Server(WEB01.fqdn, "production")):
            await _is_up(monitor)


async def test_an_environment_that_falls_silent_is_one_incident(
    vhost: Vhost, tmp_path: Path
) -> None:
    async with dashboard(vhost.url, tmp_path, "--ping-every", "0.5") as monitor:
        async with simulated(vhost.url, 20, "--environments", "staging"):
            known = await asyncio.to_thread(wait_until, lambda: monitor.knows(20), HEARD)
            assert known, monitor.lines

        def incidents() -> list[Any]:
            return list(fetch(monitor, "/api/incidents")["incidents"])

        assert await asyncio.to_thread(wait_until, incidents, HEARD)
        (incident,) = await asyncio.to_thread(incidents)
        assert (incident["subject"], len(incident["servers"])) == ("staging", 20)


@pytest.mark.parametrize("kind", ["worst", "odd"])
async def test_bad_outputs_are_kept_and_shown_and_break_nothing(
    vhost: Vhost, tmp_path: Path, kind: str
) -> None:
    bodies = WORST if kind == "worst" else ODD
    async with dashboard(vhost.url, tmp_path) as monitor, speaker(vhost) as speaking:
        for body in bodies.values():
            await speaking.say(body)
        await speaking.pongs(1)
        await until_kept(tmp_path, speaking.confirmed[-1:])
        events = (await asyncio.to_thread(fetch, monitor, "/api/servers?limit=100"))["servers"]
        page = await asyncio.to_thread(_read, f"{monitor.url}/events")
        if kind == "worst":
            assert page.count("malformed") >= len(WORST)
            assert [each["fqdn"] for each in events] == ["web000.example.org"]
        else:
            assert {"big.example.org", "list.example.org", "two.example.org"} <= {
                each["fqdn"] for each in events
            }
        for path in ("/", "/events"):
            text = await asyncio.to_thread(_read, f"{monitor.url}{path}")
            assert "<script>alert" not in text
            assert "<img src=x" not in text
            assert "\x1b" not in text
            assert "\u202e" not in text
        assert "Traceback" not in "\n".join(monitor.lines)


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


async def test_it_runs_in_the_background(vhost: Vhost, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    settings = {
        "BATON_RABBIT_URL": vhost.url,
        "BATON_PID_FILE": str(tmp_path / "monitor.pid"),
        "BATON_LOG_FILE": str(tmp_path / "monitor.log"),
        "BATON_DATABASE": f"sqlite:///{tmp_path}/dashboard.db",
        "BATON_DASHBOARD_PORT": str(port),
    }

    def run(*options: str) -> tuple[int, str]:
        ended = command(*options, program="baton-ping-monitor", **settings)
        return ended.code, ended.out + ended.err

    code, said = await asyncio.to_thread(run, "-d")
    assert code == 0, said
    try:
        taken = await asyncio.to_thread(run)
        assert taken[0] == 1
        assert "It runs already" in taken[1]
        ready = await asyncio.to_thread(wait_until, lambda: run("--status")[0] == 0, HEARD)
        assert ready, (tmp_path / "monitor.log").read_text()
        assert "Fleet" in await asyncio.to_thread(_read, f"http://127.0.0.1:{port}/")
    finally:
        assert (await asyncio.to_thread(run, "--stop"))[0] == 0
