"""The whole examination: which checks there are, in which order, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from baton.doctor import Finding, Request, Status, examine
from baton.doctor.broker import CHECKS
from baton.transports.memory import memory_broker

Install = Callable[..., None]

TWO = """\
from baton.extension import Extension
disk = Extension("baton-disk", service="baton.service:Service")
idle = Extension("baton-idle")
"""


@pytest.fixture
def two(install: Install) -> None:
    """Two extensions: one has no service."""
    install("two", TWO, {"baton.extensions": {"disk": "two:disk", "idle": "two:idle"}})


async def examined(*names: str, **request: object) -> list[Finding]:
    return [each async for each in examine(Request(names, **request))]  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_FQDN", "web01.example.org")


@pytest.mark.usefixtures("two")
async def test_all_is_well(memory_url: str) -> None:
    findings = await examined("disk", url=memory_url)
    assert [each.name for each in findings] == [
        "configuration",
        "spelling",
        "password",
        "this server",
        "extension",
        "address",
        *CHECKS,
        "clock",
    ]
    assert {each.status for each in findings} == {Status.OK, Status.SKIPPED}
    skipped = [each.name for each in findings if each.status is Status.SKIPPED]
    assert skipped == ["password", "address", "clock"]


@pytest.mark.usefixtures("two")
async def test_each_has_its_own_file_by_default(memory_url: str) -> None:
    findings = await examined("disk", "idle", url=memory_url)
    owners = [each.extension for each in findings if each.name == "configuration"]
    assert owners == ["baton-disk", "baton-idle"]
    assert len([each for each in findings if each.name == "address"]) == 1


@pytest.mark.usefixtures("two")
async def test_a_file_that_is_named_is_everybody_s(memory_url: str, tmp_path: Path) -> None:
    file = tmp_path / "baton.cfg"
    file.write_text(f"RABBIT_URL: {memory_url}")
    findings = await examined("disk", "idle", path=file)
    owners = [each.extension for each in findings if each.name == "configuration"]
    assert owners == [None]
    ran = {each.extension for each in findings if each.name in CHECKS and each.status is Status.OK}
    assert ran == {"baton-disk"}
    reasons = {each.found for each in findings if each.extension == "baton-idle"}
    assert "it has no service" in reasons


@pytest.mark.usefixtures("two")
async def test_a_wrong_configuration_ends_in_one_failure(tmp_path: Path) -> None:
    file = tmp_path / "baton.cfg"
    file.write_text("PREFETCH: many")
    findings = await examined("disk", path=file)
    assert [each.name for each in findings if each.status is Status.FAILED] == ["configuration"]
    skipped = [each for each in findings if each.status is Status.SKIPPED]
    assert [each.name for each in skipped] == ["this server", "address", *CHECKS, "clock"]
    assert {each.found for each in skipped} == {'"configuration" failed'}


async def test_an_extension_that_is_not_here(memory_url: str) -> None:
    findings = await examined("nosuch", url=memory_url)
    (failed,) = [each for each in findings if each.status is Status.FAILED]
    assert (failed.name, failed.extension) == ("extension", "nosuch")
    reasons = {each.found for each in findings if each.name in CHECKS}
    assert reasons == {'"extension" failed'}


async def test_no_extension_is_here(memory_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    findings = await examined(url=memory_url)
    (failed,) = [each for each in findings if each.status is Status.FAILED]
    assert (failed.name, failed.remedy) == ("extension", "pip install baton-ping")
    assert not {each.name for each in findings} & set(CHECKS)


async def test_facts_that_cannot_be_read(memory_url: str, tmp_path: Path) -> None:
    file = tmp_path / "baton.cfg"
    file.write_text(f"RABBIT_URL: {memory_url}\nFACTS: {tmp_path / 'gone.json'}")
    findings = await examined("ping", path=file)
    (failed,) = [each for each in findings if each.status is Status.FAILED]
    assert failed.name == "this server"
    assert {each.status for each in findings if each.name in CHECKS} == {Status.OK}


@pytest.mark.usefixtures("two")
async def test_a_broker_that_no_host_lets_in(tmp_path: Path) -> None:
    findings = await examined("disk", url="amqp://127.0.0.1:1,127.0.0.1:2")
    failed = [each.host for each in findings if each.status is Status.FAILED]
    assert failed == ["127.0.0.1:1", "127.0.0.1:2"]
    reasons = {each.found for each in findings if each.name in (*CHECKS, "clock")}
    assert reasons == {"no host lets this server in"}


@pytest.mark.usefixtures("two")
async def test_a_broker_in_memory_that_is_away(memory_url: str) -> None:
    memory_broker(memory_url.removeprefix("memory://")).stop()
    findings = await examined("disk", url=memory_url)
    assert [each.name for each in findings if each.status is Status.FAILED] == ["input exchange"]


async def test_an_import_that_hangs(memory_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hanging(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("baton.doctor.examination.find_candidates", hanging)
    findings = await examined(url=memory_url)
    (failed,) = [each for each in findings if each.status is Status.FAILED]
    assert failed.found.startswith("what is installed was not imported within 5 s")
