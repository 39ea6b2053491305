"""What ``baton --help`` prints, without click."""

from __future__ import annotations

import pty
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from baton.cli.group import baton
from baton.cli.root_help import page

Disk = Callable[[str, str], None]
Install = Callable[..., None]
Run = Callable[..., subprocess.CompletedProcess[str]]

EXTENSION = """\
from baton.extension import Extension
extension = Extension("baton-disk", commands={commands!r})
"""
COMMAND = """\
import click
@click.command()
def command():
    {help!r}
"""
WIDTHS = (1, 20, 51, 52, 53, 60, 66, 72, 79, 80, 81, 200)


@pytest.fixture
def disk(install: Install) -> Disk:
    """Installs a command *name* whose help is *help*, as its extension's description says."""

    def disk(name: str, help: str) -> None:
        install("disk_command", COMMAND.format(help=help), {})
        install(
            "disk_extension",
            EXTENSION.format(commands={name: help}),
            {
                "baton.extensions": {"disk": "disk_extension:extension"},
                "baton.commands": {name: "disk_command:command"},
            },
        )

    return disk


@pytest.fixture(autouse=True)
def as_baton(alone: list[str], site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is called ``baton``, and has Baton's commands, ``ping``, and those of a test."""
    monkeypatch.setattr(sys, "argv", ["/opt/baton/bin/baton", "--help"])
    monkeypatch.setattr(sys, "path", [str(site), *alone])


def of_click() -> str:
    """What click makes of the same."""
    with baton.make_context("baton", [], resilient_parsing=True) as context:
        return baton.get_help(context)


@pytest.mark.parametrize("columns", WIDTHS)
def test_it_is_what_click_prints(disk: Disk, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    disk("disk-usage", "Print how full each disk is, and which will be so on a well-known day.")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert page() == of_click()


@pytest.mark.parametrize("columns", ["", "0", "many", "-5", None])
def test_where_nobody_says_how_wide_it_is(
    monkeypatch: pytest.MonkeyPatch, columns: str | None
) -> None:
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    assert page() == of_click()


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("x" * 31, "Look after disks."),
        ("disk", "Look after disks. There are several."),
        ("disk", "Look after\n    disks."),
        ("disk", ""),
    ],
)
def test_what_is_left_to_click(disk: Disk, name: str, help: str) -> None:
    assert page() is not None
    disk(name, help)
    assert page() is None


def test_a_command_that_the_description_does_not_tell_of(install: Install) -> None:
    install("disk_command", COMMAND.format(help="x"), {"baton.commands": {"x": "disk_command:x"}})
    assert page() is None


def test_a_long_name_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x" * 14])
    assert page() is not None
    monkeypatch.setattr(sys, "argv", ["x" * 15])
    assert page() is None


def test_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal, open(ours, "rb"):  # noqa: PTH123
        termios.tcsetwinsize(theirs, (24, 60))
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            shown = page()
    monkeypatch.setenv("COLUMNS", "60")
    assert shown == page() == of_click()


def test_click_need_not_be_there(run: Run, alone: list[str]) -> None:
    """So it is not imported."""
    program = "from baton.cli.main import main; main()"
    ran = run("-S", "-c", f"import sys; sys.path[:] = {alone!r}; {program}", "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\n  ping          Ping servers and print who answers" in ran.stdout
