"""Asking the git of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton_template.git import said_by_git


def test_it_says_what_git_says(tmp_path: Path) -> None:
    assert said_by_git("init", "-q", folder=tmp_path) == ""
    assert said_by_git("rev-parse", "--show-toplevel", folder=tmp_path) == str(tmp_path.resolve())


def test_it_is_empty_where_git_says_no_or_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said_by_git("rev-parse", "HEAD", folder=tmp_path) == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert said_by_git("--version") == ""
