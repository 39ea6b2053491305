"""What systemd is told."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton.systemd import Systemd


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What NOTIFY_SOCKET may be."""
    return str(tmp_path / "n") if request.param == "path" else f"@baton-{secrets.token_hex(8)}"


@pytest.fixture
def manager(address: str) -> Iterator[socket.socket]:
    """Receives datagrams, as systemd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0"))
        manager.settimeout(5)
        yield manager


def test_it_is_told(address: str, manager: socket.socket) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": address})
    assert systemd.listens
    systemd.tell(READY=1, STATUS="ready\nREADY=0\n since  noon")
    assert manager.recv(1000) == b"READY=1\nSTATUS=ready READY=0 since noon"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_nobody_is_told(environment: dict[str, str]) -> None:
    systemd = Systemd({**environment, "WATCHDOG_USEC": "1000000"})
    assert not systemd.listens
    assert systemd.watchdog is None
    systemd.tell(READY=1)


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    assert Systemd().listens


def test_a_systemd_that_has_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell(READY=1, STATUS="x")
    assert "systemd cannot be told READY, STATUS: [Errno 2] No such file" in caplog.text


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "90000000"}, 90.0),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": str(os.getpid())}, 90.0),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": str(os.getppid())}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog(variables: dict[str, str], seconds: float | None) -> None:
    assert Systemd({"NOTIFY_SOCKET": "/run/x", **variables}).watchdog == seconds
