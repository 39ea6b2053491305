"""Facts: those that are built in, those of files, and where each came from."""

from __future__ import annotations

import json
import logging
import os
import platform
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from baton import __version__
from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.facts import Facts, built_in_facts, own_name, read_facts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of fact files."""
    folder = tmp_path / "facts.d"
    folder.mkdir()
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often the resolver was asked. It calls this server web01.example.org."""
    asked: list[str] = []

    def getfqdn() -> str:
        asked.append("getfqdn")
        return "web01.example.org"

    monkeypatch.setattr(socket, "getfqdn", getfqdn)
    return asked


def gather(*paths: Path, **settings: Any) -> Facts:
    return Facts.gather(Configuration(facts=tuple(map(str, paths)), **settings))


def write(path: Path, **facts: Any) -> Path:
    path.write_text(json.dumps(facts))
    return path


# Built-in facts


def test_built_in_facts() -> None:
    facts = built_in_facts()
    assert facts["hostname"] == socket.gethostname()
    assert facts["kernel"] == f"{platform.system()} {platform.release()}"
    assert facts["machine"] == platform.machine()
    assert facts["python"] == platform.python_version()
    assert facts["baton"] == __version__
    assert facts["cpus"] >= 1
    assert facts["memory"] > 1024 * 1024
    assert facts["platform"]
    assert facts["timezone"]
    assert json.loads(json.dumps(facts)) == facts == built_in_facts()


@pytest.mark.skipif(platform.system() != "Linux", reason="as Linux tells it")
def test_what_linux_tells() -> None:
    facts = built_in_facts()
    assert facts["boot_time"] > 0
    assert facts["memory"] == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    release = {"ID": "rocky", "ID_LIKE": "rhel centos fedora", "VERSION_ID": "9.4"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    facts = built_in_facts()
    assert facts["platform"] == "rocky"
    assert facts["platform_family"] == "rhel"
    assert facts["platform_version"] == "9.4"


def test_a_platform_that_is_like_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """And that has no versions, as Arch Linux."""
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "arch"})
    facts = built_in_facts()
    assert facts["platform_family"] == "arch"
    assert facts["platform_version"] is None


@pytest.mark.parametrize(
    ("link", "zone"), [("/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"), ("/etc/x", "CET")]
)
def test_the_time_zone(monkeypatch: pytest.MonkeyPatch, link: str, zone: str) -> None:
    monkeypatch.setattr(Path, "readlink", lambda _: Path(link))
    monkeypatch.setattr("time.tzname", ("CET", "CEST"))
    assert built_in_facts()["timezone"] == zone


@pytest.mark.parametrize(
    ("files", "container"),
    [
        ({"/run/systemd/container": "lxc\n", "/.dockerenv": ""}, "lxc"),
        ({"/.dockerenv": ""}, "docker"),
        ({"/run/.containerenv": ""}, "podman"),
        ({}, None),
    ],
)
def test_the_container(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, str], container: str | None
) -> None:
    def read_text(path: Path, encoding: str) -> str:
        if str(path) not in files:
            raise FileNotFoundError
        return files[str(path)]

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in files)
    assert built_in_facts()["container"] == container


def test_what_the_firmware_says(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"sys_vendor": "QEMU\n", "product_name": "  \n"}
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: texts[path.name])
    facts = built_in_facts()
    assert facts["vendor"] == "QEMU"
    assert facts["product"] is None


def _unknown(*_: object, **__: object) -> NoReturn:
    raise OSError


