"""The server: who it is, and what is known of it."""

from __future__ import annotations

import json
import os
import platform
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.server import Server, built_in_facts, read_facts

SPEC = {
    "chef_environment": "production",
    "fqdn": "web01.example.org",
    "trebuchet": ["shop"],
}
"""What the original looks at."""


def ohai(seed: int = 7) -> dict[str, Any]:
    """A dump such as ohai makes, of a few hundred keys, with what is odd in real ones."""
    chance = random.Random(seed)
    interfaces = {
        f"eth{number}": {
            "mtu": "1500",
            "flags": ["BROADCAST", "MULTICAST", "UP"],
            "addresses": {
                f"10.0.{number}.{chance.randrange(256)}": {"family": "inet", "prefixlen": "24"}
                for _ in range(4)
            },
            "counters": {"rx": {"bytes": str(chance.getrandbits(40))}, "tx": None},
        }
        for number in range(8)
    }
    cpu: dict[str, Any] = {
        str(number): {
            "vendor_id": "GenuineIntel",
            "mhz": chance.uniform(1000, 4000),
            "flags": [f"flag{each}" for each in range(40)],
        }
        for number in range(16)
    }
    return {
        **SPEC,
        "hostname": "web01",
        "machinename": None,
        "kernel": {
            "name": "Linux",
            "release": "6.12.0",
            "modules": {f"mod_{n}": {"size": str(n), "refcount": "0"} for n in range(150)},
        },
        "network": {"interfaces": interfaces, "default_gateway": None},
        "cpu": {**cpu, "total": 16, "real": 2},
        "memory": {"total": "32779564kB", "swap": {}},
        "filesystem": {"by_mountpoint": {"/": {"percent_used": "41%", "mount_options": []}}},
        "languages": {"ruby": {"version": "3.3"}, "perl": None, "python": {}},
        "etc": {"passwd": {"müller": {"gecos": "Jürgen Müller, 😀", "uid": 1000}}},
        "ohai_time": 1754300000.123456,
        "uptime_seconds": 2**40,
        "virtualization": {"systems": {}, "role": "guest"},
        "command": {"ps": "ps -ef"},
        "": "a key without a name",
        "fips": {"kernel": {"enabled": False}},
        "cloud": None,
    }


@pytest.fixture
def fact_file(tmp_path: Path) -> Callable[..., Path]:
    def fact_file(content: object, name: str = "facts.json") -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return fact_file


FactFile = Callable[..., Path]


def detect(*paths: Path, **settings: Any) -> Server:
    return Server.detect(Configuration(facts=tuple(map(str, paths)), **settings))


# What the original's specification says


def test_the_original_facts(fact_file: FactFile) -> None:
    server = detect(fact_file(SPEC))
    assert server.fqdn == "web01.example.org"
    assert server.environment == "production"
    assert server.app_names == ("shop",)


def test_the_original_defaults() -> None:
    server = Server()
    assert server.fqdn == ""
    assert server.environment == "development"
    assert server.app_names == ()
    assert server.facts == {}


def test_the_original_attributes_in_their_order(fact_file: FactFile) -> None:
    attributes = detect(fact_file(SPEC)).attributes
    assert list(attributes.items()) == [
        ("environment", "production"),
        ("fqdn", "web01.example.org"),
        ("app_names", ["shop"]),
    ]


def test_attributes_are_the_callers_own() -> None:
    server = Server("web01", "production", ("shop",))
    server.attributes["app_names"].append("blog")
    assert server.attributes["app_names"] == ["shop"]


# Routing keys


def test_routing_keys() -> None:
    server = Server("web01.example.org", "Production", ("shop", "Blog"))
    assert server.routing_keys == (
        "production",
        "web01.example.org",
        "*",
        "shop.production",
        "Blog.production",
    )


def test_a_server_without_a_name_has_no_empty_key() -> None:
    assert Server().routing_keys == ("development", "*")


