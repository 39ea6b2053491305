"""Projects that were made of the template follow it by cruft, however they were made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from baton_template import __version__
from integration.environments import ROOT, Environment, build_wheels, environment, run

IGNORED = shutil.ignore_patterns("__pycache__")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    return run("git", *identity, *arguments, at=folder)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Baton's repository, of which the template is a part, at the release of the wheels."""
    template = tmp_path / "baton.git" / "packages" / "baton-template"
    source = ROOT / "packages" / "baton-template"
    for part in ("cookiecutter.json", "baton_template_extensions.py"):
        (template / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / part, template / part)
    for part in ("hooks", "src", "{{cookiecutter.project_slug}}"):
        shutil.copytree(source / part, template / part, ignore=IGNORED)
    folder = template.parents[1]
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "A release")
    git(folder, "tag", f"baton-template-v{__version__}")
    return folder


@pytest.fixture
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment with Baton from its wheels, and cruft."""
    made = environment(tmp_path, "venv")
    made.install("cruft", *build_wheels(tmp_path / "dist", "baton-core", "baton-template"))
    monkeypatch.setenv("HOME", str(tmp_path))  # cookiecutter keeps there what it was given
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # and runs the template in its own folder
    return made


@pytest.mark.timeout(300)
def test_cruft_follows_the_template(author: Environment, repository: Path, tmp_path: Path) -> None:
    """A project that was made from a checkout, from a URL, or from a wheel, gets what is new."""
    url = f"file://{repository}"
    for output, *where in (
        ["checkout", "baton.git/packages/baton-template"],
        ["url", f"git+{url}", "--directory", "packages/baton-template"],
    ):
        arguments = ("--no-input", "-o", output, *where, "name=Follower")
        author.run("cookiecutter", *arguments, at=tmp_path)
    author.run("baton", "new", "Follower", "--no-input", "-o", "wheel", at=tmp_path)
    ignored = repository / "packages/baton-template/{{cookiecutter.project_slug}}/.gitignore"
    ignored.write_text(ignored.read_text() + "*.new\n")
    git(repository, "commit", "-q", "-a", "-m", "Something new")
    for way, more in (("checkout", ()), ("url", ()), ("wheel", ("--template-path", url))):
        project = tmp_path / way / "baton-follower"
        git(project, "init", "-q")
        git(project, "add", "-A")
        git(project, "commit", "-q", "-m", "Made")
        author.run("cruft", "update", "-y", *more, at=project)
        assert (project / ".gitignore").read_text().endswith("*.new\n")
        changed = git(project, "status", "--short").split()[1::2]
        assert sorted(changed) == [".cruft.json", ".gitignore"]
