"""Filters: what holds for a server, and what is no filter."""

from __future__ import annotations

import time
from typing import Any

import pytest

from baton.errors import InvalidFilter
from baton.server import Server
from baton.where import LONGEST_CONDITION, MOST_CONDITIONS, Where, parse, parse_header

FACTS: dict[str, Any] = {
    "platform": "Debian",
    "platform_version": "12.4",
    "kernel": "Linux 6.12.0-2-amd64",
    "cpus": 8,
    "load": 0.5,
    "memory": 16 * 1024**3,
    "virtual": True,
    "broken": False,
    "container": None,
    "swap": 0,
    "motto": "rock and roll",
    "empty": "",
    "disks": {"sda": {"size": 100, "model": "a*b"}, "dotted.name": 7},
    "disks.flat": "yes",
    "roles": ["web", "Cache"],
    "ports": [80, 443],
    "ohai": {"memory": {"total": "16334640kB"}},
    "fqdn": "another.example.org",
    "not": "so",
    "größe": "groß",
}
SERVER = Server("web01.example.org", "production", ("shop", "blog"), FACTS)


@pytest.mark.parametrize(
    "condition",
    [
        # Text, whatever its case
        "platform=debian", "platform==DEBIAN", "platform = debian", " platform=debian ",
        "platform='debian'", 'platform="debian"', "größe=GROSS",
        # Patterns
        "platform=deb*", "platform=d?bian", "kernel=*amd64", "fqdn=web*.example.org", "cpus=?",
        "cpus=8*", "kernel contains 6.*-amd", "roles contains we*",
        # Numbers
        "cpus=8", "cpus=8.0", "cpus>=8", "cpus>7.5", "cpus<9", "cpus<=8", "cpus != 9",
        "load<1", "load=0.5", "cpus>-1", "memory>=16G", "memory=16GiB", "memory<17179869185",
        "memory>17gb", "ohai.memory.total>=15G", "ohai.memory.total<17GB",
        # Versions and other text in order
        "platform_version<12.10", "platform_version>=12", "platform_version>9",
        "platform_version<=12.04", "kernel>=linux 6.2", "platform<fedora",
        # What a server is
        "environment=production", "fqdn=web01.example.org", "apps=shop", "apps contains blog",
        "app_names=blog", "apps", "apps!=mail",
        # Lists and objects
        "roles contains cache", "roles=web", "ports contains 443", "ports>100", "roles!=db",
        "disks contains sda", "disks.sda.size>=100", "disks.flat=yes",
        "disks.dotted.name", "motto contains AND", "disks.sda.model='a*b'",
        # There, and not empty
        "cpus", "virtual", "disks.sda", "virtual=true", "broken=False",
        # Not
        "not container", "not broken", "not swap", "not empty", "not nothing", "not cpus<8",
        "not container=docker", "not nothing=1", "not not=other",
        # Nothing and anything
        'empty=""', "motto='rock and roll'", "not container!=x",
        "not = so", "platform=*",
    ],
)  # fmt: skip
def test_what_holds(condition: str) -> None:
    assert parse([condition]).matches(SERVER)


@pytest.mark.parametrize(
    "condition",
    [
        "platform=ubuntu", "platform=debia", "platform!=debian", "platform=deb?",
        "platform='deb*'", "cpus=9", "cpus!=8", "cpus>8", "cpus<8", "cpus>=8x", "cpus=x",
        "memory>16G", "platform_version>12.10", "platform_version=12", "platform_version=12.40",
        "environment=staging", "fqdn=another.example.org", "apps=sho", "apps contains sho",
        "roles contains we", "roles!=web", "ports>1000", "cpus contains 8",
        "virtual=1", "virtual>0", "virtual=yes", "broken", "container", "swap", "empty",
        "disks=sda", "disks.sda.size<100", "disks>1", "disks.sda.size.more", "disks.", "disks..sda",
        # What is not known does not hold, whatever is asked
        "nothing", "nothing=1", "nothing!=1", "nothing<1", "nothing contains x",
        "container=docker", "container!=docker", "disks.sdb.size!=1", "cpus.x", "Platform=debian",
        "not cpus", "not cpus=8", "not platform=deb*",
    ],
)  # fmt: skip
def test_what_does_not(condition: str) -> None:
    assert not parse([condition]).matches(SERVER)


def test_all_conditions_have_to_hold() -> None:
    assert parse(["cpus>=8", "apps contains shop"]).matches(SERVER)
    assert not parse(["cpus>=8", "apps contains mail"]).matches(SERVER)


