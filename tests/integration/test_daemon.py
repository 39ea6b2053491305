"""The executables as processes of a system: as daemons, under systemd, asked by probes."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from baton.pid_file import find_holder
from brokers import Broker, Vhost
from brokers.errors import ManagementError
from integration.running import Finished, command, process

QUICK = {"PULSE": 0.3, "DEADLINE": 0.5, "RECONNECT_MAX": 0.2, "FQDN": "web01.example.org"}


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@dataclass
class Place:
    """A configuration in a folder of its own, and the programs that run with it."""

    folder: Path
    settings: dict[str, object]

    @property
    def config(self) -> str:
        self.file.write_text("".join(f"{key}: {value}\n" for key, value in self.settings.items()))
        return str(self.file)

    @property
    def file(self) -> Path:
        return self.folder / "daemon.cfg"

    @property
    def pid_file(self) -> Path:
        return self.folder / "daemon.pid"

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    def __call__(
        self, *arguments: str, program: str = "baton-ping", **environment: str
    ) -> Finished:
        return command(*arguments, "-c", self.config, program=program, **environment)

    @property
    def running(self) -> list[int]:
        """The processes that have the configuration in their command line."""
        found = []
        for each in Path("/proc").iterdir():
            if each.name.isdigit():
                try:
                    arguments = (each / "cmdline").read_bytes()
                except OSError:  # it has ended
                    continue
                if os.fsencode(self.file) in arguments:
                    found.append(int(each.name))
        return found

    def end_all(self) -> None:
        for number in self.running:
            os.kill(number, signal.SIGKILL)
        wait_until(lambda: not self.running, "all have ended")

    def becomes(self, code: int, program: str = "baton-ping") -> Finished:
        """Ask for the status until it exits with *code*."""
        deadline = time.monotonic() + 30
        while (asked := self("--status", program=program)).code != code:
            assert time.monotonic() < deadline, asked
        return asked


@pytest.fixture
def place(tmp_path: Path, vhost: Vhost) -> Iterator[Place]:
    place = Place(tmp_path, {"RABBIT_URL": f'"{vhost.url}"', **QUICK})
    place.settings |= {"PID_FILE": place.pid_file, "LOG_FILE": place.log}
    yield place
    place.end_all()


@pytest.fixture
def port(place: Place) -> int:
    """Where the health of what runs in *place* is answered."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    place.settings["HEALTH_PORT"] = port
    return port


def probe(port: int, path: str = "/readyz") -> tuple[int, Any]:
    """What a probe sees: the status, and the document."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


class Manager:
    """A systemd that starts a process and hears what it is told."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._address = f"@baton-{secrets.token_hex(8)}"
        self._listener.bind(self._address.replace("@", "\0"))
        self._listener.settimeout(30)

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self._address, "WATCHDOG_USEC": "90000000"}

    def wait_for(self, text: str) -> str:
        """The next that has *text* in it."""
        while True:
            self.told.append(self._listener.recv(10_000).decode())
            if text in self.told[-1]:
                return self.told[-1]

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    manager.close()


