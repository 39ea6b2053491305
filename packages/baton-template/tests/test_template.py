"""The template as cookiecutter runs it from a checkout, where baton_template is not installed."""

from __future__ import annotations

import filecmp
import subprocess
import sys
from pathlib import Path

import pytest

from baton_template.answers import Answers
from baton_template.project import make_project, template_root

WITHOUT = (
    "import sys; from importlib.metadata import distribution; "
    "sys.path[:] = [p for p in sys.path if 'baton-template' not in p]; "
    "from cookiecutter.cli import main; main()"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cookiecutter keeps what was answered there."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def cookiecutter(output: Path, *given: str) -> subprocess.CompletedProcess[str]:
    arguments = [str(template_root()), "--no-input", "-o", str(output), *given]
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.usefixtures("home")
def test_it_makes_what_baton_new_makes(tmp_path: Path) -> None:
    ran = cookiecutter(tmp_path / "theirs", "name=My Deploy")
    assert ran.returncode == 0, ran.stderr
    make_project(Answers("My Deploy"), tmp_path / "ours")
    compared = [filecmp.dircmp(tmp_path / "theirs", tmp_path / "ours")]
    for folder in compared:
        compared += folder.subdirs.values()
        assert (folder.left_only, folder.right_only, folder.diff_files) == ([], [], [])
    assert len(compared) > 5


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("name=json", "json is a module of Python's standard library"),
        ("name='''\"\"\"", "' has no place in the name of a package"),
        ("project_slug=Foo Bar", "baton-foo-bar is allowed"),
        ('summary=say "hello" """', "The summary cannot be used"),
    ],
)
def test_the_hook_refuses_by_the_same_rules(tmp_path: Path, given: str, reason: str) -> None:
    output = tmp_path / "made"
    ran = cookiecutter(output, given)
    assert ran.returncode == 1
    assert f"baton-template: {reason}" in ran.stderr or reason in ran.stderr
    assert list(output.iterdir()) == []
