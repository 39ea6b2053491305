"""The monitor as a process, and what is said to it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from baton import Message
from baton.message import Envelope

PATIENCE = 15.0
RUN = "from baton_ping_monitor.executable import main; main()"


class Running:
    """A process whose output is read as it comes, from a terminal or from a pipe."""

    def __init__(self, arguments: list[str], environment: dict[str, str], terminal: bool) -> None:
        self.output = ""
        self.left: list[Any] = []
        self._news = threading.Condition()
        if terminal:
            self._source, self.terminal = pty.openpty()
            termios.tcsetwinsize(self.terminal, (30, 100))
        else:
            self._source, self.terminal = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=self.terminal if terminal else subprocess.DEVNULL,
            stdout=self.terminal,
            stderr=self.terminal,
            env=environment,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait until *pattern* is in the output."""
        with self._news:
            found = self._news.wait_for(lambda: re.search(pattern, self.output), PATIENCE)
        assert found, f"{pattern} did not come in:\n{self.output}"
        return found

    def type(self, text: str) -> None:
        """Type *text* at its terminal."""
        os.write(self._source, text.encode())

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, timeout: float = PATIENCE) -> int:
        """Wait until it ends; its exit code."""
        code = self._process.wait(timeout)
        if os.isatty(self.terminal):
            self.left = termios.tcgetattr(self.terminal)
        os.close(self.terminal)
        self._reader.join(PATIENCE)
        return code

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self.end()
        os.close(self._source)

    def _read(self) -> None:
        decode = bytearray()
        while True:
            try:
                data = os.read(self._source, 65_536)
            except OSError:  # the other end of a terminal has gone
                data = b""
            if not data:
                return
            decode += data
            with self._news:
                self.output = decode.decode(errors="replace").replace("\r\n", "\n")
                self._news.notify_all()


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the monitor with some options, or a scene of scenes.py."""
    started: list[Running] = []
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BATON_")}
    environment |= {"TERM": "xterm-256color", "PYTHONWARNINGS": "error"}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)

    def start_one(
        *options: str, scene: str = "", terminal: bool = False, **variables: str
    ) -> Running:
        script = Path(__file__).with_name("scenes.py")
        arguments = [str(script), scene] if scene else ["-c", RUN]
        running = Running([*arguments, *options], environment | variables, terminal)
        started.append(running)
        return running

    yield start_one
    for running in started:
        running.close()


def output(
    fqdn: object = "web01.example.org",
    kind: str = "pong",
    *,
    environment: object = "production",
    app_names: object = ("shop",),
    message_id: str | None = None,
    answers: str | None = None,
    timestamp: float | None = None,
    **more: Any,
) -> Message:
    """What a server says."""
    names = list(app_names) if isinstance(app_names, tuple) else app_names
    body = {"type": kind, "environment": environment, "fqdn": fqdn, "app_names": names, **more}
    envelope = Envelope(message_id=message_id, correlation_id=answers, timestamp=timestamp)
    return Message(body, envelope=envelope)


Say = Callable[..., Message]


@pytest.fixture
def say() -> Say:
    """Makes outputs."""
    return output


class Receiver:
    """A web server that takes what Apprise's ``json://`` sends, and keeps it. As many
    requests as it ``refuses`` are answered with 503."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.refuses = 0
        self.gate = threading.Event()
        """Requests are answered once it is set."""
        self.gate.set()
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"json://ann:hunter2@{host!s}:{port}/secret-path?+X-Key=secret-key"

    @property
    def shown(self) -> str:
        return f"json://ann:****@127.0.0.1:{self._server.server_address[1]}/…"

    def wait_for(self, number: int) -> list[dict[str, Any]]:
        """The messages, when there are that many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.messages) >= number, 15), self.messages
            return list(self.messages)

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.gate.wait(15)
                refused = receiver.refuses > 0
                with receiver._news:
                    if refused:
                        receiver.refuses -= 1
                    else:
                        receiver.messages.append(body)
                    receiver._news.notify_all()
                self.send_response(503 if refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server that takes alerts."""
    receiver = Receiver()
    yield receiver
    receiver.close()
