from __future__ import annotations

import subprocess

from bench.environment import baton_alone, needed


def test_baton_needs_what_it_says_and_what_that_needs() -> None:
    found = needed()
    assert {"baton-core", "baton-ping", "pika", "aio-pika", "aiormq", "click"} <= set(found)
    assert not {"pytest", "hatch", "celery"} & set(found)


def test_a_command_runs_where_nothing_else_is_installed() -> None:
    with baton_alone() as folder:
        ran = subprocess.run(
            [folder / "baton", "--help"], check=True, capture_output=True, text=True
        )
        other = [str(folder / "python"), "-c", "import pytest"]
        assert subprocess.run(other, check=False, capture_output=True).returncode == 1
    assert "Usage: baton" in ran.stdout
    assert not folder.exists()
