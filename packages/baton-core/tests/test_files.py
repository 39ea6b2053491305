"""Reading files that somebody named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from baton.files import read_regular


def test_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a\r\n\xff")
    (tmp_path / "link").symlink_to("x")
    assert read_regular(tmp_path / "x") == read_regular(tmp_path / "link") == b"a\r\n\xff"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no regular file"):
        read_regular(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (os.devnull, "it is no regular file"),
        ("/", "Is a directory"),
        ("/no/such/file", "No such file or directory"),
    ],
)
def test_what_cannot_be_read(path: str, reason: str) -> None:
    with pytest.raises(OSError, match=reason) as caught:
        read_regular(Path(path))
    assert caught.value.strerror == reason


def test_a_file_may_be_too_long(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_regular(tmp_path / "x", 5) == b"12345"
    with pytest.raises(OSError, match="it has more than 4 bytes"):
        read_regular(tmp_path / "x", 4)
