"""Making a project."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from baton import Configuration
from baton_template.answers import LICENSES, Answers
from baton_template.naming import Refused, names_of
from baton_template.project import make_project, planned_files, template_root

AWKWARD = json.loads(Path(__file__).with_name("awkward.json").read_text())
ACCEPTED: dict[str, str] = AWKWARD["accepted"]

PING = Path(__file__).parents[2] / "baton-ping"

FILES = {
    ".cruft.json",
    ".dockerignore",
    ".github/workflows/ci.yml",
    ".github/workflows/publish.yml",
    ".gitignore",
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "compose.yaml",
    "deploy/baton-my-deploy.cfg",
    "deploy/baton-my-deploy.service",
    "pyproject.toml",
    "src/baton_my_deploy/__init__.py",
    "src/baton_my_deploy/api.py",
    "src/baton_my_deploy/command.py",
    "src/baton_my_deploy/consumer.py",
    "src/baton_my_deploy/executable.py",
    "src/baton_my_deploy/extension.py",
    "src/baton_my_deploy/messages.py",
    "src/baton_my_deploy/monitor.py",
    "src/baton_my_deploy/py.typed",
    "src/baton_my_deploy/service.py",
    "src/baton_my_deploy/text.py",
    "tests/conftest.py",
    "tests/integration/test_rabbitmq.py",
    "tests/test_api.py",
    "tests/test_command.py",
    "tests/test_consumer.py",
    "tests/test_executable.py",
    "tests/test_extension.py",
    "tests/test_messages.py",
    "tests/test_monitor.py",
    "tests/test_service.py",
    "tests/test_text.py",
}

ASK_EACH = """\
import importlib, sys
from baton.testing import Bench, fresh_configuration

FOLDER = importlib.__path__[0]
for slug, package, prefix in (line.split() for line in sys.stdin):
    service = getattr(importlib.import_module(f"{package}.service"), f"{prefix}Service")
    extension = importlib.import_module(f"{package}.extension").extension
    assert extension.load("service") is service
    assert extension.load("api").extension == extension.load("monitor").extension == slug
    with fresh_configuration() as configuration, Bench(configuration) as bench:
        bench.service(service, "web01.example.org")
        replies = bench.client.ask({"type": "measure", "path": FOLDER}, "web01.example.org")
        print(slug, [reply.message.type for reply in replies])