def test_a_system_that_tells_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS or FreeBSD: the facts are the same ones, and those that are not told are None."""
    told = built_in_facts()
    monkeypatch.setattr(platform, "freedesktop_os_release", _unknown)
    monkeypatch.setattr(os, "sysconf", _unknown)
    monkeypatch.setattr(socket.socket, "connect", _unknown)
    for name in ("read_text", "readlink"):
        monkeypatch.setattr(Path, name, _unknown)
    facts = built_in_facts()
    assert list(facts) == list(told)
    assert facts["platform"] == platform.system().lower()
    unknown = ("platform_family", "platform_version", "memory", "boot_time", "vendor", "product")
    assert {facts[name] for name in (*unknown, "ipaddress", "ip6address")} == {None}


# The name


def test_the_name_is_the_resolvers(asked: list[str]) -> None:
    assert own_name() == "web01.example.org"
    assert gather().values["fqdn"] == "web01.example.org"
    assert len(asked) == 2


@pytest.mark.parametrize("name", ["localhost", "localhost.localdomain", "localhost4.localdomain4"])
def test_a_server_is_never_called_localhost(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: name)
    assert own_name() == socket.gethostname()


def test_a_name_that_is_none_for_the_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    def getfqdn() -> NoReturn:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(socket, "getfqdn", getfqdn)
    assert own_name() == socket.gethostname()


@pytest.fixture
def silent_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resolver that answers when the test is over."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getfqdn", lambda: str(over.wait(30)))
    yield
    over.set()
    for thread in threading.enumerate():
        if thread.name == "resolver":
            thread.join(5)


@pytest.mark.usefixtures("silent_resolver")
def test_a_resolver_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    name = socket.gethostname()
    assert own_name(deadline=0.01) == name
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"The resolver does not answer within 0.01 s: this server is called {name}. "
        "The setting FQDN gives it another name."
    )


@pytest.mark.parametrize("settings", [{"fqdn": "db01"}, {}])
def test_a_name_that_is_known_is_not_asked_for(
    asked: list[str], tmp_path: Path, settings: dict[str, str]
) -> None:
    path = write(tmp_path / "a.json", fqdn="db02")
    assert gather(path, **settings).values["fqdn"] == "db02", "a fact stays a fact"
    assert gather(fqdn="db01").values["fqdn"] == "db01"
    assert asked == []


# Where each came from


def test_the_sources(asked: list[str], tmp_path: Path) -> None:
    first = write(tmp_path / "a.json", colour="red", kernel="a kernel")
    second = write(tmp_path / "b.json", colour="blue")
    facts = gather(first, second)
    assert set(facts.values) == set(facts.sources)
    assert facts.values["colour"] == "blue"
    assert facts.sources["colour"] == str(second)
    assert facts.sources["kernel"] == str(first)
    assert facts.sources["machine"] == facts.sources["fqdn"] == "built-in"


def test_the_source_of_a_name_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gather(fqdn="web01").sources["fqdn"] == "FQDN"
    monkeypatch.setenv("BATON_FQDN", "web01")
    assert Facts.gather(Configuration.load()).sources["fqdn"] == "environment BATON_FQDN"


# Files and folders of them


def test_files_are_merged_by_the_names_at_the_top(tmp_path: Path) -> None:
    first = write(tmp_path / "a.json", disk={"size": 1, "free": 2}, colour="red")
    second = write(tmp_path / "b.json", disk={"size": 3})
    assert read_facts([first, second]).values == {"disk": {"size": 3}, "colour": "red"}


def test_a_folder_in_the_order_of_names(folder: Path) -> None:
    write(folder / "20-b.json", colour="blue", last="20-b.json")
    write(folder / "10-a.yaml", colour="red", first="10-a.yaml")
    (folder / "30-c.yml").write_text("last: 30-c.yml\n")
    facts = read_facts([folder])
    assert facts.values == {"colour": "blue", "first": "10-a.yaml", "last": "30-c.yml"}
    assert facts.sources["colour"] == str(folder / "20-b.json")


def test_what_in_a_folder_is_no_fact_file(folder: Path) -> None:
    for name in (".hidden.json", "a.json~", "a.json.dpkg-old", "b.txt", "c", ".json"):
        (folder / name).write_text("broken: [")
    (folder / "more.json").mkdir()
    write(folder / "more.json" / "d.json", colour="red")
    assert read_facts([folder]).values == {}


def test_a_folder_among_files(folder: Path, tmp_path: Path) -> None:
    write(folder / "a.json", colour="red", shape="round")
    after = write(tmp_path / "after.json", colour="blue")
    assert read_facts([folder, after]).values == {"colour": "blue", "shape": "round"}
    assert read_facts([after, folder]).values == {"colour": "red", "shape": "round"}


@pytest.mark.parametrize("name", ["facts.json", "facts.d"])
def test_what_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        gather(tmp_path / name)
    assert str(caught.value) == (
        f"FACTS: {tmp_path / name} cannot be read: No such file or directory"
    )


def _break(path: Path) -> None:
    path.write_text("a: [")


def _link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_break, "is not valid YAML: while parsing a flow node"),
        (_link_to_nothing, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_of_a_folder_that_cannot_be_read(
    folder: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    write(folder / "a.json", colour="red")
    spoil(folder / "b.yaml")
    with pytest.raises(ConfigurationError) as caught:
        gather(folder)
    assert str(caught.value).startswith(f"FACTS: {folder / 'b.yaml'} {reason}")


def test_a_folder_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(ConfigurationError) as caught:
        gather(folder)
    assert str(caught.value) == f"FACTS: {folder} cannot be read: Permission denied"
