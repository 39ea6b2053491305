"""What the doctor says to an author: whether the extension in this folder is found, and starts."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from baton.doctor import Finding, Request, Status, examine
from baton.doctor.project import Project, examine_project, find_project

PYPROJECT = """\
[project]
name = "baton-{short}"
[project.entry-points."baton.extensions"]
{short} = "{value}"
"""

MODULE = """\
from baton import Consumer, Extension, Service

class Disks(Consumer):
    def process_message(self, message): ...

class DiskService(Service):
    extension = "baton-disk"
    def setup_consumers(self):
        {setup}

extension = Extension("baton-disk", service="{module}:DiskService")
"""

ADD = 'self.add_consumer(Disks("disks", self.server))'


class Author:
    """Whoever writes an extension, in a folder of their own."""

    def __init__(self, folder: Path, install: Callable[..., None], module: str) -> None:
        self.folder = folder
        self.module = module
        self._install = install

    def writes(self, setup: str = ADD, value: str | None = None) -> None:
        source = self.folder / "src" / self.module
        source.mkdir(parents=True)
        (source / "__init__.py").write_text(MODULE.format(setup=setup, module=self.module))
        value = value or f"{self.module}:extension"
        pyproject = PYPROJECT.format(short="disk", value=value)
        (self.folder / "pyproject.toml").write_text(pyproject)
        sys.path.insert(0, str(self.folder / "src"))
        importlib.invalidate_caches()

    def installs(self, value: str | None = None) -> None:
        value = value or f"{self.module}:extension"
        self._install("baton_disk_metadata", "", {"baton.extensions": {"disk": value}})

    async def asks(self) -> list[Finding]:
        project = find_project(self.folder)
        assert project is not None
        return [each async for each in examine_project(project, None, 5)]


@pytest.fixture
def author(
    tmp_path: Path, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Author]:
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setenv("BATON_FQDN", "web01.example.org")
    author = Author(tmp_path / "project", install, "baton_disk_of_an_author")
    yield author
    sys.modules.pop(author.module, None)


async def test_all_is_well(author: Author) -> None:
    author.writes()
    author.installs()
    found, start = await author.asks()
    assert (found.name, found.status, found.extension) == ("project", Status.OK, "baton-disk")
    source = author.folder / "src" / author.module
    assert found.found == f"it is found as disk, from {source}"
    assert (start.name, start.status) == ("start", Status.OK)
    assert start.found == "its service starts, and listens on disks.development"


async def test_it_is_not_installed(author: Author) -> None:
    author.writes()
    found, start = await author.asks()
    assert found.status is Status.FAILED
    assert found.found == (
        f"pyproject.toml describes disk, which is not installed in {sys.prefix}: "
        "Baton does not find it"
    )
    assert found.remedy.startswith("pip install -e .")
    assert (start.status, start.found) == (Status.SKIPPED, '"project" failed')


async def test_it_was_installed_before_it_was_changed(author: Author) -> None:
    author.writes()
    author.installs("old.extension:extension")
    found, _ = await author.asks()
    assert found.status is Status.FAILED
    assert "but old.extension:extension is installed" in found.found
    assert found.remedy == "pip install -e ."


async def test_another_copy_is_installed(author: Author, site: Path) -> None:
    author.writes()
    author.installs()
    sys.path.remove(str(author.folder / "src"))
    (site / f"{author.module}.py").write_text(MODULE.format(setup=ADD, module=author.module))
    found, _ = await author.asks()
    assert found.status is Status.FAILED
    assert found.found == (f"what is found is another copy, {site}: changes here have no effect")


@pytest.mark.parametrize("value", ["no_such_package:extension", ".x:y", ":"])
async def test_its_entry_point_names_no_package(author: Author, value: str) -> None:
    author.writes(value=value)
    author.installs(value)
    found, _ = await author.asks()
    assert found.status is Status.FAILED
    assert "there is no such package" in found.found


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_name", "cannot be imported: AttributeError: "),
        ("DiskService", "is no baton.Extension but a type"),
    ],
)
async def test_its_entry_point_names_something_else(author: Author, name: str, reason: str) -> None:
    value = f"{author.module}:{name}"
    author.writes(value=value)
    author.installs(value)
    (found,) = await author.asks()
    assert found.status is Status.FAILED
    assert reason in found.found
    assert found.remedy.startswith(f"mend {author.module}, or the line of pyproject.toml")


@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        ("raise ValueError('no colour')", "its service cannot start: ValueError: no colour"),
        ("raise SystemExit(3)", "its service cannot start: it ends the process: SystemExit(3)"),
        ("pass", "its service starts, and listens on nothing"),
    ],
)
async def test_its_service_does_not_start(author: Author, setup: str, reason: str) -> None:
    author.writes(setup)
    author.installs()
    found, start = await author.asks()
    assert found.status is Status.OK
    assert (start.status, start.found) == (Status.FAILED, reason)
    if setup == "pass":
        assert start.remedy.endswith(f"setup_consumers of {author.module}:DiskService")
    else:
        place = f"src/{author.module}/__init__.py, line 9"
        assert start.remedy == f"mend {place}; pytest shows it"


@pytest.mark.parametrize(
    ("source", "reason", "line"),
    [
        ("import json\nimport no_such_module\n", "No module named 'no_such_module'", 2),
        ("class Disks\n", "expected ':'", 1),
        ("class Disks: pass\n", "has no attribute 'DiskService'", None),
    ],
)
async def test_its_service_cannot_be_imported(
    author: Author, source: str, reason: str, line: int | None
) -> None:
    author.writes()
    author.installs()
    folder = author.folder / "src" / author.module
    description = (folder / "__init__.py").read_text()
    service = f"{author.module}.service:DiskService"
    (folder / "__init__.py").write_text(
        description.replace(f"{author.module}:DiskService", service)
    )
    (folder / "service.py").write_text(source)
    _, start = await author.asks()
    sys.modules.pop(f"{author.module}.service", None)
    assert start.status is Status.FAILED
    assert reason in start.found
    place = f"src/{author.module}/service.py, line {line}" if line else service
    assert start.remedy == f"mend {place}; pytest shows it"


async def test_what_is_installed_in_the_folder_is_not_to_be_mended(author: Author) -> None:
    author.writes("import helper_of_an_author; helper_of_an_author.work()")
    author.installs()
    site = author.folder / ".venv" / "site-packages"
    site.mkdir(parents=True)
    (site / "helper_of_an_author.py").write_text("def work(): raise ValueError('no')\n")
    sys.path.insert(0, str(site))
    _, start = await author.asks()
    sys.modules.pop("helper_of_an_author", None)
    assert start.remedy == f"mend src/{author.module}/__init__.py, line 9; pytest shows it"


async def test_a_group_that_is_misspelt(author: Author) -> None:
    author.writes()
    file = author.folder / "pyproject.toml"
    file.write_text(file.read_text().replace("baton.extensions", "baton.extension"))
    (found,) = await author.asks()
    assert (found.status, found.extension) == (Status.FAILED, None)
    assert found.found == (
        "pyproject.toml has entry points in baton.extension, which Baton does not know"
    )
    assert found.remedy == "write baton.extensions or baton.commands there, and pip install -e ."


async def test_its_service_hangs(author: Author) -> None:
    author.writes("import threading; threading.Event().wait(20)")
    author.installs()
    project = find_project(author.folder)
    assert project is not None
    *_, start = [each async for each in examine_project(project, None, 3)]
    assert start.found == "its service was not ready within 3 s"


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"[project",
        b"\xff",
        b"project = 7",
        b'[project.entry-points]\n"x" = {}',
        b'[project.entry-points]\n"baton.extensions" = 7',
        b'[project.entry-points."baton.commands"]\nx = "x:x"',
    ],
)
def test_what_is_no_project(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "pyproject.toml").write_bytes(content)
    assert find_project(tmp_path) is None


def test_a_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.format(short="disk", value="a.b:c"))
    assert find_project(tmp_path) == Project(tmp_path, {"disk": "a.b:c"})


async def test_the_examination_has_it_in_a_project_alone(author: Author, memory_url: str) -> None:
    author.writes()
    author.installs()
    here = Request(["disk"], url=memory_url, folder=author.folder)
    names = [each.name async for each in examine(here)]
    assert names[names.index("extension") + 1 :][:2] == ["project", "start"]
    elsewhere = Request(["disk"], url=memory_url, folder=author.folder / "src")
    assert "project" not in [each.name async for each in examine(elsewhere)]
