"""`baton doctor`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from baton.cli.group import baton

Run = Callable[..., subprocess.CompletedProcess[str]]

SECRET = "hunter2"


def doctor(*arguments: str, **environment: str) -> Result:
    environment = {"BATON_FQDN": "web01.example.org", **environment}
    result = CliRunner().invoke(baton, ["doctor", *arguments], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert SECRET not in result.output
    return result


def test_all_is_well(memory_url: str) -> None:
    url = memory_url.replace("memory://", f"memory://baton:{SECRET}@")
    result = doctor("ping", "--url", url)
    assert (result.exit_code, result.stderr) == (0, "")
    *lines, last = result.stdout.splitlines()
    assert last == "All is well."
    assert lines[0].startswith("✔ ok       configuration    baton-ping: no file at /etc/")
    assert lines[-1] == "- skipped  clock            it is a broker in this process"
    assert len(lines) == 15


def test_a_warning_is_no_failure(memory_url: str) -> None:
    result = doctor("ping", "--url", memory_url, BATON_FQDN="web01")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("! warning")]
    assert "this server" in lines[at]
    assert lines[at + 1].startswith(" " * 28 + "mend: set FQDN")
    assert lines[-1] == "0 failed, 1 warned, 11 ok."


def test_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "bad.cfg"
    file.write_text(f"RABBIT_PASS: {SECRET}\nPREFETCH: many")
    result = doctor("ping", "-c", str(file))
    assert (result.exit_code, result.stderr) == (1, "")
    first, second, *_ = result.stdout.splitlines()
    assert first.startswith("✖ failed   configuration")
    assert 'PREFETCH "many" should be a valid integer' in first
    assert second.strip().startswith("mend: set it to what is allowed")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = doctor("ping", "-c", str(tmp_path / "no.cfg"))
    assert (result.exit_code, result.stderr) == (1, "")
    assert f"{tmp_path / 'no.cfg'}: cannot be read: No such file" in result.stdout


def test_json(memory_url: str) -> None:
    result = doctor("ping", "--json", "--url", memory_url)
    document = json.loads(result.stdout)
    assert (result.exit_code, document["ok"], len(document["checks"])) == (0, True, 15)
    assert document["checks"][5] == {
        "name": "address",
        "status": "skipped",
        "found": "it is a broker in this process",
        "remedy": None,
        "extension": None,
        "host": memory_url,
    }


def test_json_of_a_failure(tmp_path: Path) -> None:
    result = doctor("ping", "--json", "-c", str(tmp_path / "no.cfg"))
    document = json.loads(result.stdout)
    assert (result.exit_code, document["ok"]) == (1, False)
    assert document["checks"][0]["status"] == "failed"
    assert document["checks"][0]["remedy"].startswith("name a file with -c")


@pytest.mark.parametrize(
    "arguments", [["--nosuch"], ["--management", "mq1"], ["--management", "http://mq1:x"]]
)
def test_wrong_use(arguments: list[str]) -> None:
    result = doctor(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_colours_are_for_a_terminal(memory_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"BATON_FQDN": "web01.example.org"}
    arguments = ["doctor", "ping", "--url", memory_url]
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = CliRunner().invoke(baton, arguments, env=environment)
    assert "\x1b[" not in plain.stdout
    coloured = CliRunner().invoke(baton, arguments, env=environment, color=True)
    assert "\x1b[32m✔ ok" in coloured.stdout
    environment["NO_COLOR"] = "1"
    refused = CliRunner().invoke(baton, arguments, env=environment, color=True)
    assert "\x1b[" not in refused.stdout


def test_a_terminal_without_the_marks(
    run: Run, memory_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    program = "from baton.cli.main import main; main()"
    ran = run("-c", program, "doctor", "ping", "--url", memory_url)
    assert ran.returncode == 0
    assert "? ok       configuration" in ran.stdout
    assert ran.stderr == ""
