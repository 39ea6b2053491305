"""`baton {{ cookiecutter.__short }}`, with servers in this process."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from baton import Server
from baton.cli.group import baton
from baton.testing import ServiceFactory
from click.testing import CliRunner, Result

from {{ cookiecutter.__package }}.service import {{ cookiecutter.__prefix }}Service


def run(*arguments: str) -> Result:
    return CliRunner().invoke(baton, ["{{ cookiecutter.__short }}", *arguments])


def test_who_answers(baton_service: ServiceFactory, web01: Server, folder: Path) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    result = run("web01.example.org", str(folder))
    assert (result.exit_code, result.stderr) == (0, "")
    progress, answer, _, summary, _ = result.stdout.splitlines()
    assert re.fullmatch(rf"web01\.example\.org +\d+\.\d ms  measuring {folder}", progress)
    assert re.fullmatch(r"web01\.example\.org +\d+\.\d ms  2 files, 7 bytes", answer)
    assert summary.startswith("1 server answered in ")


def test_the_same_for_programs(baton_service: ServiceFactory, web01: Server, folder: Path) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    result = run("--all", str(folder), "--expect", "1", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["answered"], document["missing"]["names"]) == (1, [])
    said = [each["message"] for each in document["replies"] if each["message"]]
    assert [message.get("size") for message in said] == [None, 7]


def test_an_error(baton_service: ServiceFactory, web01: Server) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    result = run("web01.example.org", "/no/such/folder")
    assert result.exit_code == 1
    assert "error: There is no folder /no/such/folder on web01.example.org" in result.stdout


def test_nobody_listens() -> None:
    result = run("production", "/etc")
    assert result.exit_code == 1
    assert 'No server listens on "production"' in result.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["/etc"], "Name one TARGET or more"),
        (["production", "etc"], "path should be absolute"),
        (["production", "/etc", "--timeout", "0"], "Invalid value for '--timeout'"),
    ],
)
def test_wrong_use(arguments: list[str], reason: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
