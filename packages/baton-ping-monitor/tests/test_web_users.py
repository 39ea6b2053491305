"""The users file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from baton.errors import ConfigurationError
from baton_ping_monitor.web.users import ANYBODY, Role, User, UsersFile, read_users

TOKEN = f"token${'5e' * 32}"
"""Not a random one: it is in names of tests, which have to be the same in each process."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.touch(mode=0o600)
    return path


def test_each_line_is_an_account(file: Path) -> None:
    file.write_text(f"# who may\n\nalice:operator:{TOKEN}\n  bob.b@x:viewer:{TOKEN}  \n")
    accounts = read_users(file)
    assert [each.user for each in accounts.values()] == [
        User("alice", Role.OPERATOR),
        User("bob.b@x", Role.VIEWER),
    ]
    assert accounts["alice"].user.may_operate
    assert not accounts["bob.b@x"].user.may_operate


def test_no_secret_is_shown(file: Path) -> None:
    file.write_text(f"alice:operator:{TOKEN}\n")
    assert TOKEN.removeprefix("token$") not in repr(read_users(file))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("alice:operator", "line 1: must be name:role:secret"),
        (f"\nalice:admin:{TOKEN}", 'line 2: the role must be "viewer" or "operator", not "admin"'),
        (f"al ice:viewer:{TOKEN}", 'line 1: "al ice" is no name: 1 to 64 letters'),
        (f":viewer:{TOKEN}", "is no name"),
        (f"{'x' * 65}:viewer:{TOKEN}", "is no name"),
        ("alice:viewer:hunter2", "line 1: the third field must be what --hash-password"),
        (f"a:viewer:{TOKEN}\na:operator:{TOKEN}", "line 2: a stands there twice"),
        ("# nobody\n", "names nobody"),
        ("", "names nobody"),
        ("\x1b[2J:viewer:x", "no name"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(file: Path, content: str, says: str) -> None:
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=f"users file {file}") as caught:
        read_users(file)
    assert says in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_users(tmp_path / "users")


def test_a_file_that_is_no_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read_users(file)


def test_a_file_that_is_too_long(file: Path) -> None:
    file.write_text("#" * 1_048_577)
    with pytest.raises(ConfigurationError, match="longer than 1 MiB"):
        read_users(file)


def test_a_file_that_everybody_may_write_to_is_refused(file: Path) -> None:
    file.write_text(f"alice:operator:{TOKEN}\n")
    file.chmod(0o666)
    with pytest.raises(ConfigurationError, match="chmod 640"):
        read_users(file)


def test_a_file_that_everybody_may_read_is_mentioned(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text(f"alice:operator:{TOKEN}\n")
    file.chmod(0o644)
    assert read_users(file)
    assert "chmod 640" in caplog.text


def change(file: Path, content: str) -> None:
    """Write *content*, and make it certain that the file is seen to be another one."""
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(content)
    os.replace(new, file)  # noqa: PTH105


def test_a_change_is_seen(file: Path) -> None:
    file.write_text(f"alice:operator:{TOKEN}\n")
    users = UsersFile(file)
    assert list(users.accounts()) == ["alice"]
    change(file, f"bob:viewer:{TOKEN}\n")
    assert list(users.accounts()) == ["bob"]


def test_a_change_for_the_worse_locks_nobody_out(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text(f"alice:operator:{TOKEN}\n")
    users = UsersFile(file)
    change(file, "alice:operator\n")
    for _ in range(3):
        assert list(users.accounts()) == ["alice"]
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "line 1: must be name:role:secret. Those who" in errors[0].getMessage()
    file.unlink()
    assert list(users.accounts()) == ["alice"]
    change(file, f"bob:viewer:{TOKEN}\n")
    assert list(users.accounts()) == ["bob"]


def test_a_file_that_is_wrong_at_first_is_an_error(file: Path) -> None:
    with pytest.raises(ConfigurationError):
        UsersFile(file)


def test_anybody_may_operate() -> None:
    assert ANYBODY.may_operate
    assert ANYBODY.is_anybody
