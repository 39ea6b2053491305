"""What people install: the wheels, in an environment of their own, outside of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from brokers.vhost import Vhost
from integration.running import Process

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path, **environment: str) -> str:
    """Run a command to its end, away from the checkout, and give what it prints."""
    ended = subprocess.run(
        [str(argument) for argument in arguments],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        env=os.environ | environment,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.timeout(300)
def test_the_wheels_install_and_work(vhost: Vhost, tmp_path: Path) -> None:
    packages = [ROOT / "packages" / name for name in ("baton-core", "baton-ping")]
    packages.append(ROOT / "packages" / "baton-ping-monitor")
    venv.create(tmp_path / "venv", with_pip=True)
    binaries = tmp_path / "venv" / "bin"
    wheels = tmp_path / "wheels"
    run(binaries / "pip", "wheel", "-q", "--no-deps", "-w", wheels, *packages)
    assert len(list(wheels.glob("*.whl"))) == 3
    run(binaries / "pip", "install", "-q", *wheels.glob("*.whl"))

    assert "baton-ping" in run(binaries / "baton", "extensions")
    server = {"BATON_FQDN": "web01.example.org", "BATON_ENVIRONMENT": "production"}
    monitor = Process([str(binaries / "baton-ping-monitor"), "--plain", "--url", vhost.url], {})
    service = Process([str(binaries / "baton-ping"), "--url", vhost.url], server)
    try:
        monitor.wait_for("ready")
        service.wait_for("is ready")
        answer = run(binaries / "baton", "ping", "production", "--url", vhost.url)
        assert answer.startswith("web01.example.org ")
        monitor.wait_for("web01.example.org")
    finally:
        service.end()
        monitor.end()
    places = run(binaries / "python", "-c", "import baton, baton_ping; print(baton.__file__)")
    assert str(tmp_path) in places
    assert sys.prefix not in places