"""

QUIET = ["-q", "-p", "no:asyncio", "-p", "no:cacheprovider"]
"""Of a pytest that finds the plugins of Baton's own tests, too."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project that was made."""
    return make_project(Answers("My Deploy"), tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a project for each awkward name that is one."""
    parent = tmp_path_factory.mktemp("awkward")
    for slug in set(ACCEPTED.values()):
        make_project(Answers(slug, summary="s" * 80, author="a" * 80), parent)
    return parent


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def bases(folder: Path) -> dict[str, list[list[str]]]:
    """The base classes of each class in each module of *folder*, in order, without its own name."""
    found: dict[str, list[list[str]]] = {}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                found.setdefault(path.name, []).append([ast.unparse(base) for base in node.bases])
    return found


def test_what_is_made_is_exactly_this(project: Path) -> None:
    assert project.name == "baton-my-deploy"
    assert files(project) == FILES


def test_what_is_planned_is_what_is_made() -> None:
    assert planned_files(Answers("My Deploy")) == sorted(FILES)


def test_nothing_of_the_template_is_left_behind(projects: Path) -> None:
    for path in projects.rglob("*"):
        text = path.name + (path.read_text() if path.is_file() else "")
        assert (
            "cookiecutter." not in text.replace('"_extensions"', "") or path.name == ".cruft.json"
        )
        assert "{%" not in text
        assert "{{" not in text.replace("${{ matrix.python }}", "")


def test_every_text_ends_with_one_newline(project: Path) -> None:
    for path in project.rglob("*"):
        if path.is_file() and path.stat().st_size:
            text = path.read_text()
            assert text.endswith("\n"), path
            assert not text.endswith("\n\n"), path
            assert not re.search(r"[ \t]$", text, re.MULTILINE), path


def test_it_has_the_shape_of_baton_ping(project: Path) -> None:
    source, ping = project / "src" / "baton_my_deploy", PING / "src" / "baton_ping"
    assert files(source) - {"messages.py"} == {
        name for name in files(ping) if "__pycache__" not in name
    }
    ours = bases(source)
    assert ours.pop("messages.py") == [[], []]  # dataclasses; baton-ping has one word for each
    assert ours == bases(ping)
    tests = {path.name for path in (PING / "tests").glob("*.py")}
    assert {path.name for path in (project / "tests").glob("*.py")} - {"test_messages.py"} == tests
    common = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"}
    assert common <= {path.name for path in PING.iterdir()}
    assert common <= files(project)


def test_it_registers_as_baton_ping_does(project: Path) -> None:
    ours = tomllib.loads((project / "pyproject.toml").read_text())
    theirs = tomllib.loads((PING / "pyproject.toml").read_text())
    assert ours["build-system"] == theirs["build-system"]
    assert ours["project"]["dynamic"] == theirs["project"]["dynamic"]
    assert set(ours["project"]["entry-points"]) == set(theirs["project"]["entry-points"])
    assert set(theirs["project"]["dependencies"]) <= set(ours["project"]["dependencies"])
    assert ours["project"]["scripts"] == {
        "baton-my-deploy": "baton_my_deploy.executable:main",
        "baton-my-deploy-monitor": "baton_my_deploy.executable:monitor",
    }


def test_each_awkward_name_gives_tidy_code(projects: Path) -> None:
    for arguments in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", str(projects)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_awkward_name_gives_a_service_that_answers(projects: Path) -> None:
    names = [names_of(folder.name) for folder in sorted(projects.iterdir())]
    sources = [str(projects / each.slug / "src") for each in names]
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASK_EACH],
        input="\n".join(f"{each.slug} {each.package} {each.prefix}" for each in names),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"{each.slug} ['info', 'measured']" for each in names]


def test_its_tests_are_found_and_its_classes_are_not_taken_for_tests(projects: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", *QUIET],
        cwd=projects / "baton-test",
        env={**os.environ, "PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "58/61 tests collected (3 deselected)" in ran.stdout


def test_the_configuration_that_it_brings(project: Path) -> None:
    path = project / "deploy" / "baton-my-deploy.cfg"
    configuration = Configuration.load(path, extension="baton-my-deploy")
    assert (configuration.rabbit_user, str(configuration.rabbit_host[0].host)) == (
        "baton",
        "localhost",
    )
    optional = re.findall(r"^# ([A-Z_]+):", path.read_text(), re.MULTILINE)
    assert {key.lower() for key in optional} <= set(Configuration.model_fields)


def test_its_yaml_is_what_docker_and_github_take(project: Path) -> None:
    compose = yaml.safe_load((project / "compose.yaml").read_text())
    assert set(compose["services"]) == {"rabbitmq", "web01", "monitor"}
    user = compose["services"]["rabbitmq"]["environment"]["RABBITMQ_DEFAULT_USER"]
    assert user != "guest"
    assert f"amqp://{user}:" in compose["services"]["web01"]["environment"]["BATON_RABBIT_URL"]
    workflows = sorted((project / ".github" / "workflows").glob("*.yml"))
    for kind, paths in (
        ("compose-spec", [project / "compose.yaml"]),
        ("github-workflows", workflows),
    ):
        check = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.{kind}"]
        ran = subprocess.run(
            [sys.executable, *check, *map(str, paths)], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("license_name", LICENSES)
def test_each_license(tmp_path: Path, license_name: str) -> None:
    folder = make_project(Answers("demo", license=license_name, author="Ada"), tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    text = (folder / "LICENSE").read_text()
    private = license_name == "Proprietary"
    assert project["license"] == ("LicenseRef-Proprietary" if private else license_name)
    assert ("Private :: Do Not Upload" in project["classifiers"]) == private
    assert text[0] not in "\n{"
    words = {
        "MIT": "MIT License",
        "BSD-3-Clause": "BSD 3-Clause License",
        "Apache-2.0": "Version 2.0, January 2004",
        "Proprietary": "All rights reserved",
    }
    assert words[license_name] in text
    assert sum(each in text for each in words.values()) == 1


def test_with_and_without_an_address(tmp_path: Path) -> None:
    one = make_project(Answers("one", author="Łukasz O'Brien"), tmp_path)
    two = make_project(Answers("two", author="Ada", email="ada@example.org"), tmp_path)
    authors = [
        tomllib.loads((each / "pyproject.toml").read_text())["project"]["authors"]
        for each in (one, two)
    ]
    assert authors == [
        [{"name": "Łukasz O'Brien"}],
        [{"name": "Ada", "email": "ada@example.org"}],
    ]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_exists_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    existing = tmp_path / "baton-demo"
    match kind:
        case "folder":
            existing.mkdir()
        case "file":
            existing.write_text("mine")
        case _:
            existing.symlink_to("nowhere")
    with pytest.raises(Refused, match="baton-demo exists"):
        make_project(Answers("demo"), tmp_path)
    assert files(tmp_path) == ({"baton-demo"} if kind == "file" else set())


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"file.* cannot be written: "):
        make_project(Answers("demo"), tmp_path / "file" / "below")


TOO_LARGE = """\
import resource, signal, sys
from pathlib import Path
from baton_template.answers import Answers
from baton_template.project import make_project

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    make_project(Answers("demo"), Path(sys.argv[1]))
except ValueError as error:
    print(error)
"""


def test_what_was_begun_is_removed(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", TOO_LARGE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout == f"{tmp_path}/baton-demo cannot be written: File too large\n", ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_template_of_a_checkout_stands_beside_the_package() -> None:
    assert template_root() == PING.parent / "baton-template"
