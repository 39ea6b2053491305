"""What people install: the wheels, in an environment of their own, outside of this checkout."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from brokers.vhost import Vhost
from integration.environments import build_wheels, environment
from integration.running import Process


@pytest.mark.timeout(300)
def test_the_wheels_install_and_work(vhost: Vhost, tmp_path: Path) -> None:
    wheels = build_wheels(tmp_path / "wheels", "baton-core", "baton-ping", "baton-ping-monitor")
    assert len(wheels) == 3
    installed = environment(tmp_path, "venv")
    installed.install(*wheels)

    assert "baton-ping" in installed.run("baton", "extensions")
    server = {"BATON_FQDN": "web01.example.org", "BATON_ENVIRONMENT": "production"}
    url = ("--url", vhost.url)
    monitor = Process([installed.path("baton-ping-monitor"), "--plain", *url], {})
    service = Process([installed.path("baton-ping"), *url], server)
    try:
        monitor.wait_for("ready")
        service.wait_for("is ready")
        answer = installed.run("baton", "ping", "production", *url)
        assert answer.startswith("web01.example.org ")
        monitor.wait_for("web01.example.org")
    finally:
        service.end()
        monitor.end()
    places = installed.run("python", "-c", "import baton, baton_ping; print(baton.__file__)")
    assert str(tmp_path) in places
    assert sys.prefix not in places
