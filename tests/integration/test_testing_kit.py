"""The authors' testing kit: the documented tests, on a real broker, by its one option."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brokers.vhost import Vhost
from brokers.waiting import wait_until

PAGE = Path(__file__).parents[2] / "docs" / "testing-an-extension.md"
FILE = re.compile(r"^```python\n(?P<code># (?P<path>\w+\.py)\n.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The extension of the page, with its tests."""
    for found in FILE.finditer(PAGE.read_text()):
        (tmp_path / found["path"]).write_text(found["code"])
    return tmp_path


def run(project: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of *project* without a plugin for coroutines, and with warnings as errors."""
    # Not measured, which would take as long again: its coverage is that of other tests.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    options = ["-q", "-W", "error", "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-c", os.devnull, *more, str(project)],
        cwd=project,
        env=environment | {"PYTEST_ADDOPTS": f"--baton-broker {url}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_the_documented_tests_pass_in_several_processes_and_leave_nothing(
    vhost: Vhost, project: Path
) -> None:
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: run(project, vhost.url), range(2)))
    for ran in runs:
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "8 passed" in ran.stdout
    assert vhost.exchanges() == []
    assert wait_until(lambda: not vhost.queues(), 10)  # they go with their connections


def test_they_ran_there(vhost: Vhost, project: Path) -> None:
    (project / "test_there.py").write_text(
        "from backup import BackupService\n"
        "def test_there(baton_service, baton_configuration):\n"
        "    service = baton_service(BackupService, 'db01.example.org')\n"
        f"    assert service.configuration.rabbit_vhost == {vhost.name!r}\n"
        "    assert service.channel.exchange.name == baton_configuration.exchange\n"
        "    assert service.channel.exchange_out.name == baton_configuration.exchange_out\n"
    )
    ran = run(project, vhost.url, "-k", "test_there")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout


def test_a_refusal_is_told_of(vhost: Vhost, project: Path) -> None:
    ran = run(project, vhost.broker.url(f"{vhost.name}-not-there"))
    assert ran.returncode == 1
    assert "8 errors" in ran.stdout
    assert "--baton-broker: The tests' broker " in ran.stdout
    assert "not found" in ran.stdout


def test_a_user_who_may_only_do_what_is_documented(vhost: Vhost, project: Path) -> None:
    api, pattern = vhost.api, "^baton.*"
    user = f"{vhost.name}-author"
    api.create_user(user, "secret")
    try:
        api.set_permissions(user, vhost.name, configure=pattern, write=pattern, read=pattern)
        address = vhost.url.partition("@")[2]
        ran = run(project, f"amqp://{user}:secret@{address}")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "8 passed" in ran.stdout
    finally:
        api.delete_user(user)
