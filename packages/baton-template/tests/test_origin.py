"""Where a template came from, as cruft keeps it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from baton_template import __version__
from baton_template.origin import cruft_state
from baton_template.project import template_root


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    ran = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The template's folder, in a repository."""
    folder = tmp_path / "repo" / "packages" / "baton-template"
    folder.mkdir(parents=True)
    shutil.copy(template_root() / "cookiecutter.json", folder)
    git(tmp_path / "repo", "init", "-q")
    git(tmp_path / "repo", "add", "-A")
    git(tmp_path / "repo", "commit", "-q", "-m", "The template")
    return folder


def state(folder: Path, **more: Any) -> dict[str, Any]:
    given = {"name": "demo", "_template": str(folder), "_repo_dir": str(folder), "_checkout": None}
    state: dict[str, Any] = json.loads(cruft_state(given | more))
    return state


def test_a_checkout_knows_its_commit(template: Path) -> None:
    top = template.parents[1]
    assert state(template) == {
        "template": str(top),
        "commit": git(top, "rev-parse", "HEAD"),
        "checkout": None,
        "context": {"cookiecutter": {"name": "demo", "_template": str(top)}},
        "directory": "packages/baton-template",
    }


def test_a_clone_knows_where_it_is_from(template: Path) -> None:
    git(template, "remote", "add", "origin", "https://git.example.org/baton.git")
    assert state(template)["template"] == "https://git.example.org/baton.git"
    given = "https://other.example.org/baton.git"
    assert state(template, _template=given, _checkout="main")["template"] == given
    assert state(template, _template=given, _checkout="main")["checkout"] == "main"


@pytest.mark.parametrize(
    ("given", "template_told"),
    [
        ("git+file:///srv/baton.git", "file:///srv/baton.git"),
        ("git@git.example.org:baton.git", "git@git.example.org:baton.git"),
        ("gh:example/baton", "https://github.com/example/baton.git"),
    ],
)
def test_what_cookiecutter_takes_is_told_as_git_takes_it(
    template: Path, given: str, template_told: str
) -> None:
    assert state(template, _template=given)["template"] == template_told


def test_the_folder_may_be_relative_to_where_cookiecutter_was_run() -> None:
    known = state(Path("packages/baton-template"))
    assert known["commit"] == git(template_root(), "rev-parse", "HEAD")
    assert known == state(template_root()) | {"context": known["context"]}
    assert known["directory"] == "packages/baton-template"


def test_a_wheel_knows_its_release_alone(tmp_path: Path) -> None:
    assert state(tmp_path) == {
        "template": "",
        "commit": f"baton-template-v{__version__}",
        "checkout": None,
        "context": {"cookiecutter": {"name": "demo", "_template": ""}},
        "directory": "packages/baton-template",
    }


def test_a_wheel_that_names_its_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "path" / "baton_template-0.1.0.dist-info"
    folder.mkdir(parents=True)
    urls = "Project-URL: Docs, https://docs.example.org\n"
    urls += "Project-URL: Repository, https://git.example.org/baton.git\n"
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: baton-template\n{urls}")
    monkeypatch.syspath_prepend(folder.parent)
    assert state(tmp_path)["template"] == "https://git.example.org/baton.git"


def test_a_wheel_in_somebody_elses_repository_too(template: Path) -> None:
    wheel = template.parents[1] / ".venv"
    wheel.mkdir()
    (wheel / "cookiecutter.json").write_text("{}")
    assert state(wheel)["template"] == ""


def test_there_is_no_git(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(template))
    assert state(template)["template"] == ""


def test_cruft_puts_its_own_in_the_place_of_it() -> None:
    assert cruft_state({"name": "demo", "_template": "x", "_commit": "abc"}) == "{}"
