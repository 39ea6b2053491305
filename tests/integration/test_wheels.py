"""What people install: the wheels, in an environment of their own, outside of this checkout."""

from __future__ import annotations

import re
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

import pytest

from brokers.vhost import Vhost
from integration.environments import build_wheels, environment
from integration.running import Process


def look_at(site: str) -> None:
    """The pages of a dashboard have all that they are made of: templates, styles and scripts."""
    with urllib.request.urlopen(site, timeout=10) as answer:
        page = answer.read().decode()
    parts = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    kinds = {Path(part.partition("?")[0]).suffix for part in parts}
    assert kinds >= {".css", ".js", ".svg"}
    for part in parts:
        with urllib.request.urlopen(urljoin(site, part), timeout=10) as answer:
            assert answer.status == 200


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
    demo = Process([installed.path("baton-ping-monitor"), "--demo"], {})
    try:
        monitor.wait_for("ready")
        service.wait_for("is ready")
        answer = installed.run("baton", "ping", "production", *url)
        assert answer.startswith("web01.example.org ")
        monitor.wait_for("web01.example.org")
        look_at(demo.wait_for("Dashboard: ").split()[-1])
    finally:
        demo.end()
        service.end()
        monitor.end()
    places = installed.run("python", "-c", "import baton, baton_ping; print(baton.__file__)")
    assert str(tmp_path) in places
    assert sys.prefix not in places
