"""What authors do: from the wheels of Baton to an extension on a real RabbitMQ, and its release."""

from __future__ import annotations

import json
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
from baton_template.project import make_project, planned_files
from brokers.vhost import Vhost
from integration.environments import ROOT, UV, Environment, build, build_wheels, environment
from integration.pages import said, script_of
from integration.running import Process

AWKWARD = ROOT / "packages" / "baton-template" / "tests" / "awkward.json"
ACCEPTED: dict[str, str] = json.loads(AWKWARD.read_text())["accepted"]


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
    """Where `baton new` is run: Baton from the wheels."""
    made = environment(tmp_path_factory.mktemp("author"), "venv")
    made.install(*wheels)
    return made


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The environment that the README of a new project has its author make."""
    return environment(tmp_path_factory.mktemp("workshop"), "venv")


@pytest.fixture
def in_background() -> Iterator[ThreadPoolExecutor]:
    """What takes long, and need not be waited for at once."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.mark.timeout(600)
def test_the_whole_path(
    author: Environment,
    workshop: Environment,
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
    workshop.install("-e", ".[dev]", "--find-links", wheels[0].parent, at=project)
    assert re.search(
        r"^my-deploy +baton-my-deploy 0.1.0 +Tells how much a folder holds\.$",
        workshop.run("baton", "extensions"),
        re.MULTILINE,
    )
    assert " passed" in workshop.run("python", "-m", "pytest", "-q", at=project)
    assert used() - began < 60
    checking = in_background.submit(workshop.run, "mypy", at=project)
    workshop.run("ruff", "check", ".", at=project)
    workshop.run("ruff", "format", "--check", ".", at=project)
    said = workshop.run(
        *("python", "-m", "pytest", "-q", "-m", "integration", "--baton-broker", vhost.url),
        at=project,
    )
    assert "3 passed" in said

    doctor = workshop.run("baton", "doctor", "my-deploy", "--url", vhost.url, at=project)
    assert "it is found as my-deploy" in doctor
    assert "its service starts" in doctor
    server = environment(tmp_path, "server")
    server.install(wheels[0])
    checking.result()
    workshop.run("baton", "add", "consumer", "restart", at=project)
    talks_to_servers(workshop, project, vhost, tmp_path)

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


BUILD_EACH = """\
import os, sys
from hatchling.build import build_wheel

for folder in sys.argv[2:]:
    os.chdir(folder)
    build_wheel(sys.argv[1])
"""

ASK_EACH = """\
import importlib, sys
from baton import Configuration
from baton.extension import find_extension

for name in sys.argv[2:]:
    api = find_extension(name).load("api")
    messages = importlib.import_module(api.__module__.removesuffix("api") + "messages")
    with api(Configuration(extension=api.extension, rabbit_url=sys.argv[1])) as each:
        question = messages.Measure(sys.prefix + "/bin").to_message()
        replies = each.collect(question, "web01.example.org")
        print(name, [reply.message.type for reply in replies if reply.is_output])
"""
"""Asks the servers of extensions by the API and the messages of each."""


@pytest.mark.timeout(600)
def test_awkward_names_side_by_side(
    workshop: Environment, wheels: list[Path], vhost: Vhost, tmp_path: Path
) -> None:
    """Each extension with an odd name is made, built and installed from its wheel, beside all
    others; its own tests pass there, on a RabbitMQ, too, and its service answers its API."""
    slugs = sorted(set(ACCEPTED.values()))
    names = {slug: name for name, slug in ACCEPTED.items()}
    projects = [make_project(Answers(names[slug]), tmp_path / "projects") for slug in slugs]
    side = environment(tmp_path, "side-by-side")
    workshop.install("mypy", wheels[0])
    side.install("hatchling", f"{wheels[0]}[daemon,testing]")
    side.run("python", "-c", BUILD_EACH, tmp_path / "dist", *projects)
    side.install(*(tmp_path / "dist").glob("*.whl"))
    listed = [line.split() for line in side.run("baton", "extensions").splitlines()]
    assert [each[1] for each in listed] == slugs

    # One run of all: each alone would take longer to begin than to be done.
    configuration = tmp_path / "projects" / "baton-test" / "pyproject.toml"
    tests = [project / "tests" for project in projects]

    def run_tests(*more: str | Path) -> str:
        root = ("-c", configuration, "--rootdir", tmp_path / "projects")
        return side.run("python", "-m", "pytest", "-q", *root, *more)

    def check_types() -> str:
        sources = os.pathsep.join(str(project / "src") for project in projects)
        packages = [f"--package={slug.replace('-', '_')}" for slug in slugs]
        return workshop.run(
            "mypy", "--config-file", str(configuration), *packages, MYPYPATH=sources
        )

    with ThreadPoolExecutor(2) as pool:
        real = pool.submit(run_tests, "-m", "integration", "--baton-broker", vhost.url, *tests)
        types = pool.submit(check_types)
        # What waits for a broker has deadlines: it is done before the others take the processors.
        assert f"{3 * len(slugs)} passed" in real.result()
        units = [
            pool.submit(run_tests, "-k", "not until_sigterm", *tests[first::2]) for first in (0, 1)
        ]
        for ran in units:
            assert re.search(r"^\d{3} passed, \d+ deselected in ", ran.result(), re.MULTILINE)
        assert types.result().startswith("Success: no issues found")

    server = {"BATON_FQDN": "web01.example.org", "BATON_ENVIRONMENT": "production"}
    services = Process([side.path("baton"), "run", "--url", vhost.url], server)
    try:
        for _ in slugs:
            services.wait_for("is ready")
        short = [each[0] for each in listed]
        said = side.run("python", "-c", ASK_EACH, vhost.url, *short)
        assert said.splitlines() == [f"{each} ['info', 'measured']" for each in short]
    finally:
        services.end()


def program_of(page: Path) -> str:
    """The Python that *page* shows."""
    (found,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def talks_to_servers(workshop: Environment, project: Path, vhost: Vhost, folder: Path) -> None:
    """The service answers the API and the commands, and the monitor prints it."""
    (folder / "holds").mkdir()
    (folder / "holds" / "seven").write_text("7 bytes")
    holds = str(folder / "holds")
    url = ("--url", vhost.url)
    names = {"BATON_FQDN": "web01.example.org", "BATON_ENVIRONMENT": "production"}
    monitor = Process([workshop.path("baton-my-deploy-monitor"), *url], {})
    service = Process([workshop.path("baton-my-deploy"), *url], names)
    try:
        monitor.wait_for("ready")
        service.wait_for("is ready")
        program = program_of(project / "README.md").replace("/etc", holds)
        program = program.replace("production", "web01.example.org")  # is done as soon as that is
        there = workshop.run("python", "-c", program, BATON_RABBIT_URL=vhost.url)
        assert there == "web01.example.org 7\n"
        monitor.wait_for(f"web01.example.org {holds}: 1 file, 7 bytes")
        said = workshop.run("baton", "my-deploy", "web01.example.org", holds, *url)
        progress, answer, *_ = said.splitlines()
        assert re.fullmatch(rf"web01\.example\.org +[\d.]+ ms  measuring {holds}", progress)
        assert re.fullmatch(r"web01\.example\.org +[\d.]+ ms  1 file, 7 bytes", answer)
        done = workshop.run("baton", "my-deploy", "--all", holds, "--expect", "1", "--names", *url)
        assert done == "web01.example.org\n"
        refused = workshop.run("baton", "my-deploy", "web01.example.org", "etc", *url, code=2)
        assert "path should be absolute" in refused
        missing = workshop.run("baton", "my-deploy", "web01.example.org", "/no/such", *url, code=1)
        assert "error: There is no folder /no/such on web01.example.org" in missing
        monitor.wait_for("There is no folder /no/such")
        restart = ("restart.web01.example.org", '{"type": "restart"}')
        said = workshop.run("baton", "send", "my-deploy", *restart, "--wait", "--expect", "1", *url)
        assert "1 of 1 server answered" in said
        monitor.wait_for("restart is done on web01.example.org")
    finally:
        service.end()
        monitor.end()


@pytest.mark.timeout(600)
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
        timeout=500,
    )
    printed = said(ran.stdout)
    for step, text in zip(steps, printed, strict=False):
        assert step.pattern.fullmatch(text), f"$ {step.command}\n{text}"
    assert len(printed) == len(steps) + 1, ran.stdout
