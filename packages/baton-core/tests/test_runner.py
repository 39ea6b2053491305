"""Running services as a process, in the sight of systemd and of those who ask."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from baton.configuration import Configuration
from baton.errors import ConfigurationError, InstanceTaken
from baton.link import Phase, State
from baton.runner import run_services
from baton.watched import Watched

CONFIGURATION = Configuration()
READY = State(Phase.READY, 0.0)
LOST = State(Phase.DISCONNECTED, 0.0, "mq1 (refused)")


class Scripted(Watched):
    """A service to which happens what *script* says; the last one's end is SIGTERM."""

    def __init__(
        self,
        script: Callable[[Scripted], Awaitable[None]] | None,
        abandoned: object = None,
        configuration: Configuration = CONFIGURATION,
    ) -> None:
        super().__init__()
        self.name = "baton-disk"
        self.configuration = configuration
        self.state = State()
        self.is_running: bool | None = None
        self._script = script
        self._abandoned = abandoned
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.is_running = True
        if self._script is not None:
            self._task = asyncio.create_task(self._run(self._script))

    async def stop(self) -> object:
        self.is_running = False
        if self._task is not None:
            await self._task
        if isinstance(self._abandoned, Exception):
            raise self._abandoned
        return self._abandoned

    def become(self, state: State) -> None:
        self.state = state
        self.tell_state(state)

    async def _run(self, script: Callable[[Scripted], Awaitable[None]]) -> None:
        try:
            await script(self)
        finally:
            signal.raise_signal(signal.SIGTERM)


async def nothing(_: Scripted) -> None:
    pass


class Manager:
    """Receives what systemd is told."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    @property
    def told(self) -> list[str]:
        told = []
        while True:
            try:
                told.append(self._listener.recv(10_000).decode())
            except BlockingIOError:
                return told


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """The systemd that started this process, with a watchdog."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "90000000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield Manager(listener)


def test_it_runs_until_it_is_told_to_stop() -> None:
    services = [Scripted(None), Scripted(nothing)]
    assert run_services(services, CONFIGURATION) == 0
    assert [service.is_running for service in services] == [False, False]


@pytest.mark.parametrize("number", [0, 1])
def test_what_one_has_abandoned(number: int) -> None:
    services = [Scripted(nothing, number == 0), Scripted(None, number == 1)]
    assert run_services(services, CONFIGURATION) == 1


def test_each_has_its_own_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    graces = []

    def run(start: object, stop: object, grace: float, failed: object, *, event_loop: str) -> int:
        graces.append(grace)
        return 0

    monkeypatch.setattr("baton.runner.run_until_signalled", run)
    services = [Scripted(None, configuration=Configuration(grace=grace)) for grace in (10, 30)]
    run_services(services, services[0].configuration)
    assert graces == [30]


def test_one_that_cannot_be_stopped_does_not_keep_the_others() -> None:
    services = [Scripted(nothing, ValueError("stuck")), Scripted(None)]
    with pytest.raises(ValueError, match="stuck"):
        run_services(services, CONFIGURATION)
    assert services[1].is_running is False


def test_one_that_cannot_start() -> None:
    class Broken(Scripted):
        async def start(self) -> None:
            raise ConfigurationError("no such disk")

    services = [Scripted(None), Broken(None)]
    begun: list[bool] = []
    with pytest.raises(ConfigurationError, match="no such disk"):
        run_services(services, CONFIGURATION, started=lambda: begun.append(True))
    assert services[0].is_running is False
    assert begun == []


def test_it_says_when_all_have_started() -> None:
    begun: list[bool | None] = []
    services = [Scripted(None), Scripted(nothing)]
    run_services(
        services,
        CONFIGURATION,
        started=lambda: begun.extend(service.is_running for service in services),
    )
    assert begun == [True, True]


def test_what_fails_is_raised_when_all_were_stopped() -> None:
    async def failed() -> None:
        raise InstanceTaken("somebody else is")

    service = Scripted(None)
    with pytest.raises(InstanceTaken):
        run_services([service], CONFIGURATION, failed=failed)
    assert service.is_running is False


