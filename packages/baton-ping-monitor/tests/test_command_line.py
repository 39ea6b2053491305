"""What the command takes, and what does not go together."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from baton_ping_monitor.command_line import Mode, Options, options_of_the_command
from baton_ping_monitor.executable import main


def parsed(*arguments: str) -> Options:
    """What is made of *arguments*."""

    @click.command()
    @options_of_the_command
    def command(**given: Any) -> Options:
        return Options.of(given)

    options = command.main(list(arguments), standalone_mode=False)
    assert isinstance(options, Options)
    return options


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--plain --demo", "--plain and --demo exclude each other"),
        ("--table --plain", "--table and --plain exclude each other"),
        ("--hash-password --new-token", "--hash-password and --new-token exclude each other"),
        ("--demo --url memory://x", "--url does not go with --demo"),
        ("--demo -c x.cfg", "--config does not go with --demo"),
        ("--demo --instance x", "--instance does not go with --demo"),
        ("--demo --ping-every 1", "--ping-every does not go with --demo"),
        ("--demo --database sqlite://", "--database does not go with --demo"),
        ("--plain --ping-every 1", "--ping-every does not go with --plain"),
        ("--plain --target x", "--target does not go with --plain"),
        ("--plain --port 1", "--port does not go with --plain"),
        ("--table --host ::1", "--host does not go with --table"),
        ("--table --prefix /x", "--prefix does not go with --table"),
        ("--table --users-file x", "--users-file does not go with --table"),
        ("--table --inventory x", "--inventory does not go with --table"),
        ("--table --extension x", "--extension does not go with --table"),
        ("--table --alert json://x", "--alert does not go with --table"),
        ("--plain --alerts-dry-run", "--alerts-dry-run does not go with --plain"),
        ("--seconds 5", "--seconds goes with --demo"),
        ("--plain --seconds 5", "--seconds does not go with --plain"),
        ("--user ann", "--user goes with --hash-password and --new-token"),
        ("--demo --role viewer", "--role does not go with --demo"),
        ("--demo --seconds 0", "Invalid value for '--seconds'"),
        ("--port 65536", "Invalid value for '--port'"),
        ("--hash-password --role admin", "Invalid value for '--role'"),
        ("production", "unexpected extra argument"),
        ("--table -d", "--table stays in the foreground of a terminal"),
        ("--demo --status", "--demo stays in the foreground of a terminal"),
        ("--new-token --stop", "--new-token prints a line, and ends"),
        ("--stop --status", "--daemonize, --stop and --status exclude each other"),
        ("--plain -d --stop", "--daemonize, --stop and --status exclude each other"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(arguments: str, says: str) -> None:
    result = CliRunner().invoke(main, arguments.split())
    assert result.exit_code == 2
    assert says in result.output


@pytest.mark.parametrize("mode", Mode)
def test_one_mode_at_a_time(mode: Mode) -> None:
    arguments = [] if mode is Mode.DASHBOARD else [mode.value]
    assert parsed(*arguments).mode is mode


def test_options_are_keys_of_the_configuration() -> None:
    said = (
        "--host ::1 --port 0 --prefix /b --database sqlite:// --instance i --ping-every 2 "
        "--target a --target b --extension disk --alert json://x --alerts-dry-run"
    )
    options = parsed(*said.split())
    keys = {key: value for key, value in options.keys.items() if value is not None}
    assert keys == {
        "dashboard_host": "::1",
        "dashboard_port": 0,
        "dashboard_prefix": "/b",
        "database": "sqlite://",
        "instance": "i",
        "extensions": ("disk",),
        "ping_every": "2",
        "ping_targets": ("a", "b"),
        "alerts": ("json://x",),
        "alerts_dry_run": True,
    }


def test_what_is_not_said_sets_nothing() -> None:
    assert set(parsed().keys.values()) == {None}
