"""Reading a configuration file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from baton.configuration_file import read_keys
from baton.errors import ConfigurationError

OWN = frozenset({"rabbit_pass", "rabbit_user", "app_names", "prefetch"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.cfg"


def read(file: Path, text: str) -> dict[str, Any]:
    file.write_text(text, encoding="utf-8")
    return read_keys(file, OWN)


@pytest.mark.parametrize(
    "password",
    [
        *("0123", "1e3", "0x1F", "12:30:45", "1_000", ".5", "2024-01-01", "2024-99-99"),
        *("yes", "no", "true", "True", "=", "a#b", "p@ss", "a b", "é😀"),
    ],
)
def test_baton_s_own_values_are_read_as_they_stand(file: Path, password: str) -> None:
    assert read(file, f"RABBIT_PASS: {password}\n") == {"rabbit_pass": password}


def test_baton_s_own_lists_are_read_as_they_stand(file: Path) -> None:
    assert read(file, "APP_NAMES: [on, 0123, shop]\n") == {"app_names": ["on", "0123", "shop"]}
    assert read(file, "APP_NAMES:\n- on\n- 1e3\n") == {"app_names": ["on", "1e3"]}


def test_other_values_are_read_as_yaml_has_them(file: Path) -> None:
    text = "A: 7\nB: true\nC: 1.5\nD: [1, x]\nE: {f: 1}\nG: text\nH: 2024-01-01\nI: 2024-99-99"
    assert read(file, text) == {
        "a": 7,
        "b": True,
        "c": 1.5,
        "d": [1, "x"],
        "e": {"f": 1},
        "g": "text",
        "h": "2024-01-01",
        "i": "2024-99-99",
    }


def test_a_key_without_a_value_is_not_there(file: Path) -> None:
    text = "RABBIT_PASS:\nRABBIT_USER: ~\nPREFETCH: null\nCOLOUR:\nEMPTY: ''\n"
    assert read(file, text) == {"empty": ""}


def test_names_are_in_lower_case(file: Path) -> None:
    assert read(file, "rabbit_pass: a\nRabbit_User: b\nCOLOUR: c\n7: d\n") == {
        "rabbit_pass": "a",
        "rabbit_user": "b",
        "colour": "c",
        "7": "d",
    }


def test_anchors(file: Path) -> None:
    text = "_common: &common\n  RABBIT_PASS: 0123\n  COLOUR: 7\n<<: *common\n"
    assert read(file, text) == {"rabbit_pass": "0123", "colour": 7}


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "~\n", "{}\n"])
def test_a_file_with_nothing_in_it(file: Path, text: str) -> None:
    assert read(file, text) == {}


@pytest.mark.parametrize("text", ["just text", "[a, b]", "- a\n- b\n", "7"])
def test_a_file_without_keys(file: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(file, text)
    assert str(caught.value) == f"{file}: holds no keys: a line is KEY: value"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("A: 1\nB: [1\n", 3, "expected ',' or ']', but got '<stream end>'"),
        ("A: b: c\n", 1, "mapping values are not allowed here"),
        ("A: 1\n\tB: 2\n", 2, "found character '\\t' that cannot start any token"),
        ("A: @b\n", 1, "found character '@' that cannot start any token"),
        ("A: 'b\n", 2, "found unexpected end of stream"),
        ("A: 1\n[B]: 2\n", 2, "found unhashable key"),
        ("A: 1\nB: *hunter2\n", 2, "found undefined alias …"),
        ("A: 1\nB: !hunter2\n", 2, "could not determine a constructor for the tag …"),
        ("A: 1\nB: !hunt'er2\n", 2, "could not determine a constructor for the tag …"),
        ("A: !!python/object:os.system {}\n", 1, "could not determine a constructor for the tag …"),
        ("A: 1\n---\nB: 2\n", 2, "but found another document"),
    ],
)
def test_what_is_no_yaml(file: Path, text: str, line: int, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(file, text)
    assert str(caught.value) == f"{file}, line {line}: is not valid YAML: {problem}"
    assert caught.value.__suppress_context__


def doubled(pattern: str) -> str:
    """YAML of thirty lines, of which each has twice what the one before has."""
    lines = [f"A{number}: &a{number} {pattern.format(f'a{number - 1}')}" for number in range(1, 30)]
    return "\n".join(["A0: &a0 {x: 1}", *lines, ""])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A: \x00\n", "unacceptable character #x0000: special characters are not allowed"),
        ("[" * 600, "it is nested too deeply"),
        (doubled("[*{0}, *{0}]"), "it has more than 500,000 values, counting aliases"),
        (doubled("{{<<: [*{0}, *{0}]}}"), "it has more than 500,000 values, counting aliases"),
        ("A: " + "9" * 5000, "a value is not what its tag says, or has too many digits"),
        ("A: !!int hunter2", "a value is not what its tag says, or has too many digits"),
        ("A: !!bool hunter2", "a value is not what its tag says, or has too many digits"),
        ("A: " + "1:" * 400 + "1.5", "a value is not what its tag says, or has too many digits"),
        ("A: !!int ''", "a value is not what its tag says, or has too many digits"),
    ],
)
def test_what_no_yaml_parser_reads(file: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(file, text)
    assert str(caught.value) == f"{file}: is not valid YAML: {problem}"
    assert caught.value.__suppress_context__


def test_a_file_that_is_not_utf_8(file: Path) -> None:
    file.write_bytes("A: é\n".encode("latin-1"))
    with pytest.raises(ConfigurationError) as caught:
        read_keys(file, OWN)
    assert str(caught.value) == f"{file}: is not in UTF-8"


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_keys(tmp_path, OWN)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="pipe: cannot be read: it is no regular file"):
        read_keys(tmp_path / "pipe", OWN)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ConfigurationError, match="cannot be read: Too many levels of symbolic"):
        read_keys(loop, OWN)


def test_a_missing_file_is_left_to_the_caller(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_keys(file, OWN)
