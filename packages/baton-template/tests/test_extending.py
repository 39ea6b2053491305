"""Adding to a project that was made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from baton_template.answers import Answers
from baton_template.extending import Project, add_consumer, find_project
from baton_template.naming import Refused, part_names_of
from baton_template.project import make_project

OPTIONS = ["-q", "-p", "no:cacheprovider", "-p", "no:asyncio"]
"""Of a pytest that finds the plugins of Baton's own tests, too."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return find_project(make_project(Answers("My Deploy"), tmp_path))


def contents(project: Project) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}


def test_a_project_is_found(tmp_path: Path) -> None:
    folder = make_project(Answers("My Deploy"), tmp_path)
    project = find_project(folder)
    assert project == Project(folder, "my-deploy", "baton_my_deploy")
    assert project.source == folder / "src" / "baton_my_deploy"


def test_what_is_written(project: Project) -> None:
    before = contents(project)
    paths = add_consumer(project, part_names_of("Restart Web"))
    after = contents(project)
    assert paths == [
        project.source / "restart_web_consumer.py",
        project.folder / "tests" / "test_restart_web_consumer.py",
        project.source / "service.py",
    ]
    assert {path for path in after if after[path] != before.get(path)} == set(paths)
    assert not any(b"{{" in after[path] for path in paths)


def test_what_is_written_works_and_is_tidy(project: Project) -> None:
    for name in ("restart", "disk10", "disk2", "ab" * 15, "a-" * 14 + "bb"):
        add_consumer(project, part_names_of(name))
    for arguments in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."],
            cwd=project.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, "-k", "_consumer"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(project.folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "is not there: it is run in the folder of an extension"),
        ("[project", "cannot be read"),
        ("", "describes no extension"),
        ("project = 7", "describes no extension"),
        ('[project.entry-points."baton.extensions"]', "describes no extension"),
        (
            '[project.entry-points."baton.extensions"]\na = "a.extension:x"\nb = "b.extension:x"',
            "describes no extension",
        ),
        (
            '[project.entry-points."baton.extensions"]\na = "baton_a.extension:x"',
            "src/baton_a/service.py is not there",
        ),
    ],
)
def test_what_is_no_project(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(Refused, match=reason):
        find_project(tmp_path)


def test_what_exists_is_not_overwritten(project: Project) -> None:
    add_consumer(project, part_names_of("restart"))
    before = contents(project)
    with pytest.raises(Refused, match=r"restart_consumer\.py exists"):
        add_consumer(project, part_names_of("restart"))
    with pytest.raises(Refused, match="MyDeployConsumer is there already"):
        add_consumer(project, part_names_of("my-deploy"))
    (project.folder / "tests" / "test_stop_consumer.py").symlink_to("nowhere")
    with pytest.raises(Refused, match=r"test_stop_consumer\.py exists"):
        add_consumer(project, part_names_of("stop"))
    assert contents(project) == before


def test_a_service_of_another_shape_is_not_touched(project: Project) -> None:
    service = project.source / "service.py"
    service.write_text("from baton import Service\n")
    before = contents(project)
    with pytest.raises(Refused, match=r"service\.py: there is no class with a method"):
        add_consumer(project, part_names_of("restart"))
    service.write_bytes(b"\xff")
    with pytest.raises(Refused, match=r"service\.py cannot be read"):
        add_consumer(project, part_names_of("restart"))
    service.write_bytes(before[service])
    assert contents(project) == before


def test_what_cannot_be_written_leaves_nothing_behind(project: Project) -> None:
    tests = project.folder / "tests"
    tests.rename(project.folder / "kept")
    tests.write_text("no folder")
    before = contents(project)
    with pytest.raises(Refused, match="cannot be written"):
        add_consumer(project, part_names_of("restart"))
    assert contents(project) == before
