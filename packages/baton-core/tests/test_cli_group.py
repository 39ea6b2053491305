"""The command ``baton``, its subcommands, and those of extensions."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from baton.cli.group import baton

Install = Callable[..., None]
Run = Callable[..., subprocess.CompletedProcess[str]]

MAIN = "from baton.cli.main import main; main()"
COMMAND = """\
import click
from baton.errors import BrokerUnavailable, ConfigurationError, Unroutable
@click.command()
@click.argument("what")
def command(what):
    "Look after disks."
    match what:
        case "wrong": raise ConfigurationError("PREFETCH should be a valid integer")
        case "nobody": raise Unroutable(["staging"], "baton_disk_in")
        case "away": raise BrokerUnavailable("No broker could be reached")
        case "interrupt": raise KeyboardInterrupt
        case "bug": raise ZeroDivisionError
    click.echo(what)
"""


@pytest.fixture
def disk(install: Install) -> None:
    """An installed command of somebody's."""
    install("disk_command", COMMAND, {"baton.commands": {"disk": "disk_command:command"}})


@pytest.fixture
def broken(install: Install) -> None:
    """Installed commands of somebody's that cannot be loaded."""
    install(
        "broken_commands",
        "raise SystemExit('bye')",
        {
            "baton.commands": {
                "gone": "no_such_module:command",
                "leaving": "broken_commands:command",
                "odd": "json:dumps",
            }
        },
    )


def test_help() -> None:
    result = CliRunner().invoke(baton, ["--help"])
    assert result.exit_code == 0
    assert "Orchestrate servers over RabbitMQ." in result.output
    assert re.search(
        r"^  extensions +List the installed extensions\.$", result.output, re.MULTILINE
    )
    assert "send" in result.output
    assert result.output == CliRunner().invoke(baton, ["-h"]).output


def test_without_arguments_it_helps() -> None:
    result = CliRunner().invoke(baton, [])
    assert result.exit_code == 2
    assert "Commands:" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["unheard-of"], "Error: No such command 'unheard-of'"),
        (["--unheard-of"], "Error: No such option"),
        (["extensions", "--unheard-of"], "Error: No such option"),
        (["send"], "Error: Missing argument 'EXTENSION'"),
    ],
)
def test_wrong_use(arguments: list[str], reason: str) -> None:
    result = CliRunner().invoke(baton, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].startswith(reason)


@pytest.mark.usefixtures("disk")
def test_a_command_of_an_extension() -> None:
    output = CliRunner().invoke(baton, ["--help"]).output
    assert re.search(r"^  disk +Look after disks\.$", output, re.MULTILINE)
    result = CliRunner().invoke(baton, ["disk", "hello"])
    assert (result.exit_code, result.output) == (0, "hello\n")


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("wrong", 2, "baton: PREFETCH should be a valid integer\n"),
        ("nobody", 1, 'baton: No server listens on "staging" (exchange baton_disk_in)\n'),
        ("away", 3, "baton: No broker could be reached\n"),
        ("interrupt", 130, ""),
    ],
)
def test_exit_codes(run: Run, what: str, code: int, said: str) -> None:
    ran = run("-c", MAIN, "disk", what)
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", said)


@pytest.mark.usefixtures("disk")
def test_a_fault_of_a_command_is_not_hidden(run: Run) -> None:
    ran = run("-c", MAIN, "disk", "bug")
    assert ran.returncode == 1
    assert ran.stderr.endswith("ZeroDivisionError\n")


@pytest.mark.usefixtures("disk", "broken")
def test_broken_commands_hide_no_other(run: Run) -> None:
    ran = run("-c", MAIN, "--help")
    assert ran.returncode == 0
    listed = {line.split()[0] for line in ran.stdout.partition("Commands:")[2].splitlines() if line}
    assert {"extensions", "send", "disk"} <= listed
    assert listed.isdisjoint({"gone", "leaving", "odd"})
    assert [line.partition("WARNING The command ")[2] for line in ran.stderr.splitlines()] == [
        "gone (no_such_module:command) cannot be loaded: No module named 'no_such_module'",
        "leaving (broken_commands:command) cannot be loaded: bye",
        "odd (json:dumps) cannot be loaded: it is no click.Command but a function",
    ]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("name", ["gone", "leaving", "odd"])
def test_a_broken_command(run: Run, name: str) -> None:
    ran = run("-c", MAIN, name)
    assert ran.returncode == 2
    assert f"The command {name} (" in ran.stderr
    assert ran.stderr.endswith(f"Error: No such command '{name}'.\n")
    assert "Traceback" not in ran.stderr


def test_baton_s_own_commands_cannot_be_replaced(install: Install) -> None:
    install("disk_command", COMMAND, {"baton.commands": {"send": "disk_command:command"}})
    group = click.Context(baton)
    found = baton.get_command(group, "send")
    assert found is not None
    assert found.callback is not None
    assert found.callback.__module__ == "baton.cli.send"


def test_the_summaries_are_those_of_the_commands() -> None:
    """They are shown without an import of the commands."""
    context = click.Context(baton)
    own = [name for name in baton.list_commands(context) if name not in ("ping", "new", "add")]
    assert len(own) >= 7
    for width in (60, 78, 200):
        formatter = click.HelpFormatter(width=width)
        baton.format_commands(context, formatter)
        shown = formatter.getvalue()
        for name in own:
            command = baton.get_command(context, name)
            assert command is not None
            summary = command.get_short_help_str(width - 6 - len("dead-letters"))
            assert re.search(rf"^  {name} +{re.escape(summary)}$", shown, re.MULTILINE), name
