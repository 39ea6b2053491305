"""People are told who is missing: a real dashboard, a server that is killed, and a web server that
takes what is sent."""

from __future__ import annotations

import json
import signal
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from brokers.vhost import Vhost
from brokers.waiting import wait_until
from integration.running import WEB01, Process, process
from webhook import Receiver

MISSING = f"{WEB01.fqdn} is missing"
BACK = f"{WEB01.fqdn} is no longer missing"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who is told."""
    receiver = Receiver()
    yield receiver
    receiver.close()


class Site:
    """A dashboard that pings, and the server that it pings."""

    def __init__(self, vhost: Vhost, receiver: Receiver, folder: Path) -> None:
        self._url = vhost.url
        self._folder = folder
        alerts = folder / "alerts"
        alerts.write_text(f"# whom to tell\n{receiver.url}\n")
        self._settings = {
            "BATON_DATABASE": f"sqlite:///{folder}/dashboard.db",
            "BATON_DASHBOARD_PORT": "0",
            "BATON_PING_EVERY": "0.5",
            "BATON_MISSING_AFTER": "2",
            "BATON_ALERTS_FILE": str(alerts),
            "BATON_INSTANCE": "ops",
        }

    def dashboard(self) -> AbstractContextManager[Process]:
        return process("--url", self._url, program="baton-ping-monitor", **self._settings)

    def server(self) -> AbstractContextManager[Process]:
        who = {"BATON_FQDN": WEB01.fqdn, "BATON_ENVIRONMENT": WEB01.environment}
        return process("--url", self._url, **who)

    def told(self) -> int:
        """How many alerts the store has as sent."""
        with closing(sqlite3.connect(self._folder / "dashboard.db")) as database:
            (number,) = database.execute("SELECT count(*) FROM alerts").fetchone()
        return int(number)

    def lose_the_server(self, monitor: Process) -> None:
        """Start the server, and kill it once *monitor* has seen it."""
        address = monitor.wait_for("Dashboard: ").split()[-1]

        def is_up() -> bool:
            with urllib.request.urlopen(f"{address}api/servers?state=up", timeout=10) as answer:
                return bool(json.load(answer)["servers"])

        with self.server() as server:
            assert wait_until(is_up, 30)
            server.signal(signal.SIGKILL)


@pytest.fixture
def site(vhost: Vhost, receiver: Receiver, tmp_path: Path) -> Site:
    return Site(vhost, receiver, tmp_path)


def titles(receiver: Receiver, number: int) -> list[str]:
    """The titles of so many messages, when they have come."""
    return [message["title"] for message in receiver.wait_for(number, 50)]


@pytest.mark.timeout(180)
def test_a_server_goes_and_comes_back(site: Site, receiver: Receiver) -> None:
    with site.dashboard() as monitor:
        site.lose_the_server(monitor)
        assert titles(receiver, 1) == [MISSING]
        with site.server():
            assert titles(receiver, 2) == [MISSING, BACK]
        monitor.signal(signal.SIGTERM)
        assert monitor.wait() == 0
    assert "Traceback" not in "\n".join(monitor.lines)
    assert "hunter2" not in "\n".join(monitor.lines)


@pytest.mark.timeout(180)
def test_what_ends_while_the_monitor_is_away_is_told_once(site: Site, receiver: Receiver) -> None:
    with site.dashboard() as monitor:
        site.lose_the_server(monitor)
        assert titles(receiver, 1) == [MISSING]
        assert wait_until(site.told, 30)
        monitor.signal(signal.SIGKILL)
    with site.server() as server:
        server.wait_for("is ready")
        for _ in range(2):
            with site.dashboard() as monitor:
                monitor.wait_for("Dashboard: ")
                assert titles(receiver, 2) == [MISSING, BACK]
                monitor.signal(signal.SIGTERM)
                assert monitor.wait() == 0
    assert titles(receiver, 2) == [MISSING, BACK]


@pytest.mark.timeout(180)
def test_a_destination_that_is_away_is_told_when_it_is_there(
    site: Site, receiver: Receiver
) -> None:
    receiver.refuses = 1
    with site.dashboard() as monitor:
        site.lose_the_server(monitor)
        line = monitor.wait_for("could not be sent", 50)
        assert f"to {receiver.shown}: " in line
        assert "503" in line
        assert titles(receiver, 1) == [MISSING]
