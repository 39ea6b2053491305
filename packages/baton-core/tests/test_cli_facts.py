"""`baton facts`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from baton.cli.facts import facts
from baton.cli.group import baton
from baton.facts import built_in_facts


@pytest.fixture
def fact_file(tmp_path: Path) -> Path:
    """What a server in production says of itself, and of others' terminals."""
    path = tmp_path / "facts.json"
    content = {
        "fqdn": "web01.example.org",
        "chef_environment": "Production",
        "trebuchet": ["shop"],
        "disk": {"free": None, "size": 7},
        "motd": "\x1b[2J",
        "motto": "\u202e",
        "\x1b[2J": 1,
        "empty": "",
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def config(tmp_path: Path, fact_file: Path) -> Path:
    path = tmp_path / "x.cfg"
    path.write_text(f"FACTS: {fact_file}\nENVIRONMENT: qa\n")
    return path


@pytest.fixture
def said(config: Path) -> Callable[..., Result]:
    def said(*arguments: str) -> Result:
        return CliRunner().invoke(facts, ["-c", str(config), *arguments])

    return said


Said = Callable[..., Result]


def rows(text: str) -> dict[str, str]:
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in text.splitlines() if line}


def test_who_the_server_is_comes_first(said: Said, config: Path, fact_file: Path) -> None:
    result = said()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:5] == [
        f"fqdn          web01.example.org  ({fact_file}: fqdn)",
        f"environment   qa  ({config}: ENVIRONMENT)",
        f'app_names     ["shop"]  ({fact_file}: trebuchet)',
        'routing_keys  ["qa","web01.example.org","*","shop.qa"]',
        "",
    ]


def test_the_facts_come_below_where_they_came_from(said: Said, fact_file: Path) -> None:
    _, built_in, told = said().stdout.split("\n\n")
    assert built_in.startswith("built-in:\n  hostname ")
    assert told.startswith(f"{fact_file}:\n  fqdn ")
    assert set(rows(built_in.partition("\n")[2])) == built_in_facts().keys() - {"fqdn"}
    found = rows(told.partition("\n")[2])
    assert found["chef_environment"] == "Production"
    assert found["disk"] == '{"free":null,"size":7}'
    assert found["empty"] == '""'


def test_nothing_acts_on_the_terminal(said: Said) -> None:
    text = said().stdout
    assert all(line.isprintable() for line in text.splitlines())
    assert '"\\u001b[2J"' in text
    assert "\N{REPLACEMENT CHARACTER}[2J" in text


def test_a_setting_is_a_source_too(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_FQDN", "db01.example.org")
    monkeypatch.setenv("BATON_FACTS", "[]")
    text = said().stdout
    assert text.startswith("fqdn          db01.example.org  (environment BATON_FQDN)\n")
    assert "\nenvironment BATON_FQDN:\n  fqdn  db01.example.org\n" in text


def test_a_line_is_cut_to_the_width_of_a_terminal(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton.cli.facts._width", lambda: 20)
    lines = said().stdout.splitlines()
    assert max(len(line) for line in lines if not line.endswith(":")) == 20
    assert lines[3] == 'routing_keys  ["qa"…'


def test_json(said: Said, config: Path, fact_file: Path) -> None:
    result = said("--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    content = json.loads(fact_file.read_text())
    assert document == {
        "fqdn": "web01.example.org",
        "environment": "qa",
        "app_names": ["shop"],
        "routing_keys": ["qa", "web01.example.org", "*", "shop.qa"],
        "facts": {**built_in_facts(), **content},
        "sources": {
            "fqdn": f"{fact_file}: fqdn",
            "environment": f"{config}: ENVIRONMENT",
            "app_names": f"{fact_file}: trebuchet",
            "facts": {
                **dict.fromkeys(built_in_facts(), "built-in"),
                **dict.fromkeys(content, str(fact_file)),
            },
        },
    }


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["fqdn"], "web01.example.org\n"),
        (["disk", "environment"], '{"free":null,"size":7}\nqa\n'),
        (["routing_keys"], '["qa","web01.example.org","*","shop.qa"]\n'),
        (["motd", "motto"], '"\\u001b[2J"\n"\N{REPLACEMENT CHARACTER}"\n'),
    ],
)
def test_some_facts(said: Said, arguments: list[str], printed: str) -> None:
    result = said(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (0, printed, "")


def test_some_facts_in_json(said: Said) -> None:
    result = said("--json", "disk", "fqdn")
    assert json.loads(result.stdout) == {
        "disk": {"free": None, "size": 7},
        "fqdn": "web01.example.org",
    }


@pytest.mark.parametrize(
    ("arguments", "printed"), [([], "qa\n"), (["--json"], '{\n  "environment": "qa"\n}\n')]
)
def test_a_fact_that_is_not_known(said: Said, arguments: list[str], printed: str) -> None:
    result = said("colour", "environment", "\x1b[2J ", *arguments)
    assert (result.exit_code, result.stdout) == (1, printed)
    assert result.stderr == 'baton: No fact is called "colour", "\N{REPLACEMENT CHARACTER}[2J "\n'


# Which configuration


def test_without_an_extension_no_file_is_read(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    result = CliRunner().invoke(facts, ["environment"])
    assert (result.exit_code, result.stdout) == (0, "development\n")
    assert caplog.records == []


@pytest.mark.parametrize("name", ["ping", "baton-ping"])
def test_the_file_of_an_extension(name: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def default_path(extension: str) -> Path:
        asked.append(extension)
        return config

    monkeypatch.setattr("baton.configuration.default_path", default_path)
    result = CliRunner().invoke(facts, ["--extension", name, "environment"])
    assert (result.exit_code, result.stdout, asked) == (0, "qa\n", ["baton-ping"])


def test_a_file_that_tells_all_of_it(said: Said, fact_file: Path) -> None:
    fact_file.write_text(json.dumps(built_in_facts()))
    result = said()
    assert result.exit_code == 0
    assert "built-in:" not in result.stdout


def _invoke(**environment: Any) -> Result:
    return CliRunner(env=environment).invoke(baton, ["facts"])


def test_a_broken_fact_file(fact_file: Path) -> None:
    fact_file.write_text("{")
    result = _invoke(BATON_FACTS=str(fact_file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"baton: FACTS: {fact_file} is not valid JSON: ")
    assert result.stderr.count("\n") == 1


def test_a_wrong_setting() -> None:
    result = _invoke(BATON_PREFETCH="lots")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith('baton: environment BATON_PREFETCH "lots" ')


def test_a_missing_configuration(tmp_path: Path) -> None:
    result = CliRunner().invoke(baton, ["facts", "-c", str(tmp_path / "x.cfg")])
    assert result.exit_code == 2
    assert (
        result.stderr == f"baton: {tmp_path / 'x.cfg'}: cannot be read: No such file or directory\n"
    )