def test_without_a_condition_it_holds_for_everybody() -> None:
    assert parse([]).matches(SERVER)
    assert parse_header(None) == parse([]) == Where()


RULE = "NAME, not NAME, or NAME OPERATOR VALUE is allowed, with one of = != < <= > >= contains"
LONG = "x" * 199 + "…"
JOINED = (
    f"is more than one condition, or has an operator that does not exist: {RULE}; "
    'a value that looks so is put in quotes: NAME="VALUE"'
)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("", f'The condition "" does not begin with the name of a fact: {RULE}'),
        ("  ", f'The condition "  " does not begin with the name of a fact: {RULE}'),
        ("=8", f'The condition "=8" does not begin with the name of a fact: {RULE}'),
        ("cpus=", f'The condition "cpus=" has no value: {RULE}; nothing at all is ""'),
        ("cpus contains ", f'The condition "cpus contains " has no operator behind "cpus": {RULE}'),
        ("cpus=>8", f'The condition "cpus=>8" {JOINED}'),
        ("cpus=~8", f'The condition "cpus=~8" {JOINED}'),
        ("cpus===8", f'The condition "cpus===8" {JOINED}'),
        ("a=1 and b=2", f'The condition "a=1 and b=2" {JOINED}'),
        ("a=1 or b=2", f'The condition "a=1 or b=2" {JOINED}'),
        ("a=1 && b=2", f'The condition "a=1 && b=2" {JOINED}'),
        ("cpus 8", f'The condition "cpus 8" has no operator behind "cpus": {RULE}'),
        ("cpus ~ 8", f'The condition "cpus ~ 8" has no operator behind "cpus": {RULE}'),
        ("a\x1b", f'The condition "a\N{REPLACEMENT CHARACTER}" has no operator behind "a": {RULE}'),
        ("cpus=\udcff", 'The condition "cpus=\N{REPLACEMENT CHARACTER}" is not UTF-8'),
        ("x" * 1001, f'The condition "{LONG}" has 1,001 characters: at most 1,000 are allowed'),
        (8, f"A condition is a text, and not all of these are: {RULE}"),
        ({}, f"A condition is a text, and not all of these are: {RULE}"),
    ],
)  # fmt: skip
def test_no_condition(condition: Any, said: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(["cpus>=8", condition])
    assert str(caught.value) == said


def test_too_many_conditions() -> None:
    assert len(parse(["cpus"] * MOST_CONDITIONS).conditions) == 64
    with pytest.raises(InvalidFilter) as caught:
        parse(["cpus"] * (MOST_CONDITIONS + 1))
    assert str(caught.value) == "A filter has 65 conditions: at most 64 are allowed"


def test_too_many_bytes() -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(["a=" + "ä" * 998] * 20)
    assert str(caught.value) == "A filter has 39,960 bytes: at most 32,768 are allowed"


@pytest.mark.parametrize("header", ["cpus", 8, {}, [8], [b"\xff"], ["cpus", None]])
def test_no_filter_on_the_wire(header: object) -> None:
    with pytest.raises(InvalidFilter, match="is a list of strings, this one is not"):
        parse_header(header)


def test_a_filter_on_the_wire() -> None:
    assert parse_header(["cpus>=8"]) == parse(["cpus>=8"])
    with pytest.raises(InvalidFilter, match="has no operator"):
        parse_header(["cpus ?"])


def test_no_filter_is_slow() -> None:
    """The worst that a filter can say of the worst that a fact can be."""
    long = Server("x", facts={"a": "a" * 1024, "b": "0" * 100_000, "c": {"a" * 300: 1}})
    conditions = [
        *["a=" + "*a" * 240 + "b"] * 21,
        *["b<" + "0" * 500] * 21,
        *["c" + ".a" * 249] * 21,
    ]
    began = time.process_time()
    where = parse(conditions)
    for condition in where.conditions:
        Where((condition,)).matches(long)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text", ["not " * 240, "a " * 499, "a=" + " " * 990, "a." * 499, "(" * 999]
)
def test_no_condition_is_slow_to_read(text: str) -> None:
    assert len(text) <= LONGEST_CONDITION
    began = time.process_time()
    for _ in range(64):
        try:
            parse([text])
        except InvalidFilter:
            pass
    assert time.process_time() - began < 1


def test_a_long_list_is_looked_at_in_part() -> None:
    """Wildcards on it would hold up whatever else the server has to do."""
    server = Server(facts={"packages": [str(number) for number in range(1001)]})
    assert parse(["packages contains 999"]).matches(server)
    assert not parse(["packages contains 1000"]).matches(server)
