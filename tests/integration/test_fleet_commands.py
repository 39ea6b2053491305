"""`baton ping`, `baton send --wait` and `baton replies` as a user runs them, on a real RabbitMQ."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from baton import Message
from baton_ping.monitor import PingMonitor
from brokers.vhost import Vhost
from brokers.waiting import wait_until
from integration.running import Process, command, process

LONG = "60"
"""Seconds that no test waits: what ends earlier did so for another reason."""


@contextmanager
def fleet(vhost: Vhost, count: int, *options: str) -> Iterator[list[str]]:
    """So many servers in production, ready; their names."""
    arguments = ("run", "ping", "--url", vhost.url, "--simulate", str(count), *options)
    with process(*arguments, "--environments", "production", program="baton") as started:
        started.wait_for("ready since", timeout=45)
        yield [f"sim{number:05}.example.org" for number in range(1, count + 1)]


@contextmanager
def server(vhost: Vhost, name: str) -> Iterator[Process]:
    """A server of its own process, ready."""
    settings = {"BATON_FQDN": name, "BATON_ENVIRONMENT": "production"}
    with process("--url", vhost.url, **settings) as started:
        started.wait_for("is ready")
        yield started


def reply_queues(vhost: Vhost) -> list[str]:
    return [queue["name"] for queue in vhost.queues() if "requester" in queue["name"]]


def test_three_of_fifty_that_were_killed_are_named(vhost: Vhost, tmp_path: Path) -> None:
    victims = [f"victim{number}.example.org" for number in range(3)]
    file = tmp_path / "expected"
    arguments = ["ping", "production", "--expect-file", str(file), "--url", vhost.url]
    with ExitStack() as stack:
        names = stack.enter_context(fleet(vhost, 47))
        killed = [stack.enter_context(server(vhost, name)) for name in victims]
        file.write_text("\n".join([*names, *victims]))
        before = command(*arguments, "--timeout", LONG)
        for each in killed:
            each.signal(signal.SIGKILL)
            each.wait()
        after = command(*arguments, "--timeout", "5")
        assert wait_until(lambda: not reply_queues(vhost), 10)
    assert before.code == 0, before.out + before.err
    assert "\n50 of 50 servers answered in " in before.out
    assert after.code == 1
    waited = re.search(r"\n47 of 50 servers answered in ([0-9.]+) s\n", after.out)
    assert waited is not None, after.out
    assert float(waited[1]) >= 5  # and longer where the broker took its time to confirm
    assert f"\nmissing (3)      {', '.join(victims)}\n" in after.out
    assert after.err == ""


def test_two_servers_of_one_name_are_named(vhost: Vhost) -> None:
    with server(vhost, "twin.example.org"), server(vhost, "twin.example.org"):
        ended = command("ping", "production", "--timeout", "3", "--url", vhost.url)
    assert "\n1 server answered in " in ended.out
    assert "\nduplicate (1)    twin.example.org (2 services)\n" in ended.out


def test_neither_of_two_commands_at_once_prints_the_others_replies(vhost: Vhost) -> None:
    options = ["--expect", "20", "--jsonl", "--timeout", LONG, "--url", vhost.url]
    with fleet(vhost, 20, "--latency", "50"), ExitStack() as stack:
        asked = [
            stack.enter_context(process(*arguments, *options, program="baton"))
            for arguments in (
                ["ping", "production"],
                ["send", "ping", "production", '{"type":"other"}', "--wait"],
            )
        ]
        codes = [each.wait() for each in asked]
    assert codes == [0, 1]
    for each, kind in zip(asked, ("pong", "error"), strict=True):
        *replies, result = map(json.loads, each.lines)
        assert {reply["reply"]["message"]["type"] for reply in replies} == {kind}
        assert len(replies) == result["result"]["replies_count"] == 20


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_waiting_gives_the_account_and_leaves_nothing(
    vhost: Vhost, name: str, code: int
) -> None:
    arguments = ["ping", "production", "--expect", "9", "--timeout", LONG, "--url", vhost.url]
    with server(vhost, "web01.example.org"), process(*arguments, program="baton") as asked:
        asked.wait_for("web01.example.org ")
        assert reply_queues(vhost)
        asked.signal(getattr(signal, name))
        assert asked.wait(15) == code
        assert wait_until(lambda: not reply_queues(vhost), 10)
    text = "\n".join(asked.lines)
    assert re.search(r"^1 of 9 servers answered in [\d.]+ s, interrupted$", text, re.MULTILINE)
    assert "missing (8)" in text
    assert "Traceback" not in text


def test_a_signal_while_it_connects_ends_it() -> None:
    """Nobody answers there; nothing was asked."""
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"amqp://127.0.0.1:{silent.getsockname()[1]}"
        asked = stack.enter_context(process("ping", "x", "--url", url, program="baton"))
        # It is connecting by the time that it has installed its handlers, or soon will be.
        assert wait_until(lambda: _catches_sigint(asked), 30)
        asked.signal(signal.SIGINT)
        assert asked.wait(15) == 130
    assert asked.lines == []


def _catches_sigint(asked: Process) -> bool:
    status = Path(f"/proc/{asked._process.pid}/status").read_text()
    (mask,) = re.findall(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(mask, 16) & 1 << (signal.SIGTERM - 1))


def test_a_reader_that_has_enough_ends_it_quietly(vhost: Vhost) -> None:
    with fleet(vhost, 50):
        script = '"$@" | head -n 1; echo "${PIPESTATUS[0]}"'
        baton = str(Path(sys.executable).parent / "baton")
        ran = subprocess.run(
            ["bash", "-c", script, "bash", baton, "ping", "production", "--url", vhost.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )
    line, code = ran.stdout.splitlines()
    assert line.startswith("sim")
    assert (code, ran.stderr) == ("141", "")


def test_on_a_narrow_terminal_no_line_is_broken(vhost: Vhost) -> None:
    """Lines are cut to it, and the progress below them is one line that is written over."""
    width = 40
    with fleet(vhost, 20, "--latency", "600"):
        shown = on_terminal(
            width, "ping", "production", "--expect", "21", "--timeout", "4", "--url", vhost.url
        )
    assert "\x1b[31m20 of 21 servers answered in " in shown  # red
    painted = [
        re.sub(r"\x1b\[\d*m", "", each)
        for line in shown.split("\r\n")
        for each in re.split(r"\r\x1b\[K", line)
    ]
    progress = [each for each in painted if " answered █" in each or " answered ░" in each]
    assert progress
    assert max(map(len, progress)) < width
    assert max(len(each) for each in painted if each.startswith("sim")) <= width


def on_terminal(width: int, *arguments: str) -> str:
    """What the command writes to a terminal of that many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    for name in ("NO_COLOR", "COLUMNS"):
        environment.pop(name, None)
    baton = str(Path(sys.executable).parent / "baton")
    with subprocess.Popen(
        [baton, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as asked:
        os.close(theirs)
        written = bytearray()
        try:
            while part := os.read(ours, 65_536):
                written += part
        except OSError:  # its other end was closed
            pass
        asked.wait(30)
    os.close(ours)
    return written.decode()


def test_send_asks_a_fleet_as_ping_does(vhost: Vhost) -> None:
    with fleet(vhost, 30):
        options = ["--wait", "--expect", "30", "--timeout", LONG, "--url", vhost.url]
        ended = command("send", "ping", "--all", '{"type":"ping"}', *options)
        some = command(
            "send", "ping", "production", '{"type":"ping"}', "--where", "fqdn=sim0000*",
            "--wait", "--expect", "9", "--names", "--url", vhost.url,
        )  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.out.count(' ms  {"type": "pong"}') == 30
    assert "\n30 of 30 servers answered in " in ended.out
    assert some.code == 0
    assert sorted(some.out.split()) == [f"sim0000{number}.example.org" for number in range(1, 10)]


def test_several_rounds(vhost: Vhost) -> None:
    arguments = ["ping", "sim00001.example.org", "--count", "3", "--interval", "0.1"]
    with fleet(vhost, 1):
        ended = command(*arguments, "--url", vhost.url)
    assert (ended.code, ended.err) == (0, "")
    assert "\n3 rounds: 3 of 3 answers came, 0% lost\n" in ended.out


class Seen:
    """What a monitor has seen, as its JSON API tells it."""

    def __init__(self) -> None:
        self.outputs: list[tuple[float, Message]] = []
        self.changed = asyncio.Event()

    def answer(self, message_id: str) -> bytes:
        rows = [
            {
                "message_id": message.message_id,
                "fqdn": message["fqdn"],
                "instance": str(message.headers["baton-instance"]),
                "type": message.type,
                "received": received,
                "body": dict(message),
            }
            for received, message in self.outputs
            if message.correlation_id == message_id
        ]
        return json.dumps({"replies": rows}).encode()


@contextmanager
def json_api(seen: Seen) -> Iterator[str]:
    """The JSON API of a monitor, as far as requesters need it; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = seen.answer(self.path.rpartition("/")[2])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        serving = threading.Thread(target=httpd.serve_forever, daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        serving.join()


async def test_a_server_that_answers_after_the_deadline_is_late_and_not_missing(
    vhost: Vhost, tmp_path: Path
) -> None:
    """A monitor has seen it meanwhile."""
    seen = Seen()

    class Seeing(PingMonitor):
        def process_message(self, message: Message) -> None:
            seen.outputs.append((time.time(), message))
            seen.changed.set()

    monitor = Seeing(vhost.configuration())
    ready = asyncio.Event()
    await monitor.start(lambda state: ready.set() if state.phase == "ready" else None)
    await asyncio.wait_for(ready.wait(), 10)
    name = "web01.example.org"
    file = tmp_path / "expected"
    file.write_text(name)
    arguments = ["ping", "production", "--expect-file", str(file), "--timeout", "0.5"]
    with server(vhost, name) as slow, json_api(seen) as url:
        slow.signal(signal.SIGSTOP)
        asked = await asyncio.to_thread(command, *arguments, "--url", vhost.url)
        before = await asyncio.to_thread(command, "replies", "--from", url)
        slow.signal(signal.SIGCONT)
        await asyncio.wait_for(seen.changed.wait(), 30)
        after = await asyncio.to_thread(command, "replies", "--from", url)
    await monitor.stop()
    assert (asked.code, before.code) == (1, 1)
    assert f"\nmissing (1)      {name}\n" in before.out
    assert after.code == 0, after.out + after.err
    assert "missing" not in after.out
    assert f"\nlate (1)         {name}\n" in after.out
