"""What the command takes, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from baton_ping_monitor.executable import main

if TYPE_CHECKING:
    from conftest import Start

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("options", [["--plain"], ["--table"], []])
def test_a_wrong_configuration(options: list[str], tmp_path: Path) -> None:
    file = tmp_path / "monitor.cfg"
    file.write_text("PREFETCH: none\n")
    result = CliRunner().invoke(main, [*options, "-c", str(file)])
    assert result.exit_code == 2
    assert re.search(r"baton-ping-monitor: .*PREFETCH", result.output)


@pytest.mark.parametrize("text", ["help", "readme"])
def test_every_option_is_explained(text: str) -> None:
    shown = CliRunner().invoke(main, ["-h"]).output if text == "help" else README.read_text()
    for parameter in main.params:
        for option in parameter.opts:
            assert option in shown


def test_the_help_imports_nothing_heavy() -> None:
    """What takes a tenth of a second and more is imported by what needs it."""
    heavy = "apprise", "sqlalchemy", "starlette", "uvicorn", "rich", "pydantic", "aio_pika", "yaml"
    script = (
        "import sys\nfrom baton_ping_monitor.executable import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"print(sorted(set({heavy}) & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_plain_logs_every_output(start: Start) -> None:
    monitor = start(scene="plain")
    monitor.expect(
        r" INFO +\{'type': 'pong', 'environment': 'production', 'fqdn': 'web01.example.org', "
        r"'app_names': \['shop'\]\}\n"
    )
    monitor.expect(r" ERROR +\{'type': 'error', .*'error_class': 'UnknownMessageType', ")
    monitor.signal(signal.SIGINT)
    assert monitor.end() == 0


def test_plain_logs_to_the_log_file(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "monitor.log"
    os.mkfifo(log)
    monitor = start(scene="plain", BATON_LOG_FILE=str(log))
    with log.open() as lines:
        assert any("'type': 'pong'" in line for line in lines)
        assert any("'type': 'error'" in line for line in lines)
        monitor.signal(signal.SIGTERM)
        assert monitor.end() == 0
    assert "pong" not in monitor.output


def test_plain_logs_in_json(start: Start) -> None:
    monitor = start("--log-format", "json", scene="plain")
    monitor.expect(r'"level": "info", .*"output": \{"type": "pong", "environment": "production", ')
    monitor.signal(signal.SIGINT)
    assert monitor.end() == 0
    entries = [json.loads(line) for line in monitor.output.splitlines()]
    assert {"pong", "error"} <= {entry.get("output", {}).get("type") for entry in entries}


def test_plain_runs_once(start: Start, tmp_path: Path) -> None:
    settings = {"BATON_PID_FILE": str(tmp_path / "x.pid"), "BATON_RABBIT_URL": "memory://x"}
    first = start("--plain", **settings)
    first.expect("The monitor of baton-ping is ready since ")
    second = start("--plain", **settings)
    assert second.end() == 1
    assert "baton-ping-monitor: It runs already, as process " in second.output
    stop = start("--stop", **settings)
    assert stop.end() == 0
    assert first.end() == 0


def test_what_is_asked_of_one_that_does_not_run(start: Start, tmp_path: Path) -> None:
    monitor = start("--status", BATON_PID_FILE=str(tmp_path / "x.pid"))
    assert monitor.end() == 1
    assert "baton-ping-monitor does not run" in monitor.output


@pytest.mark.parametrize("terminal", [True, False])
def test_the_table_of_a_fleet(start: Start, terminal: bool) -> None:
    monitor = start(scene="table", terminal=terminal)
    monitor.expect(r"The servers that answer baton-ping over scene")
    monitor.expect("Connected")
    monitor.expect(r"web01\.example\.org.* up" if terminal else r"up +web01\.example\.org")
    monitor.expect(r"\d ms")
    monitor.signal(signal.SIGTERM)
    assert monitor.end() == 0
    assert "Traceback" not in monitor.output


def test_another_is_the_same_instance(start: Start) -> None:
    monitor = start(scene="taken")
    assert monitor.end() == 1
    assert 'baton-ping-monitor: Another process is the monitor instance "here"' in monitor.output
    assert "choose another name with --instance" in monitor.output
    assert "Traceback" not in monitor.output


def test_a_broker_that_is_away_is_waited_for(start: Start) -> None:
    monitor = start("--table", "--url", "amqp://127.0.0.1:1")
    monitor.expect(r"Disconnected since .* 127\.0\.0\.1:1 ")
    monitor.expect("This monitor only listens")
    monitor.signal(signal.SIGINT)
    assert monitor.end() == 0
