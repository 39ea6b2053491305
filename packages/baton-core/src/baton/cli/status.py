"""``--status``: asking the process that runs how it is."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from baton.cli.exit_codes import DONE, NO
from baton.errors import ConfigurationError
from baton.link import Phase, State
from baton.pid_file import find_holder, is_pid_file, socket_beside

if TYPE_CHECKING:
    from baton.configuration import Configuration

Address = str | tuple[str, int]
"""The path of a socket, or a host and a port."""

_PATIENCE: Final = 2.0
_REQUEST: Final = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
_LONGEST: Final = 16 * 1024 * 1024
"""Bytes of an answer."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a process is: in words, and what it says itself, empty if it says nothing."""

    summary: str
    is_running: bool
    pid: int | None = None
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether it receives commands."""
        return self.report.get("ready") is True


def show_status(program: str, configuration: Configuration, *, as_json: bool) -> int:
    """Print how the process is that runs with *configuration*; returns the exit code, 0 only if it
    is ready. Connects to no broker. Raises ConfigurationError if nothing tells where to ask."""
    status = _status(program, configuration)
    if as_json:
        known = {"running": status.is_running, "pid": status.pid, "ready": status.is_ready}
        click.echo(json.dumps({**status.report, **known}, indent=2))
    else:
        click.echo(status.summary)
    return DONE if status.is_ready else NO


def _status(program: str, configuration: Configuration) -> Status:
    path = configuration.pid_file
    if path is not None:
        pid = find_holder(path)
        if pid is None:
            return Status(not_running(program, path), is_running=False)
        status = _asked(program, str(socket_beside(path)), pid)
        if status.pid not in (pid, find_holder(path)):  # it may have detached meanwhile
            other = f"process {status.pid} answers on {socket_beside(path)}"
            summary = f"{program} (process {pid}) runs, but does not answer: {other}"
            return Status(summary, True, pid)
        return status
    if configuration.health_port is None:
        raise ConfigurationError(
            "--status needs PID_FILE or HEALTH_PORT, which tell where it is asked"
        )
    return _asked(program, (configuration.health_host, configuration.health_port), None)


def not_running(program: str, path: Path) -> str:
    """A sentence for a PID file that nobody holds."""
    if not path.exists():
        what = "does not exist"
    elif is_pid_file(path):
        what = "is left over from a process that ended"
    else:
        what = "is no PID file"
    return f"{program} does not run ({path} {what})"


def _asked(program: str, address: Address, pid: int | None) -> Status:
    who = program if pid is None else f"{program} (process {pid})"
    try:
        report = _ask(address)
        summary = "\n".join(
            _sentence(service, report["pid"], report["stopping"]) for service in report["services"]
        )
        return Status(summary, True, report["pid"], report)
    except TimeoutError:
        reason = f"within {_PATIENCE:g} s"
    except (KeyError, TypeError, ValueError):
        reason = "as Baton does"
    except OSError as error:
        if pid is None:
            return Status(f"{program} does not run: {_name(address)}: {error.strerror}", False)
        reason = f"on {_name(address)}: {error.strerror}"
    if pid is None:
        return Status(f"What listens on {_name(address)} does not answer {reason}", False)
    return Status(f"{who} runs, but does not answer {reason}", True, pid)


def _ask(address: Address) -> dict[str, Any]:
    """What the process at *address* says. Raises OSError, TimeoutError among them, and ValueError
    if it is not what was looked for."""
    deadline = time.monotonic() + _PATIENCE
    answer = b""
    with _connect(address) as connection:
        connection.sendall(_REQUEST)
        while len(answer) <= _LONGEST:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            received = connection.recv(65_536)
            if not received:
                break
            answer += received
    report: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return report


def _connect(address: Address) -> socket.socket:
    if isinstance(address, tuple):
        return socket.create_connection(address, _PATIENCE)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_PATIENCE)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _name(address: Address) -> str:
    return f"port {address[1]} of {address[0]}" if isinstance(address, tuple) else address


def _sentence(service: Mapping[str, str], pid: int, stopping: bool) -> str:
    since = datetime.fromisoformat(service["since"]).timestamp()
    state = "stopping" if stopping else State(Phase(service["state"]), since, service["reason"])
    return f"{service['name']} (process {pid}) is {state}"
