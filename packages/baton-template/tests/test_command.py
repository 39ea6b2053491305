"""`baton new`."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from baton.cli.group import baton
from baton_template.answers import Answers
from baton_template.project import planned_files

AWKWARD = json.loads(Path(__file__).with_name("awkward.json").read_text())
REFUSED: dict[str, str] = AWKWARD["refused"]


def run(*arguments: str, answers: str | None = None) -> Result:
    result = CliRunner().invoke(baton, ["new", *arguments], input=answers)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def said(folder: Path) -> dict[str, str]:
    state = json.loads((folder / ".cruft.json").read_text())
    found: dict[str, str] = state["context"]["cookiecutter"]
    return found


@pytest.mark.usefixtures("git_user")
def test_it_asks_for_what_no_option_says(tmp_path: Path) -> None:
    result = run("My Deploy", answers="Deploys things.\n\n\nApache-2.0\n")
    assert (result.exit_code, result.stderr) == (0, "")
    answers = said(tmp_path / "baton-my-deploy")
    assert answers["summary"] == "Deploys things."
    assert (answers["author"], answers["email"]) == ("Ada Lovelace", "ada@example.org")
    assert answers["license"] == "Apache-2.0"
    assert "  cd baton-my-deploy\n" in result.stdout


def test_it_asks_for_nothing_that_an_option_says(tmp_path: Path) -> None:
    options = ["--summary", "Does.", "--author", "Ada", "--email", "a@example.org"]
    result = run("demo", *options, "--license", "MIT")
    assert result.exit_code == 0
    assert "?" not in result.stdout.partition("\n")[0]
    assert said(tmp_path / "baton-demo")["summary"] == "Does."


def test_no_input(tmp_path: Path) -> None:
    result = run("demo", "--no-input", "-o", str(tmp_path / "a b" / "c"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert said(tmp_path / "a b" / "c" / "baton-demo")["author"] == "The authors"
    assert f"cd '{tmp_path}/a b/c/baton-demo'" in result.stdout


def test_list_writes_nothing(tmp_path: Path) -> None:
    result = run("My Deploy", "--list")
    assert (result.exit_code, result.stderr) == (0, "")
    planned = planned_files(Answers("My Deploy"))
    assert result.stdout.splitlines() == [f"baton-my-deploy/{path}" for path in planned]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_name(tmp_path: Path, name: str) -> None:
    result = run("--no-input", "--", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith('baton: "')
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--summary", "{{ 7 }}"], "The summary cannot be used"),
        (["--author", ""], "The author cannot be used"),
        (["--email", "nobody"], "The email is no address"),
        (["--license", "GPL"], "The license is not known"),
    ],
)
def test_a_wrong_answer_is_refused_before_anything_is_asked(
    tmp_path: Path, options: list[str], reason: str
) -> None:
    result = run("demo", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder(tmp_path: Path) -> None:
    (tmp_path / "baton-demo").mkdir()
    result = run("demo")
    assert (result.exit_code, result.stdout) == (2, "")  # nothing was asked
    assert result.stderr == (
        "baton: baton-demo exists: another name, or --output-dir, is allowed\n"
    )
    assert list((tmp_path / "baton-demo").iterdir()) == []


def test_it_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it connects")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert run("demo", "--no-input").exit_code == 0


@pytest.mark.usefixtures("git_user")
def test_a_wrong_answer_is_asked_for_again(tmp_path: Path) -> None:
    result = run("demo", answers='say "x"\nDoes.\n\nnobody\n\nGPL\nMIT\n')
    assert (result.exit_code, result.stderr) == (0, "")
    for reason in ("summary cannot be used", "email is no address", "license is not known"):
        assert f"Error: The {reason}" in result.stdout
    assert said(tmp_path / "baton-demo")["summary"] == "Does."


def test_interrupted_at_a_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise click.Abort from None

    monkeypatch.setattr(click, "prompt", interrupt)
    result = run("demo")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "\n")
    assert list(tmp_path.iterdir()) == []


def test_nobody_answers(tmp_path: Path) -> None:
    result = run("demo", answers="")
    assert result.exit_code == 2
    assert result.stderr == "\nbaton: Nobody answers: --no-input takes the defaults\n"
    assert list(tmp_path.iterdir()) == []
