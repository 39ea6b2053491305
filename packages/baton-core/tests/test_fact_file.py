"""Fact files: what is read of them, and what is wrong with one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from baton.errors import ConfigurationError
from baton.fact_file import read_fact_file

FactFile = Callable[..., Path]


@pytest.fixture
def fact_file(tmp_path: Path) -> FactFile:
    def fact_file(text: str, name: str = "facts.json") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return fact_file


def refused(path: Path) -> str:
    """What is said of a file that cannot be read."""
    with pytest.raises(ConfigurationError) as caught:
        read_fact_file(path)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    os.mkfifo(path)
    assert refused(path) == f"FACTS: {path} cannot be read: it is no regular file"


def test_json(fact_file: FactFile) -> None:
    path = fact_file('{"fqdn": "web01", "trebuchet": ["shop"], "disk": {"free": null}}')
    assert read_fact_file(path) == {
        "fqdn": "web01",
        "trebuchet": ["shop"],
        "disk": {"free": None},
    }


@pytest.mark.parametrize("name", ["facts.yaml", "facts.yml", "facts"])
def test_yaml(fact_file: FactFile, name: str) -> None:
    path = fact_file("fqdn: web01\ntrebuchet:\n- shop\ndisk:\n  free: ~\n", name)
    assert read_fact_file(path) == {
        "fqdn": "web01",
        "trebuchet": ["shop"],
        "disk": {"free": None},
    }


def test_yaml_that_looks_like_json(fact_file: FactFile) -> None:
    assert read_fact_file(fact_file("{fqdn: web01}", "facts.yaml")) == {"fqdn": "web01"}


def test_json_by_another_name(fact_file: FactFile) -> None:
    """Which YAML would read as two halves of a character."""
    path = fact_file('{"name": "\\ud83d\\ude00"}', "facts")
    assert read_fact_file(path) == {"name": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_a_byte_order_mark_is_no_part_of_it(fact_file: FactFile, name: str) -> None:
    assert read_fact_file(fact_file('\ufeff{"a": 1}', name)) == {"a": 1}


@pytest.mark.parametrize(("name", "text"), [("a.json", "null"), ("a.yml", ""), ("a.yml", "# -\n")])
def test_nothing(fact_file: FactFile, name: str, text: str) -> None:
    assert read_fact_file(fact_file(text, name)) == {}


# What JSON has no word for


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NaN", None),
        ("[-Infinity, 1]", [None, 1]),
        ("1e400", None),
        ("1e-400", 0.0),
        (str(2**200), 2**200),
        ("-0", 0),
        ('""', ""),
        ('"\\u0000\\u001b"', "\x00\x1b"),
        ('{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}),
        ('{"a.b:c": {"": []}}', {"a.b:c": {"": []}}),
    ],
)
def test_odd_values_in_json(fact_file: FactFile, text: str, value: object) -> None:
    assert read_fact_file(fact_file(f'{{"odd": {text}}}')) == {"odd": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".nan", None),
        ("[-.inf, 1]", [None, 1]),
        ("2025-01-01", "2025-01-01"),
        ("2025-01-01 10:00:00 +2", "2025-01-01 10:00:00 +2"),
        ("!!binary aGVsbG8=", "aGVsbG8="),
        ("!!set {b, a}", ["a", "b"]),
        ("!!omap [b: 1, a: 2]", [["b", 1], ["a", 2]]),
        ("!!pairs [a: 1, a: .inf]", [["a", 1], ["a", None]]),
        ("=", "="),
        ("0x10", 16),
        ("{7: a, 007: b, on: c, ~: d, 1.50: e, 2025-01-01: f}",
         {"7": "a", "007": "b", "on": "c", "~": "d", "1.50": "e", "2025-01-01": "f"}),
        ("{52:54:00:12:34:56: eth0}", {"52:54:00:12:34:56": "eth0"}),
        ("{a: 1, b: 2, a: 3}", {"a": 3, "b": 2}),
        ("{<<: {7: a, b: 1}, b: 2}", {"7": "a", "b": 2}),
    ],
)  # fmt: skip
def test_odd_values_in_yaml(fact_file: FactFile, text: str, value: object) -> None:
    found = read_fact_file(fact_file(f"odd: {text}\n", "odd.yaml"))
    assert found == {"odd": value}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_is_read_again_by_its_anchor(fact_file: FactFile) -> None:
    path = fact_file("a: &a [.nan]\nb: *a\n", "a.yaml")
    assert read_fact_file(path) == {"a": [None], "b": [None]}


# What is wrong


def doubled(pattern: str) -> str:
    """YAML of thirty lines, of which each has twice what the one before has."""
    lines = [f"a{number}: &a{number} {pattern.format(f'a{number - 1}')}" for number in range(1, 30)]
    return "\n".join(["a0: &a0 {x: 1}", *lines, ""])


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.json", "{", "is not valid JSON: Expecting property name"),
        ("a.json", "", "is not valid JSON: Expecting value: line 1 column 1"),
        ("a.json", '{"a": ' + "9" * 5000 + "}", "is not valid JSON: Exceeds the limit"),
        ("a.json", "[" * 100_000, "is nested too deeply"),
        ("a.json", "[]", "holds no facts: an object of them is allowed"),
        ("a.json", '"text"', "holds no facts: an object of them is allowed"),
        ("a.yml", "a: b: c", "is not valid YAML: mapping values are not allowed here"),
        ("a.yml", "[" * 600, "is nested too deeply"),
        ("a.yml", "a: &a [*a]", "is nested too deeply"),
        ("a.yml", doubled("[*{0}, *{0}]"), "is not valid YAML: it has more than 500,000 values"),
        (
            "a.yml",
            doubled("{{<<: [*{0}, *{0}]}}"),
            "is not valid YAML: it has more than 500,000 values",
        ),
        ("a.yml", "a: !!python/object:os.system {}", "is not valid YAML: could not determine"),
        ("a.yml", "a: !!int x", "is not valid YAML: invalid literal for int()"),
        ("a.yml", "a: !!bool x", "is not valid YAML: 'x'"),
        ("a.yml", "a: !!map x", "is not valid YAML: expected a mapping node, but found scalar"),
        ("a.yml", "? [a]\n: b", "is not valid YAML: while constructing a mapping"),
        ("a.yml", f"a: 0x1{'0' * 4000}", "is not valid YAML: a number has too many digits"),
        ("a.yml", "a: " + "1:" * 400 + "1.5", "is not valid YAML: int too large to convert"),
        ("a.yml", "a: !\u202e b", "is not valid YAML: while parsing a tag"),
        ("a.yml", "just text", "holds no facts: an object of them is allowed"),
        ("a.yml", "- a", "holds no facts: an object of them is allowed"),
    ],
)
def test_a_broken_file(fact_file: FactFile, name: str, text: str, reason: str) -> None:
    path = fact_file(text, name)
    said = refused(path)
    assert said.startswith(f"FACTS: {path} {reason}")
    assert said.isprintable()
    assert len(said) < 300


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert refused(path) == f"FACTS: {path} cannot be read: No such file or directory"


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a":"\xff"}')
    assert refused(path) == f"FACTS: {path} is not in UTF-8"
