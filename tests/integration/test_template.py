"""What authors do: from the wheels of Baton to an extension on a real RabbitMQ, and its release."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest

from baton_template.answers import Answers
from baton_template.naming import LONGEST, names_of
from baton_template.project import planned_files
from brokers.vhost import Vhost
from integration.environments import ROOT, UV, Environment, build, environment
from integration.pages import said, script_of
from integration.running import Process


def used() -> float:
    """The seconds of a processor that commands have taken, however busy the machine is."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.fixture(scope="module", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept from one step to the next, as it is on the machine of an author."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
        patch.setenv("PYTHONDONTWRITEBYTECODE", "")
        yield


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What of Baton an author installs."""
    return build_wheels(tmp_path_factory.mktemp("wheels"), "baton-core", "baton-template")


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory, wheels: list[Path]) -> Environment:
    """An author's environment: Baton from the wheels."""
    made = environment(tmp_path_factory.mktemp("author"), "venv")
    made.install(*wheels)
    return made


@pytest.fixture
def in_background() -> Iterator[ThreadPoolExecutor]:
    """What takes long, and need not be waited for at once."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.mark.timeout(300)
def test_the_whole_path(
    author: Environment,
    wheels: list[Path],
    vhost: Vhost,
    in_background: ThreadPoolExecutor,
    tmp_path: Path,
) -> None:
    began = used()
    planned = author.run("baton", "new", "My Deploy", "--list").splitlines()
    assert planned == [f"baton-my-deploy/{path}" for path in planned_files(Answers("My Deploy"))]
    author.run("baton", "new", "My Deploy", "--no-input")
    project = author.work / "baton-my-deploy"
    made = [f"{project.name}/{path.relative_to(project)}" for path in project.rglob("*")]
    assert sorted(path for path in made if (author.work / path).is_file()) == planned
    author.install("-e", ".[dev]", at=project.name)
    assert re.search(
        r"^my-deploy +baton-my-deploy 0.1.0 +Tells how much a folder holds\.$",
        author.run("baton", "extensions"),
        re.MULTILINE,
    )
    assert " passed" in author.run("python", "-m", "pytest", "-q", at=project.name)
    assert used() - began < 60
    checking = in_background.submit(author.run, "mypy", at=project.name)
    author.run("ruff", "check", ".", at=project.name)
    author.run("ruff", "format", "--check", ".", at=project.name)
    said = author.run(
        *("python", "-m", "pytest", "-q", "-m", "integration", "--baton-broker", vhost.url),
        at=project.name,
    )
    assert "3 passed" in said

    doctor = author.run("baton", "doctor", "my-deploy", "--url", vhost.url, at=project.name)
    assert "it is found as my-deploy" in doctor
    assert "its service starts" in doctor
    server = environment(tmp_path, "server")
    server.install(wheels[0])
    checking.result()
    author.run("baton", "add", "consumer", "restart", at=project.name)
    talks_to_servers(author, vhost, tmp_path)

    build(project, tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    assert "baton_my_deploy/py.typed" in ZipFile(wheel).namelist()
    with tarfile.open(sdist) as archive:
        assert "baton_my_deploy-0.1.0/tests/test_service.py" in archive.getnames()
    server.install(wheel)
    assert "baton-my-deploy 0.1.0" in server.run("baton", "extensions")
    for program in ("baton-my-deploy", "baton-my-deploy-monitor"):
        assert f"Usage: {program} " in server.run(program, "--help")
    assert str(server.folder) in server.run(
        "python", "-c", "import baton_my_deploy; print(baton_my_deploy.__file__)"
    )


@pytest.mark.timeout(300)
def test_awkward_names_side_by_side(author: Environment) -> None:
    """Extensions whose names are odd are in one environment, and none is in another's way."""
    projects = [names_of(each).slug for each in ("Test-Lab", "match", "é" * LONGEST)]
    for each in projects:
        author.run("baton", "new", each, "--no-input")
    author.install("-e", f"./{projects[0]}[dev]", *(f"-e./{each}" for each in projects[1:]))
    found = {line.split()[1] for line in author.run("baton", "extensions").splitlines()}
    assert found >= set(projects)

    def tests(project: str) -> str:
        return author.run("python", "-m", "pytest", "-q", at=project)

    with ThreadPoolExecutor(2) as pool:
        for said in pool.map(tests, projects):
            assert re.search(r"^\d\d passed, 3 deselected in ", said, re.MULTILINE), said


