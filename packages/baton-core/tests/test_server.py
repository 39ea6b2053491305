"""The server: who it is, and what is known of it."""

from __future__ import annotations

import json
import platform
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.facts import Facts, built_in_facts, own_name
from baton.message import decode_body, encode_body
from baton.server import Server, identify

Write = Callable[[dict[str, Any]], str]

SPEC = {
    "chef_environment": "production",
    "fqdn": "web01.example.org",
    "trebuchet": ["shop"],
}
"""What the original looks at."""


def ohai(seed: int = 7) -> dict[str, Any]:
    """A dump such as ohai makes of a small server, with what is odd in real ones."""
    chance = random.Random(seed)
    names = [f"sd{letter}" for letter in "abcd"]
    return {
        **SPEC,
        "hostname": "web01",
        "machinename": None,
        "ohai_time": 1754300000.123456,
        "uptime_seconds": 2**40,
        "fips": {"kernel": {"enabled": False}},
        "kernel": {
            "name": "Linux",
            "release": "6.12.0",
            "modules": {
                f"mod_{number}": {"size": str(chance.getrandbits(20)), "refcount": "0"}
                for number in range(120)
            },
        },
        "network": {
            "interfaces": {f"eth{number}": _interface(chance, number) for number in range(8)},
            "default_gateway": None,
        },
        "cpu": {
            **{str(number): _cpu(chance) for number in range(8)},
            "total": 8,
            "real": 2,
        },
        "memory": {"total": "32779564kB", "swap": {}, "hugepages": {"total": "0"}},
        "filesystem": {
            "by_device": {f"/dev/{name}1": _filesystem(chance, f"/srv/{name}") for name in names},
            "by_mountpoint": {f"/srv/{name}": _filesystem(chance, None) for name in names},
            "by_pair": {f"/dev/{name}1,/srv/{name}": {"uuid": ""} for name in names},
        },
        "block_device": {
            name: {"size": str(chance.getrandbits(40)), "rotational": "0", "firmware_rev": None}
            for name in names
        },
        "packages": {
            f"lib{number}-dev:amd64": {"version": f"1:{number}.0~rc1+deb12u1", "arch": "amd64"}
            for number in range(100)
        },
        "languages": {"ruby": {"version": "3.3", "gems": []}, "perl": None, "python": {}},
        "etc": {
            "passwd": {
                "müller": {"gecos": "Jürgen Müller, 😀", "uid": 1000, "dir": "/home/müller"}
            },
            "group": {"0": {"gid": 0, "members": []}, "": {"gid": None}},
        },
        "virtualization": {"systems": {"kvm": "guest"}, "role": "guest"},
        "sysconf": {"ULONG_MAX": 2**64 - 1, "HUGE": 10**60, "LINE_MAX": -1, "tiny": 5e-324},
        "ssh": {"host_public": "AAAA" * 4000, "motd": "line\n\ttab\x1b[31m\x00"},
        "counters": _nested(60),
        "": "a key without a name",
        "a.key: with # all - of [it]": True,
        "cloud": None,
    }


def _interface(chance: random.Random, number: int) -> dict[str, Any]:
    addresses: dict[str, Any] = {
        f"10.0.{number}.{last}": {"family": "inet", "prefixlen": "24", "broadcast": "10.0.0.255"}
        for last in chance.sample(range(256), 4)
    }
    addresses[f"fe80::{number}%eth{number}"] = {"family": "inet6", "tags": [], "scope": "Link"}
    addresses[f"52:54:00:12:34:5{number}"] = {"family": "lladdr"}
    return {
        "mtu": "1500",
        "flags": ["BROADCAST", "MULTICAST", "UP"],
        "addresses": addresses,
        "counters": {
            side: {"bytes": str(chance.getrandbits(40)), "errors": 0} for side in ("rx", "tx")
        },
        "arp": {},
        "ring_params": None,
    }


def _cpu(chance: random.Random) -> dict[str, Any]:
    flags = [f"flag{number}" for number in range(40)]
    return {"vendor_id": "GenuineIntel", "mhz": chance.uniform(1000, 4000), "flags": flags}


def _filesystem(chance: random.Random, mount: str | None) -> dict[str, Any]:
    return {
        "kb_size": str(chance.getrandbits(30)),
        "percent_used": "41%",
        "mount": mount,
        "mount_options": ["rw", "relatime", "errors=remount-ro"],
    }


def _nested(depth: int) -> dict[str, Any]:
    return {"level": depth, "below": _nested(depth - 1) if depth else []}


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
    assert server.fqdn == own_name() != ""
    assert server.environment == "development"
    assert server.app_names == ()
    assert server.facts == {**built_in_facts(), "fqdn": server.fqdn}


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


def as_json(dump: dict[str, Any]) -> str:
    return json.dumps(dump, indent=2)


def as_yaml(dump: dict[str, Any]) -> str:
    return yaml.safe_dump(dump, allow_unicode=True)


def test_the_dump_is_as_long_as_real_ones() -> None:
    for write in (as_json, as_yaml):
        assert len(write(ohai()).splitlines()) >= 1500


@pytest.mark.parametrize(
    ("name", "write"),
    [("ohai.json", as_json), ("ohai.yml", as_json), ("ohai", as_json), ("ohai.yml", as_yaml)],
)
def test_an_ohai_dump(fact_file: FactFile, name: str, write: Write) -> None:
    dump = ohai()
    server = detect(fact_file(write(dump), name))
    assert server.attributes == {
        "environment": "production",
        "fqdn": "web01.example.org",
        "app_names": ["shop"],
    }
    assert server.facts == {**built_in_facts(), **dump}
    assert decode_body(encode_body({"type": "facts", "facts": server.facts}))["facts"] == (
        server.facts
    )


