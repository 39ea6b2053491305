"""Lines of the users file, made at the terminal or by a script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from baton_ping_monitor.executable import main
from baton_ping_monitor.web.users import Role, read_users

if TYPE_CHECKING:
    from conftest import Start


def users(tmp_path: Path, lines: str) -> Path:
    path = tmp_path / "users"
    path.write_text(lines)
    path.chmod(0o600)
    return path


def test_a_line_of_a_password_that_was_piped(tmp_path: Path) -> None:
    arguments = ["--hash-password", "--user", "ann", "--role", "operator"]
    result = CliRunner().invoke(main, arguments, input="pass word\n")
    assert result.exit_code == 0
    assert result.output.startswith("ann:operator:scrypt$")
    account = read_users(users(tmp_path, result.output))["ann"]
    assert account.user.role is Role.OPERATOR
    assert account.secret.matches("pass word")
    assert not account.secret.matches("pass word\n")


def test_a_password_is_asked_for_twice_and_not_shown(start: Start, tmp_path: Path) -> None:
    asking = start("--hash-password", "--user", "ann", terminal=True)
    for answer, question in (("one", "The password of ann: "), ("two", "Once more: ")):
        asking.expect(question)
        asking.type(f"{answer}\n")
    asking.expect("do not match")
    asking.expect("(?s)do not match.*The password of ann: ")
    asking.type("three\n")
    asking.expect("(?s)do not match.*Once more: ")
    asking.type("three\n")
    line = asking.expect("ann:viewer:scrypt.*\n")[0]
    assert asking.end() == 0
    assert read_users(users(tmp_path, line))["ann"].secret.matches("three")
    for word in ("one", "two", "three"):
        assert f"{word}\n" not in asking.output


def test_a_token_and_its_line(tmp_path: Path) -> None:
    program = "from baton_ping_monitor.executable import main; main()"
    made = subprocess.run(
        [sys.executable, "-c", program, "--new-token", "--user", "ci"],
        check=True,
        capture_output=True,
        text=True,
    )
    token = made.stderr.split()[-1]
    account = read_users(users(tmp_path, made.stdout))["ci"]
    assert account.user.role is Role.VIEWER
    assert account.secret.matches(token)
    assert token not in made.stdout


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        (["--hash-password", "--user", "ann"], "\n", "A password has 1 to 1,024 bytes"),
        (["--hash-password", "--user", "ann"], "x" * 1025, "A password has 1 to 1,024 bytes"),
        (["--hash-password", "--user", "a:b"], "x", '"a:b" is no name: 1 to 64 letters'),
        (["--new-token", "--user", ""], "", '"" is no name: 1 to 64 letters'),
    ],
)
def test_what_cannot_be(arguments: list[str], given: str, says: str) -> None:
    result = CliRunner().invoke(main, arguments, input=given)
    assert result.exit_code == 2
    assert says in result.output


def test_whose_line_it_is_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "bob")
    result = CliRunner().invoke(main, ["--hash-password"], input="x\n")
    assert result.output.startswith("bob:viewer:scrypt$")