class TestDaemon:
    def test_from_the_start_to_the_end(self, place: Place) -> None:
        started = place("-d")
        assert (started.code, started.out, started.err) == (0, "", "")
        number = int(place.pid_file.read_text())
        assert place.running == [number]
        assert f"baton-ping (process {number}) is ready since " in place.becomes(0).out

        again = place("-d")
        assert again.code == 1
        assert f"It runs already, as process {number} (PID_FILE {place.pid_file})" in again.err
        assert place.running == [number]

        answered = place("ping", "web01.example.org", program="baton")
        assert answered.code == 0

        ended = place("--stop")
        assert (ended.code, ended.out) == (0, f"baton-ping (process {number}) has ended\n")
        assert place.running == []
        assert place("--status").code == 1
        assert place("--stop").code == 1
        assert "everything was finished" in place.log.read_text().splitlines()[-1]

    def test_killed_and_started_again(self, place: Place) -> None:
        place("-d")
        number = int(place.pid_file.read_text())
        place.becomes(0)
        os.kill(number, signal.SIGKILL)
        wait_until(lambda: find_holder(place.pid_file) is None, "it has ended")
        assert "left over" in place("--status").out
        assert place("-d").code == 0
        assert place.becomes(0).code == 0
        assert place.running != [number]

    def test_a_number_that_a_living_process_has(self, place: Place) -> None:
        place.pid_file.write_text(f"{os.getpid()}\n")
        assert place("--status").code == 1
        assert place("--stop").code == 1  # and this process lives
        assert place("-d").code == 0
        assert place.running == [int(place.pid_file.read_text())]

    def test_frozen(self, place: Place) -> None:
        place("-d")
        place.becomes(0)
        number = int(place.pid_file.read_text())
        os.kill(number, signal.SIGSTOP)
        asked = place("--status")
        assert asked.code == 1
        assert asked.out.endswith("runs, but does not answer within 2 s\n")
        os.kill(number, signal.SIGCONT)
        place.becomes(0)

    def test_a_pid_file_that_cannot_be_written(self, place: Place) -> None:
        place.settings["PID_FILE"] = "/proc/baton.pid"
        ended = place("-d")
        assert (ended.code, len(ended.err.splitlines())) == (2, 1)
        assert "PID_FILE: /proc/baton.pid cannot be written" in ended.err
        assert place.running == []

    def test_the_log_is_rotated(self, place: Place) -> None:
        place("-d")
        place.becomes(0)
        rotated = place.log.rename(place.folder / "daemon.log.1")
        os.kill(int(place.pid_file.read_text()), signal.SIGHUP)
        wait_until(place.log.exists, "the log was opened anew")
        place("ping", "web01.example.org", program="baton")
        wait_until(lambda: "pong" in place.log.read_text(), "the output is in the new log")
        assert "pong" not in rotated.read_text()

    def test_the_log_in_json(self, place: Place) -> None:
        place("-d", "--log-format", "json")
        place.becomes(0)
        place("ping", "web01.example.org", program="baton")
        wait_until(lambda: "pong" in place.log.read_text(), "the output is in the log")
        entries = [json.loads(line) for line in place.log.read_text().splitlines()]
        (entry,) = [entry for entry in entries if "output" in entry]
        assert entry["output"]["fqdn"] == "web01.example.org"
        assert entry["level"] == "info"

    def test_without_python_daemon(self, place: Place) -> None:
        site = place.folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text("import sys\nsys.modules['daemon'] = None\n")
        ended = place("-d", PYTHONPATH=str(site))
        assert ended.code == 2
        assert ended.err == (
            "baton-ping: --daemonize needs python-daemon: pip install 'baton-core[daemon]'\n"
        )
        assert place.running == []


class TestRun:
    """Several services in a process, all of which are simulated."""

    def test_from_the_start_to_the_end(self, place: Place) -> None:
        def run(*arguments: str) -> Finished:
            return place("run", "ping", "--simulate", "3", *arguments, program="baton")

        assert run("-d").code == 0
        number = int(place.pid_file.read_text())
        assert place.running == [number]
        wait_until(lambda: run("--status").code == 0, "ready")
        again = run("-d")
        assert again.code == 1
        assert f"It runs already, as process {number} " in again.err
        answered = place("ping", "sim00003.example.org", program="baton")
        assert answered.code == 0
        ended = run("--stop")
        assert (ended.code, ended.out) == (0, f"baton run (process {number}) has ended\n")
        assert place.running == []


class TestMonitor:
    PROGRAM = "baton-ping-monitor"

    def test_from_the_start_to_the_end(self, place: Place) -> None:
        assert place("-d", "--plain", program=self.PROGRAM).code == 0
        asked = place.becomes(0, self.PROGRAM)
        assert "the monitor of baton-ping (process " in asked.out
        with process("-c", place.config, BATON_PID_FILE=str(place.folder / "x.pid")) as service:
            wait_until(lambda: place.becomes(0).code == 0, "ready")
            service.signal(signal.SIGTERM)
            service.wait()
        assert place("--stop", program=self.PROGRAM).code == 0
        assert place.running == []

    def test_an_instance_that_is_taken(self, place: Place) -> None:
        arguments = ("--plain", "--instance", "ops", "-c", place.config)
        first = str(place.folder / "first.pid")
        with process(*arguments, program=self.PROGRAM, BATON_PID_FILE=first, BATON_LOG_FILE=""):
            wait_until(lambda: status_of(place, first).code == 0, "the first instance is ready")
            assert place("-d", "--plain", "--instance", "ops", program=self.PROGRAM).code == 0
            wait_until(lambda: find_holder(place.pid_file) is None, "it has ended")
        assert "choose another name with --instance" in place.log.read_text()


