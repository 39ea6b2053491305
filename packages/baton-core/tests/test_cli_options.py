"""Options that every command takes."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from baton.cli.options import Seconds, broker_options, load_configuration
from baton.errors import ConfigurationError


@click.command()
@broker_options("baton-x")
@click.option("--timeout", type=Seconds())
def command(config: Path | None, url: str | None, timeout: float | None) -> None:
    click.echo(repr((config, url, timeout)))


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        ([], (None, None, None)),
        (["-c", "/x.cfg"], (Path("/x.cfg"), None, None)),
        (["--config", "/x.cfg", "--url", "amqp://mq1"], (Path("/x.cfg"), "amqp://mq1", None)),
        (["--timeout", "1.5"], (None, None, 1.5)),
        (["--timeout", "604800"], (None, None, 604_800.0)),
    ],
)
def test_options(arguments: list[str], taken: tuple[object, ...]) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.output == f"{taken!r}\n"


def test_help_names_the_default_file() -> None:
    result = CliRunner().invoke(command, ["--help"], terminal_width=100)
    assert "[default: /etc/baton-x/baton-x.cfg]" in result.output


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        ("0", "0.0 is not in the range 0<x<=604800."),
        ("-1", "-1.0 is not in the range 0<x<=604800."),
        ("604801", "604801.0 is not in the range 0<x<=604800."),
        ("inf", "inf is not in the range 0<x<=604800."),
        ("nan", "nan is no number of seconds."),
        ("soon", "'soon' is not a valid float range."),
    ],
)
def test_no_number_of_seconds(seconds: str, reason: str) -> None:
    result = CliRunner().invoke(command, ["--timeout", seconds])
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: Invalid value for '--timeout': {reason}\n")


def test_what_was_given_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.cfg"
    file.write_text("RABBIT_HOST: mq1\nRABBIT_VHOST: baton\nPREFETCH: 7\n")
    configuration = load_configuration("baton-x", file, "amqp://mq2", prefetch=8, grace=None)
    assert [str(endpoint) for endpoint in configuration.endpoints] == ["mq2:5672"]
    assert configuration.rabbit_vhost == "baton"
    assert configuration.prefetch == 8
    assert configuration.grace == 10.0


def test_nothing_given() -> None:
    configuration = load_configuration("baton-of-a-test", None, None)
    assert [str(endpoint) for endpoint in configuration.endpoints] == ["localhost:5672"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.cfg", "cannot be read: No such file or directory"),
        ("x" * 300, "cannot be read: File name too long"),
        ("", "cannot be read: Is a directory"),
    ],
)
def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration("baton-x", tmp_path / name, None)
    assert str(caught.value) == f"{tmp_path / name}: {reason}"
