"""What the doctor says of the extensions that are installed, and of this server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from baton import Configuration
from baton.doctor.findings import Status
from baton.doctor.installed import examine_extension, examine_server, find_candidates

Install = Callable[..., None]

DESCRIPTION = """\
from baton.extension import Extension
extension = Extension("baton-disk", service="{service}")
"""


@pytest.fixture
def disk(install: Install) -> Callable[[str], None]:
    """Installs an extension whose service is to be found there."""

    def disk(service: str) -> None:
        entry_points = {"baton.extensions": {"disk": "disk_extension:extension"}}
        install("disk_extension", DESCRIPTION.format(service=service), entry_points)

    return disk


@pytest.mark.parametrize("name", ["disk", "baton-disk"])
async def test_one_that_imports(disk: Callable[[str], None], name: str) -> None:
    disk("baton.service:Service")
    (candidate,) = await find_candidates([name], 5)
    assert candidate.name == "baton-disk"
    finding = await examine_extension(candidate, 5)
    assert finding.status is Status.OK
    assert finding.found == "disk_extension 1.2: description, service can be imported"


async def test_all_that_are_installed(disk: Callable[[str], None]) -> None:
    disk("baton.service:Service")
    assert "baton-disk" in {candidate.name for candidate in await find_candidates([], 5)}


async def test_one_whose_service_does_not_import(disk: Callable[[str], None]) -> None:
    disk("no_such_module:Service")
    (candidate,) = await find_candidates(["disk"], 5)
    assert candidate.extension is not None
    finding = await examine_extension(candidate, 5)
    assert finding.status is Status.FAILED
    assert "No module named 'no_such_module'" in finding.found
    assert finding.remedy == (
        "pip install --force-reinstall disk_extension, or pip uninstall disk_extension"
    )


async def test_one_that_is_developed_here(disk: Callable[[str], None], site: Path) -> None:
    disk("no_such_module:Service")
    direct = '{"url": "file:///home/ada/my%20disks", "dir_info": {"editable": true}}'
    (site / "disk_extension-1.2.dist-info" / "direct_url.json").write_text(direct)
    (candidate,) = await find_candidates(["disk"], 5)
    finding = await examine_extension(candidate, 5)
    assert finding.remedy.startswith("mend it in /home/ada/my disks; ")


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (None, "is broken: baton wipe is no entry point in baton.commands"),
        ("no_such:command", "The command baton wipe, no_such:command, cannot be imported: No mod"),
        ("disk_extension:extension", "description, commands can be imported"),
    ],
)
async def test_its_commands(install: Install, command: str | None, found: str) -> None:
    groups = {"baton.extensions": {"disk": "disk_extension:extension"}}
    if command:
        groups["baton.commands"] = {"wipe": command}
    source = "import baton\nextension = baton.Extension('baton-disk', commands=('wipe',))"
    install("disk_extension", source, groups)
    (candidate,) = await find_candidates(["disk"], 5)
    finding = await examine_extension(candidate, 5)
    assert found in finding.found
    assert (finding.status is Status.OK) == found.startswith("description")


async def test_one_whose_service_ends_the_process(disk: Callable[[str], None], site: Path) -> None:
    (site / "leaving.py").write_text("raise SystemExit('bye')")
    disk("leaving:Service")
    (candidate,) = await find_candidates(["disk"], 5)
    finding = await examine_extension(candidate, 5)
    assert finding.status is Status.FAILED
    assert "the service, leaving:Service, ends the process: bye" in finding.found


async def test_one_whose_import_hangs(disk: Callable[[str], None], site: Path) -> None:
    (site / "hanging.py").write_text("import threading; threading.Event().wait(30)")
    disk("hanging:Service")
    (candidate,) = await find_candidates(["disk"], 5)
    finding = await examine_extension(candidate, 0.05)
    assert finding.status is Status.FAILED
    assert "was not imported within 0.05 s" in finding.found


@pytest.mark.parametrize("name", ["bad", "baton-bad"])
async def test_one_whose_description_does_not_import(install: Install, name: str) -> None:
    install("bad_extension", "1 / 0", {"baton.extensions": {"bad": "bad_extension:extension"}})
    (candidate,) = await find_candidates([name], 5)
    assert candidate.extension is None
    finding = await examine_extension(candidate, 5)
    assert finding.status is Status.FAILED
    assert "bad_extension 1.2 is broken: bad_extension:extension: division" in finding.found
    assert "pip uninstall bad_extension" in finding.remedy


async def test_one_that_is_not_installed() -> None:
    (candidate,) = await find_candidates(["baton-nosuch"], 5)
    finding = await examine_extension(candidate, 5)
    assert (finding.status, finding.found) == (Status.FAILED, "it is not installed")
    assert finding.remedy == "pip install baton-nosuch"


async def test_this_server(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text("{}")
    configuration = Configuration(
        fqdn="web01.example.org", environment="production", app_names="shop,blog", facts=str(facts)
    )
    server, finding = await examine_server(configuration, None, 5)
    assert server is not None
    assert server.fqdn == "web01.example.org"
    assert finding.status is Status.OK
    assert finding.found == (
        f"web01.example.org, environment production, applications shop, blog, facts from {facts}"
    )


@pytest.mark.parametrize("name", ["web01", "localhost", "localhost.localdomain"])
async def test_a_name_that_is_not_fully_qualified(name: str) -> None:
    _, finding = await examine_server(Configuration(fqdn=name), "baton-ping", 5)
    assert (finding.status, finding.extension) == (Status.WARNING, "baton-ping")
    assert "is no fully qualified name" in finding.found
    assert finding.remedy.startswith("set FQDN")


async def test_facts_that_cannot_be_read(tmp_path: Path) -> None:
    server, finding = await examine_server(Configuration(facts=str(tmp_path / "no.json")), None, 5)
    assert (server, finding.status) == (None, Status.FAILED)
    assert "no.json cannot be read" in finding.found
    assert finding.remedy.startswith("mend that file, or remove it from FACTS; ")


async def test_a_fact_that_is_no_name(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text(f'{{"fqdn": "{"x" * 161}"}}')
    server, finding = await examine_server(Configuration(facts=str(file)), None, 5)
    assert (server, finding.status) == (None, Status.FAILED)
    assert f'{file}: fqdn "xxx' in finding.found
    assert finding.remedy.endswith("; FQDN, ENVIRONMENT and APP_NAMES win over it")


async def test_a_name_server_that_does_not_answer() -> None:
    server, finding = await examine_server(Configuration(), None, 0)
    assert (server, finding.status) == (None, Status.FAILED)
    assert "set FQDN" in finding.remedy