@pytest.mark.parametrize(
    ("name", "write", "more"),
    [
        ("ohai.json", as_json, ',"ohai_time": 1e400, "nan": NaN, "hostname": "web02"}'),
        ("ohai.yml", as_yaml, "ohai_time: .inf\n'nan': .nan\nhostname: web02\n"),
    ],
)
def test_an_ohai_dump_with_keys_that_come_twice(
    fact_file: FactFile, name: str, write: Write, more: str
) -> None:
    dump = ohai()
    server = detect(fact_file(write(dump).removesuffix("\n}") + more, name))
    changed = {"ohai_time": None, "nan": None, "hostname": "web02"}
    assert server.facts == {**built_in_facts(), **dump, **changed}


@pytest.mark.parametrize("nothing", [None, "", "  ", 7, 1.5, True, [], {}, ["x"], {"a": 1}])
def test_a_name_that_is_no_text_is_not_taken(fact_file: FactFile, nothing: object) -> None:
    dump = {**ohai(), "fqdn": nothing, "chef_environment": nothing}
    server = detect(fact_file(dump))
    assert server.fqdn == own_name()
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
        ([True, 0], ("0",)),
        ({"": 1}, ()),
    ],
)
def test_the_applications(fact_file: FactFile, trebuchet: object, names: tuple[str, ...]) -> None:
    assert detect(fact_file({**ohai(), "trebuchet": trebuchet})).app_names == names


# Where it came from


def sources(*paths: Path, **settings: Any) -> dict[str, str]:
    configuration = Configuration(facts=tuple(map(str, paths)), **settings)
    return identify(configuration, Facts.gather(configuration))[1]


def test_the_sources_of_what_is_told_nowhere() -> None:
    assert sources() == {"fqdn": "built-in", "environment": "default", "app_names": "default"}


def test_the_sources_of_what_a_file_tells(fact_file: FactFile) -> None:
    path = fact_file({**SPEC, "trebuchet": [], "app_names": "shop"})
    assert sources(path) == {
        "fqdn": f"{path}: fqdn",
        "environment": f"{path}: chef_environment",
        "app_names": f"{path}: app_names",
    }
    assert sources(fact_file({"fqdn": 7}))["fqdn"] == "built-in"


def test_the_sources_of_what_is_set(fact_file: FactFile, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"fqdn": "web01", "environment": "qa", "app_names": "shop"}
    assert sources(fact_file(SPEC), **settings) == {
        "fqdn": "FQDN",
        "environment": "ENVIRONMENT",
        "app_names": "APP_NAMES",
    }
    monkeypatch.setenv("BATON_ENVIRONMENT", "qa")
    configuration = Configuration.load()
    facts = Facts({}, {})
    assert identify(configuration, facts)[1]["environment"] == "environment BATON_ENVIRONMENT"


# Names that cannot be used

RULE = "bytes of UTF-8 without control characters"


@pytest.mark.parametrize(
    ("fact", "value", "longest"),
    [
        ("fqdn", "x" * 161, 160),
        ("fqdn", "web\x0001", 160),
        ("chef_environment", "x" * 128, 127),
        ("chef_environment", "\u0130" * 43, 127),  # three bytes each in lower case, two before
        ("environment", "x" * 128, 127),
        ("trebuchet", ["shop", "x" * 128], 127),
        ("app_names", "sh\x1bop", 127),
        ("fqdn", "web\udc8001", 160),
    ],
)
def test_a_fact_that_is_no_name(
    fact_file: FactFile, fact: str, value: object, longest: int
) -> None:
    path = fact_file({fact: value})
    with pytest.raises(ConfigurationError) as caught:
        detect(path)
    text = str(caught.value)
    assert text.startswith(f'{path}: {fact} "')
    assert text.endswith(f" should be 1 to {longest} {RULE}")
    assert text.isprintable()


def test_a_setting_wins_over_a_fact_that_is_no_name(fact_file: FactFile) -> None:
    path = fact_file({"fqdn": "x" * 161, "environment": "x" * 128})
    server = detect(path, fqdn="web01.example.org", environment="qa")
    assert server.routing_keys == ("qa", "web01.example.org", "*")


def test_the_system_tells_a_name_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.facts.own_name", lambda: "x" * 161)
    with pytest.raises(ConfigurationError, match=r'^fqdn \(built-in\) "xxx.*" should be 1 to 160'):
        detect()


def test_the_longest_names_make_keys_that_a_broker_takes() -> None:
    server = detect(fqdn="x" * 160, environment="y" * 127, app_names="z" * 127)
    assert max(len(key) for key in server.routing_keys) == 255


def test_what_another_server_says_of_itself_is_not_checked() -> None:
    assert Server("x" * 300, "", ("",)).fqdn == "x" * 300


# A value


def test_a_server_is_a_value() -> None:
    server = Server("web01", "production", ("shop",), {"cpus": 4})
    assert server == Server("web01", "Production", ["shop"])  # type: ignore[arg-type]
    assert hash(server) == hash(Server("web01", "production", ("shop",)))
    assert "cpus" not in repr(server)
    with pytest.raises(AttributeError):
        server.fqdn = "web02"  # type: ignore[misc]