def test_no_key_stands_twice() -> None:
    server = Server("production", "production", ("shop", "shop"))
    assert server.routing_keys == ("production", "*", "shop.production")


# Where it comes from


def test_without_a_fact_file_the_system_tells() -> None:
    server = detect()
    assert server.fqdn == built_in_facts()["fqdn"] != ""
    assert server.environment == "development"
    assert server.app_names == ()
    assert server.facts == built_in_facts()


def test_settings_come_before_fact_files(fact_file: FactFile) -> None:
    server = detect(
        fact_file(SPEC), fqdn="db01.example.org", environment="Staging", app_names="db,cache"
    )
    assert server.fqdn == "db01.example.org"
    assert server.environment == "staging"
    assert server.app_names == ("db", "cache")
    assert server.facts["fqdn"] == "web01.example.org", "a fact stays a fact"


def test_fact_files_come_before_built_in_facts(fact_file: FactFile) -> None:
    server = detect(fact_file({"fqdn": "web01.example.org", "kernel": "a kernel"}))
    assert server.fqdn == "web01.example.org"
    assert server.facts["kernel"] == "a kernel"
    assert server.facts["machine"] == platform.machine()


def test_a_later_fact_file_comes_before_an_earlier_one(fact_file: FactFile) -> None:
    server = detect(
        fact_file({"fqdn": "web01", "colour": "red"}, "a.json"),
        fact_file({"fqdn": "web02"}, "b.json"),
    )
    assert server.fqdn == "web02"
    assert server.facts["colour"] == "red"


def test_the_names_of_facts_that_are_not_ohais(fact_file: FactFile) -> None:
    server = detect(fact_file({"environment": "QA", "app_names": ["shop"]}))
    assert server.environment == "qa"
    assert server.app_names == ("shop",)


def test_ohais_names_come_before_others(fact_file: FactFile) -> None:
    server = detect(fact_file({**SPEC, "environment": "qa", "app_names": ["blog"]}))
    assert server.environment == "production"
    assert server.app_names == ("shop",)


# An ohai dump


@pytest.mark.parametrize("name", ["ohai.json", "ohai.yml", "ohai"])
def test_an_ohai_dump(fact_file: FactFile, name: str) -> None:
    dump = ohai()
    server = detect(fact_file(dump, name))
    assert server.attributes == {
        "environment": "production",
        "fqdn": "web01.example.org",
        "app_names": ["shop"],
    }
    assert server.facts == {**built_in_facts(), **dump}


@pytest.mark.parametrize("nothing", [None, "", "  ", 7, 1.5, True, [], {}, ["x"], {"a": 1}])
def test_a_name_that_is_no_text_is_not_taken(fact_file: FactFile, nothing: object) -> None:
    dump = {**ohai(), "fqdn": nothing, "chef_environment": nothing}
    server = detect(fact_file(dump))
    assert server.fqdn == built_in_facts()["fqdn"]
    assert server.environment == "development"


@pytest.mark.parametrize(
    ("trebuchet", "names"),
    [
        (["shop", "blog"], ("shop", "blog")),
        ("shop", ("shop",)),
        ({"shop": {"version": "1"}, "blog": None}, ("shop", "blog")),
        (["shop", None, "", {"a": 1}, ["b"], 1.5, 7], ("shop", "7")),
        (None, ()),
        ("", ()),
        (7, ()),
        (True, ()),
        ([], ()),
        ({}, ()),
    ],
)
def test_the_applications(fact_file: FactFile, trebuchet: object, names: tuple[str, ...]) -> None:
    assert detect(fact_file({**ohai(), "trebuchet": trebuchet})).app_names == names


# Fact files


def test_facts_in_yaml(fact_file: FactFile) -> None:
    path = fact_file("fqdn: web01\ntrebuchet:\n- shop\n7: 2025-01-01\n", "facts.yaml")
    assert read_facts([path]) == {"fqdn": "web01", "trebuchet": ["shop"], "7": "2025-01-01"}