def status_of(place: Place, pid_file: str) -> Finished:
    return place("--status", program="baton-ping-monitor", BATON_PID_FILE=pid_file)


class TestSystemd:
    def test_what_it_is_told(self, place: Place, manager: Manager) -> None:
        with process("-c", place.config, **manager.environment) as service:
            manager.wait_for("READY=1")
            assert "STATUS=ready since " in manager.told[-1]
            assert not any("READY=1" in each for each in manager.told[:-1])
            manager.wait_for("WATCHDOG=1")
            manager.wait_for("WATCHDOG=1")
            service.signal(signal.SIGTERM)
            manager.wait_for("STOPPING=1")
            assert service.wait() == 0

    def test_without_a_broker_it_never_is_ready(self, place: Place, manager: Manager) -> None:
        place.settings["RABBIT_URL"] = "amqp://127.0.0.1:1"
        with process("-c", place.config, **manager.environment) as service:
            manager.wait_for("STATUS=disconnected since ")
            manager.wait_for("WATCHDOG=1")
            manager.wait_for("EXTEND_TIMEOUT_USEC=")
            service.signal(signal.SIGTERM)
            manager.wait_for("STOPPING=1")
            service.wait()
        assert not any("READY=1" in each for each in manager.told)

    def test_a_frozen_broker(self, place: Place, manager: Manager, rabbitmq: Broker) -> None:
        """It goes round, so it is not ended; and says that it is not ready."""
        with process("-c", place.config, **manager.environment):
            manager.wait_for("READY=1")
            with rabbitmq.paused():
                manager.wait_for("STATUS=disconnected since ")
                manager.wait_for("WATCHDOG=1")
                manager.wait_for("WATCHDOG=1")
            manager.wait_for("STATUS=ready since ")


class TestProbes:
    def test_a_frozen_broker(self, place: Place, port: int, rabbitmq: Broker) -> None:
        assert place("-d").code == 0
        wait_until(lambda: probe(port)[0] == 200, "ready")
        with rabbitmq.paused():
            wait_until(lambda: probe(port)[0] == 503, "not ready")
            assert probe(port, "/healthz")[0] == 200
            status, report = probe(port)
            assert status == 503
            assert report["services"][0]["state"] in ("disconnected", "connecting")
        wait_until(lambda: probe(port)[0] == 200, "ready again")

    def test_a_deaf_service_is_not_ready(self, place: Place, port: int, vhost: Vhost) -> None:
        """Its queue and its exchange are gone, and somebody has made another one of that name."""
        exchange = ("exchanges", vhost.name, "baton_ping_in")
        assert place("-d").code == 0
        wait_until(lambda: probe(port)[0] == 200, "ready")

        def usurp() -> bool:
            vhost.delete_exchange("baton_ping_in")
            try:
                vhost.api.request("PUT", *exchange, body={"type": "fanout", "durable": True})
            except ManagementError:  # the service was faster
                return False
            return True

        wait_until(usurp, "there is another exchange")
        (queue,) = [each["name"] for each in vhost.queues()]
        vhost.delete_queue(queue)
        wait_until(lambda: probe(port)[0] == 503, "not ready")
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert probe(port)[0] == 503
        assert probe(port, "/healthz")[0] == 200

        vhost.delete_exchange("baton_ping_in")
        wait_until(lambda: probe(port)[0] == 200, "ready again")

    def test_a_port_that_is_in_use(self, place: Place, port: int) -> None:
        with socket.create_server(("127.0.0.1", port)):
            ended = place("-d")
        assert ended.code == 2
        assert ended.err == (
            f"baton-ping: HEALTH_PORT: port {port} of 127.0.0.1 cannot be opened: "
            "Address already in use\n"
        )
        assert place.running == []
