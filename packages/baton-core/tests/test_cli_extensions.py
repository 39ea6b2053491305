"""`baton extensions`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from baton.cli.extensions import extensions

Install = Callable[..., None]

DESCRIPTION = """\
from baton.extension import Extension
extension = Extension("baton-disk", summary="Looks after disks.")
"""


@pytest.fixture
def disk(install: Install) -> None:
    install(
        "disk_extension", DESCRIPTION, {"baton.extensions": {"disk": "disk_extension:extension"}}
    )


@pytest.fixture
def broken(install: Install) -> None:
    install("bad_extension", "1 / 0", {"baton.extensions": {"bad": "bad_extension:extension"}})


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an environment with baton-core alone."""
    monkeypatch.setattr("sys.path", [])


def listed(name: str) -> dict[str, Any]:
    result = CliRunner().invoke(extensions, ["--json"])
    assert result.stderr == ""
    (row,) = [row for row in json.loads(result.stdout) if row["name"] == name]
    return dict(row)


@pytest.mark.usefixtures("disk")
def test_a_table() -> None:
    result = CliRunner().invoke(extensions)
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("disk ")]
    assert line.split(maxsplit=3) == ["disk", "baton-disk", "1.2", "Looks after disks."]


@pytest.mark.usefixtures("disk")
def test_json() -> None:
    assert listed("baton-disk") == {
        "name": "baton-disk",
        "version": "1.2",
        "distribution": "disk_extension",
        "summary": "Looks after disks.",
        "error": None,
    }
    assert CliRunner().invoke(extensions, ["--json"]).exit_code == 0


@pytest.mark.usefixtures("disk", "broken")
def test_a_broken_one_is_told_and_the_others_too() -> None:
    result = CliRunner().invoke(extensions)
    assert result.exit_code == 1
    assert "broken: bad_extension:extension: division by zero\n" in result.stdout
    assert "Looks after disks." in result.stdout


@pytest.mark.usefixtures("broken")
def test_a_broken_one_in_json() -> None:
    assert listed("bad") == {
        "name": "bad",
        "version": "1.2",
        "distribution": "bad_extension",
        "summary": "",
        "error": "bad_extension:extension: division by zero",
    }
    assert CliRunner().invoke(extensions, ["--json"]).exit_code == 1


@pytest.mark.usefixtures("nothing_installed")
def test_none() -> None:
    result = CliRunner().invoke(extensions)
    assert result.exit_code == 0
    assert result.stdout == "No extension is installed. Try: pip install baton-ping\n"
    assert json.loads(CliRunner().invoke(extensions, ["--json"]).stdout) == []