def test_facts_in_yaml_that_look_like_json(fact_file: FactFile) -> None:
    assert read_facts([fact_file("{fqdn: web01}", "facts.yaml")]) == {"fqdn": "web01"}


@pytest.mark.parametrize(("name", "text"), [("a.json", "null"), ("a.yml", ""), ("a.yml", "# -\n")])
def test_a_fact_file_with_nothing_in_it(fact_file: FactFile, name: str, text: str) -> None:
    assert read_facts([fact_file(text, name)]) == {}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.json", "{", "is not valid JSON: Expecting property name"),
        ("a.json", "", "is not valid JSON: Expecting value: line 1 column 1"),
        ("a.json", "[" * 100_000, "is not valid JSON: maximum recursion depth"),
        ("a.json", "[]", "holds no facts: an object of them is allowed"),
        ("a.json", '"text"', "holds no facts: an object of them is allowed"),
        ("a.yml", "a: b: c", "is not valid YAML: mapping values are not allowed here"),
        ("a.yml", "[" * 600, "is not valid YAML: maximum recursion depth"),
        ("a.yml", "a: !!python/object:os.system {}", "is not valid YAML: could not determine"),
        ("a.yml", "a: !!int x", "is not valid YAML: invalid literal for int()"),
        ("a.yml", "a: !!bool x", "is not valid YAML: 'x'"),
        ("a.yml", "just text", "holds no facts: an object of them is allowed"),
        ("a.yml", "- a", "holds no facts: an object of them is allowed"),
    ],
)
def test_a_bad_fact_file(fact_file: FactFile, name: str, text: str, reason: str) -> None:
    path = fact_file(text, name)
    with pytest.raises(ConfigurationError) as caught:
        detect(path)
    said = str(caught.value)
    assert said.startswith(f"FACTS: {path} {reason}")
    assert "\n" not in said
    assert len(said) < 300
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_fact_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        detect(tmp_path / "a.json")
    assert str(caught.value) == (
        f"FACTS: {tmp_path / 'a.json'} cannot be read: No such file or directory"
    )


def test_a_fact_file_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        detect(tmp_path)
    assert str(caught.value) == f"FACTS: {tmp_path} cannot be read: Is a directory"


def test_a_fact_file_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a":"\xff"}')
    with pytest.raises(ConfigurationError) as caught:
        detect(path)
    assert str(caught.value) == f"FACTS: {path} is not in UTF-8"


# Built-in facts


def test_built_in_facts() -> None:
    facts = built_in_facts()
    assert facts["hostname"] == socket.gethostname()
    assert facts["kernel"] == f"{platform.system()} {platform.release()}"
    assert facts["python"] == platform.python_version()
    assert facts["cpus"] >= 1
    assert facts["memory"] > 1024 * 1024
    assert facts["platform"]
    assert json.loads(json.dumps(facts)) == facts


def _unknown(*_: object) -> NoReturn:
    raise OSError


def test_a_system_that_tells_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS or FreeBSD."""
    monkeypatch.setattr(platform, "freedesktop_os_release", _unknown)
    monkeypatch.setattr(os, "sysconf", _unknown)
    facts = built_in_facts()
    assert facts["platform"] == platform.system().lower()
    assert facts["memory"] is None


@pytest.mark.parametrize("name", ["localhost", "localhost.localdomain", "localhost4.localdomain4"])
def test_a_server_is_never_called_localhost(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: name)
    assert built_in_facts()["fqdn"] == socket.gethostname()


# A value


def test_a_server_is_a_value() -> None:
    server = Server("web01", "production", ("shop",), {"cpus": 4})
    assert server == Server("web01", "Production", ["shop"])  # type: ignore[arg-type]
    assert hash(server) == hash(Server("web01", "production", ("shop",)))
    assert "cpus" not in repr(server)
    with pytest.raises(AttributeError):
        server.fqdn = "web02"  # type: ignore[misc]
