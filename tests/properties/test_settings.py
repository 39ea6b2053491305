"""Configuration files, environment variables, fact files, expected servers and URLs."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from baton.configuration import Configuration
from baton.errors import ConfigurationError
from fuzz.files import written
from fuzz.oracle import check_message
from fuzz.targets import load
from properties.strategies import numbers, texts, utf8_texts, values

KEYS = sorted(name.upper() for name in Configuration.model_fields)
names = st.sampled_from([*KEYS, "RABBIT_URL", "_ANCHOR", "COLOUR"])
settings = st.one_of(
    values,
    st.sampled_from(
        ["yes", "1e3", "mq1,mq2:5", "[::1]", "[", '["a"]', "amqp://a:hunter2@b/c", "0x1"]
    ),
)


@given(st.dictionaries(names, settings, max_size=4))
def test_a_file_of_right_keys_and_any_values(content: dict[str, Any]) -> None:
    load("configuration")(yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "replace"))


@given(st.lists(st.tuples(names, utf8_texts), max_size=4))
def test_a_file_that_somebody_wrote(lines: list[tuple[str, str]]) -> None:
    load("configuration")("\n".join(f"{name}: {value}" for name, value in lines).encode())


@given(st.binary(max_size=200) | utf8_texts.map(str.encode))
def test_a_file_that_is_none(data: bytes) -> None:
    for target in ("configuration", "facts", "expected", "run"):
        load(target)(data)


@given(st.lists(st.tuples(names, texts), max_size=4))
def test_variables(variables: list[tuple[str, str]]) -> None:
    lines = (f"{name}={value}".replace("\n", " ") for name, value in variables)
    load("environment")("\n".join(lines).encode("utf-8", "surrogatepass"))


@given(st.dictionaries(names.map(str.lower), settings | texts, max_size=3))
def test_keywords(options: dict[str, Any]) -> None:
    options.pop("_anchor", None)
    try:
        Configuration(**options)
    except ConfigurationError as error:
        said = str(error).encode("utf-8", "backslashreplace").decode()
        check_message(said)
        is_secret = {name for name, value in options.items() if "hunter2" in str(value)}
        assert is_secret - {"rabbit_pass", "rabbit_url"} or "hunter2" not in said


@given(st.dictionaries(utf8_texts | st.sampled_from(["fqdn", "trebuchet"]), values, max_size=5))
def test_facts(facts: dict[str, Any]) -> None:
    load("facts")(json.dumps(facts).encode())
    load("facts")(yaml.safe_dump(facts, allow_unicode=True).encode("utf-8", "replace"))


@given(st.lists(utf8_texts, max_size=5))
def test_expected_servers(lines: list[str]) -> None:
    load("expected")("\n".join(lines).encode())


@given(values)
def test_documents_of_runs(value: Any) -> None:
    load("run")(json.dumps(value).encode())


_DOCUMENT = json.loads(
    """{"schema":1,"id":"ab","extension":"baton-ping","type":"ping","targets":["*"],"where":[],
    "sent":"2026-01-01T00:00:00Z","timeout":5,"took":1.0,"expected":1,"answered":1,
    "replies_count":1,"missing":{"count":0,"names":[]},"unexpected":[],"duplicates":[],
    "errors":[],"originals":[],"late":[],"silent":[],"unroutable":[],"not_asked":[],
    "latency":null,"complete":true,"interrupted":false}"""
)


@given(st.sampled_from(sorted(_DOCUMENT)), values | numbers)
def test_a_document_with_a_field_that_is_wrong(name: str, value: Any) -> None:
    load("run")(json.dumps({**_DOCUMENT, name: value}).encode())


parts = st.lists(
    st.one_of(
        st.sampled_from([*"://@[]?&#%=,", "amqp://", "https://", "user:secret99@", "::1", "5672"]),
        utf8_texts,
    ),
    max_size=8,
).map("".join)


@given(parts)
def test_urls(text: str) -> None:
    load("url")(text.encode())


def test_aliases_that_double_cost_nothing() -> None:
    bomb = "a: &a [x, x]\n" + "\n".join(
        f"{name}: &{name} [*{before}, *{before}]"
        for before, name in zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True)
    )
    path = written("bomb.yaml", bomb.encode())
    try:
        Configuration.load(path)
    except ConfigurationError as error:
        check_message(str(error))
    load("facts")(bomb.encode())
