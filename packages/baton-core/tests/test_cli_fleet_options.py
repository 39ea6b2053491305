"""The options of commands that ask a fleet."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from baton.cli.fleet import options
from baton.cli.fleet.options import FleetOptions, Style, fleet_options
from baton.errors import InvalidMessage
from baton.fleet import Amount, Batches, Expected
from baton.splay import LONGEST_SPLAY

EVERYTHING: dict[str, Any] = {
    "everyone": True,
    "where": ("cpus>=8", "apps contains web"),
    "splay": 2.5,
    "expires": 60.0,
    "expect": 50,
    "limit": "10%",
    "batch": "5",
    "batch_wait": 1.5,
    "max_failures": 2,
    "timeout": 3.0,
    "graph": True,
}


def parse(*arguments: str) -> FleetOptions | str:
    """What a command is given for *arguments*, or the last line of what it says."""
    seen: list[FleetOptions] = []

    @click.command()
    @fleet_options
    def command(fleet: FleetOptions) -> None:
        seen.append(fleet)

    result = CliRunner().invoke(command, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if seen:
        return seen[0]
    assert result.exit_code == 2
    return result.stderr.splitlines()[-1]


def test_without_any() -> None:
    fleet = parse()
    assert fleet == FleetOptions()
    assert isinstance(fleet, FleetOptions)
    assert (fleet.style, fleet.rounds, fleet.of_waiting) == (Style.TEXT, 1, [])


def test_each_has_its_place() -> None:
    arguments = [
        "--all",
        "--where",
        "cpus>=8",
        "--splay",
        "2.5",
        "--expires",
        "60",
        "--expect",
        "50",
        "--limit",
        "10%",
        "--batch",
        "5",
        "--batch-wait",
        "1.5",
        "--max-failures",
        "2",
        "--timeout",
        "3",
        "--graph",
    ]
    assert parse(*arguments, "--where", "apps contains web") == FleetOptions(**EVERYTHING)


@pytest.mark.parametrize(
    ("arguments", "style"),
    [("--json", Style.JSON), ("--jsonl", Style.JSON_LINES), ("--names", Style.NAMES)],
)
def test_styles(arguments: str, style: Style) -> None:
    fleet = parse(arguments)
    assert isinstance(fleet, FleetOptions)
    assert fleet.style is style


@pytest.mark.parametrize(
    ("arguments", "rounds", "pause"),
    [
        ("--count 5", 5, 1.0),
        ("--count 5 --interval 0.5", 5, 0.5),
        ("--watch", None, 2.0),
        ("--watch --interval 10", None, 10.0),
        ("--count 1 --json", 1, 1.0),
        ("--count 1 --graph --batch 3", 1, 1.0),
        ("--count 2 --jsonl", 2, 1.0),
    ],
)
def test_rounds(arguments: str, rounds: int | None, pause: float) -> None:
    fleet = parse(*arguments.split())
    assert isinstance(fleet, FleetOptions)
    assert (fleet.rounds, fleet.pause) == (rounds, pause)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--expect 1 --expect-file x", "--expect and --expect-file exclude each other"),
        ("--expect-file x --expect-from y", "--expect-file and --expect-from exclude each other"),
        ("--json --jsonl", "--json and --jsonl exclude each other"),
        ("--json --names", "--json and --names exclude each other"),
        ("--json --watch", "--json and --watch exclude each other"),
        ("--jsonl --watch", "--jsonl and --watch exclude each other"),
        ("--names --watch", "--names and --watch exclude each other"),
        (
            "--json --count 2",
            "--json and --count exclude each other: --jsonl is for several rounds",
        ),
        ("--names --count 2", "--names and --count exclude each other"),
        ("--json --graph", "--json and --graph exclude each other"),
        ("--graph --count 2", "--graph and --count exclude each other"),
        ("--graph --watch", "--graph and --watch exclude each other"),
        ("--count 2 --watch", "--count and --watch exclude each other"),
        ("--batch 2 --count 2", "--batch and --count exclude each other"),
        ("--batch 2 --watch", "--batch and --watch exclude each other"),
        ("--batch-wait 0", "--batch-wait goes with --batch"),
        ("--max-failures 0", "--max-failures goes with --batch"),
        ("--interval 1", "--interval goes with --count or --watch"),
        ("--where cpus --expect-from http://m", "--where and --expect-from exclude each other: "),
    ],
)
def test_what_does_not_go_together(arguments: str, reason: str) -> None:
    said = parse(*arguments.split())
    assert isinstance(said, str)
    assert said.startswith(f"Error: {reason}")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--expect", "0"),
        ("--expect", "1.5"),
        ("--splay", "-1"),
        ("--splay", "nan"),
        ("--splay", "3601"),
        ("--expires", "0"),
        ("--limit", "0"),
        ("--limit", "101%"),
        ("--limit", "ten"),
        ("--batch", "-1"),
        ("--batch-wait", "nan"),
        ("--batch-wait", "inf"),
        ("--max-failures", "-1"),
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("--count", "0"),
        ("--interval", "0"),
    ],
)
def test_a_value_that_is_none(option: str, value: str) -> None:
    said = parse("--batch", "1", option, value)
    assert isinstance(said, str)
    assert said.startswith(f"Error: Invalid value for '{option}'")


def test_what_makes_no_sense_where_nobody_waits() -> None:
    publishing = {"everyone", "where", "splay", "expires"}
    given = FleetOptions(**EVERYTHING).of_waiting
    expected = {"--" + name.replace("_", "-") for name in EVERYTHING.keys() - publishing}
    assert set(given) == expected
    assert parse("--json") == FleetOptions(as_json=True)
    assert FleetOptions(as_json=True).of_waiting == ["--json"]


def test_targets_or_all() -> None:
    assert FleetOptions(everyone=True).keys(()) == ("*",)
    assert FleetOptions().keys(["a", "b"]) == ("a", "b")
    for fleet, targets in ((FleetOptions(), ()), (FleetOptions(everyone=True), ("a",))):
        with pytest.raises(click.UsageError, match="Name one TARGET or more, or --all"):
            fleet.keys(targets)


def test_a_request() -> None:
    request = FleetOptions(**EVERYTHING).request({"type": "ping"}, ("*",))
    assert request.message == {"type": "ping"}
    assert request.targets == ("*",)
    assert request.expected == Expected(number=50)
    assert request.where == ("cpus>=8", "apps contains web")
    assert (request.splay, request.expires, request.timeout) == (2.5, 60.0, 3.0)
    assert request.limit == Amount(10, is_share=True)
    assert request.batches == Batches(Amount(5), 1.5, 2)


def test_the_patience_grows_with_what_is_expected() -> None:
    """As the help of --timeout says."""
    fleet = FleetOptions(expect=1000, splay=5.0)
    assert fleet.request({"type": "ping"}, ("*",)).patience == 8.0
    assert "2 s, 1 ms more for each expected server, and the splay" in _help()


def _help() -> str:
    @click.command()
    @fleet_options
    def command(fleet: FleetOptions) -> None: ...

    return " ".join(CliRunner().invoke(command, ["--help"]).stdout.split())


def test_expected_servers_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "expected"
    file.write_text("web01.example.org\n")
    request = FleetOptions(expect_file=file).request({"type": "ping"}, ("*",))
    assert request.expected == Expected(names=frozenset(["web01.example.org"]))


def test_what_cannot_be_asked() -> None:
    with pytest.raises(InvalidMessage):
        FleetOptions().request({"type": "ping"}, ())


def test_options_are_values() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FleetOptions().watch = True  # type: ignore[misc]


def test_the_longest_splay_is_what_a_command_takes() -> None:
    assert options._LONGEST_SPLAY == LONGEST_SPLAY