def test_systemd_is_told_each_state_and_when_it_is_ready(manager: Manager) -> None:
    async def script(service: Scripted) -> None:
        service.become(LOST)
        service.become(READY)
        service.become(LOST)
        service.become(READY)

    assert run_services([Scripted(script)], CONFIGURATION) == 0
    assert manager.told == [
        f"STATUS={LOST}",
        f"READY=1\nSTATUS={READY}",
        f"STATUS={LOST}",
        f"STATUS={READY}",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_one_that_never_is_ready(manager: Manager) -> None:
    async def script(service: Scripted) -> None:
        service.become(LOST)
        service.tell_pulse()

    assert run_services([Scripted(script)], CONFIGURATION) == 0
    assert manager.told == [
        f"STATUS={LOST}",
        "WATCHDOG=1",
        "EXTEND_TIMEOUT_USEC=133000000",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_all_must_be_ready_and_go_round(manager: Manager) -> None:
    first = Scripted(None)

    async def script(second: Scripted) -> None:
        first.become(READY)
        second.tell_pulse()
        second.tell_pulse()
        second.become(READY)
        first.tell_pulse()
        first.tell_pulse()

    assert run_services([first, Scripted(script)], CONFIGURATION) == 0
    (one, both, round_, _) = manager.told
    assert one.startswith("STATUS=1 of 2 services are ready, one is connecting")
    assert both == "READY=1\nSTATUS=2 of 2 services are ready"
    assert round_ == "WATCHDOG=1"


def test_without_a_watchdog_none_is_fed(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC")

    async def script(service: Scripted) -> None:
        service.become(READY)
        service.tell_pulse()

    run_services([Scripted(script)], CONFIGURATION)
    assert not any("WATCHDOG" in each for each in manager.told)


@pytest.mark.usefixtures("manager")
@pytest.mark.parametrize(("pulse", "is_warned"), [(15, False), (60, True)])
def test_a_watchdog_that_bites_too_early(
    pulse: float, is_warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    services = [Scripted(nothing), Scripted(None, configuration=Configuration(pulse=pulse))]
    run_services(services, CONFIGURATION)
    warning = (
        "systemd ends this service after 90 s without a sign of life, but it may give one only "
        "every 116 s: set WatchdogSec=117 in its unit, or a shorter PULSE"
    )
    assert (warning in caplog.messages) == is_warned


def test_health_is_answered_until_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    told = []

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
        answer = await reader.read()
        told.append((answer[9:12], json.loads(answer.partition(b"\r\n\r\n")[2])["stopping"]))
        writer.close()
        await writer.wait_closed()

    class Slow(Scripted):
        async def stop(self) -> object:
            await ask()
            return await super().stop()

    async def script(service: Scripted) -> None:
        await ask()
        service.become(READY)
        await ask()

    assert run_services([Slow(script)], Configuration(health_port=port)) == 0
    assert told == [(b"503", False), (b"200", False), (b"503", True)]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_port_that_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configuration = Configuration(health_port=taken.getsockname()[1])
        service = Scripted(nothing)
        with pytest.raises(ConfigurationError, match="Address already in use"):
            run_services([service], configuration)
        assert service.is_running is None


def test_commands_are_kept_in_the_audit_file(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    configuration = Configuration(audit_file=file)

    async def script(service: Scripted) -> None:
        logging.getLogger("baton.audit").info("", extra={"baton_audit": "a command"})

    assert run_services([Scripted(script)], configuration) == 0
    assert file.read_text() == "a command\n"


def test_an_audit_file_that_cannot_be_written(tmp_path: Path) -> None:
    service = Scripted(nothing)
    with pytest.raises(ConfigurationError, match="AUDIT_FILE"):
        run_services([service], Configuration(audit_file=tmp_path))
    assert service.is_running is None


@pytest.mark.parametrize("event_loop", ["asyncio", "uvloop"])
def test_runs_on_the_event_loop_that_is_set(
    event_loop: Literal["asyncio", "uvloop"], caplog: pytest.LogCaptureFixture
) -> None:
    ran_on = []

    async def look(_: Scripted) -> None:
        ran_on.append(type(asyncio.get_running_loop()).__module__.partition(".")[0])

    configuration = Configuration(event_loop=event_loop)
    with caplog.at_level(logging.INFO):
        assert run_services([Scripted(look, configuration=configuration)], configuration) == 0
    assert ran_on == [event_loop]
    assert ("Running on uvloop" in caplog.messages) == (event_loop == "uvloop")