def program_of(page: Path) -> str:
    """The Python that *page* shows."""
    (found,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def talks_to_servers(author: Environment, vhost: Vhost, folder: Path) -> None:
    """The service answers the API and the commands, and the monitor prints it."""
    (folder / "holds").mkdir()
    (folder / "holds" / "seven").write_text("7 bytes")
    holds = str(folder / "holds")
    url = ("--url", vhost.url)
    names = {"BATON_FQDN": "web01.example.org", "BATON_ENVIRONMENT": "production"}
    monitor = Process([author.path("baton-my-deploy-monitor"), *url], {})
    service = Process([author.path("baton-my-deploy"), *url], names)
    try:
        monitor.wait_for("ready")
        service.wait_for("is ready")
        program = program_of(author.work / "baton-my-deploy" / "README.md").replace("/etc", holds)
        program = program.replace("production", "web01.example.org")  # is done as soon as that is
        there = author.run("python", "-c", program, BATON_RABBIT_URL=vhost.url)
        assert there == "web01.example.org 7\n"
        monitor.wait_for(f"web01.example.org {holds}: 1 file, 7 bytes")
        said = author.run("baton", "my-deploy", "web01.example.org", holds, *url)
        progress, answer, *_ = said.splitlines()
        assert re.fullmatch(rf"web01\.example\.org +[\d.]+ ms  measuring {holds}", progress)
        assert re.fullmatch(r"web01\.example\.org +[\d.]+ ms  1 file, 7 bytes", answer)
        done = author.run("baton", "my-deploy", "--all", holds, "--expect", "1", "--names", *url)
        assert done == "web01.example.org\n"
        refused = author.run("baton", "my-deploy", "web01.example.org", "etc", *url, code=2)
        assert "path should be absolute" in refused
        missing = author.run("baton", "my-deploy", "web01.example.org", "/no/such", *url, code=1)
        assert "error: There is no folder /no/such on web01.example.org" in missing
        monitor.wait_for("There is no folder /no/such")
        restart = ("restart.web01.example.org", '{"type": "restart"}')
        said = author.run("baton", "send", "my-deploy", *restart, "--wait", "--expect", "1", *url)
        assert "1 of 1 server answered" in said
        monitor.wait_for("restart is done on web01.example.org")
    finally:
        service.end()
        monitor.end()


@pytest.mark.timeout(300)
def test_the_tutorial_line_by_line(wheels: list[Path], vhost: Vhost, tmp_path: Path) -> None:
    script, steps = script_of(ROOT / "docs" / "tutorial.md")
    script = script.replace("amqp://localhost", vhost.url)
    if UV:
        script = f'pip() {{ {UV} pip "$@"; }}\n' + script.replace(
            "python3 -m venv", f"{UV} venv -q -p {sys.executable}"
        )
    where = {"PIP_FIND_LINKS": str(wheels[0].parent), "UV_FIND_LINKS": str(wheels[0].parent)}
    ran = subprocess.run(
        ["bash"],
        input=script,
        cwd=tmp_path,
        env=os.environ | where | {"TMPDIR": str(tmp_path), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=250,
    )
    printed = said(ran.stdout)
    for step, text in zip(steps, printed, strict=False):
        assert step.pattern.fullmatch(text), f"$ {step.command}\n{text}"
    assert len(printed) == len(steps) + 1, ran.stdout
