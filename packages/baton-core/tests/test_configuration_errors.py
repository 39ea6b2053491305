"""Every setting with wrong values: one exact sentence each, wherever the value comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from baton.configuration import Configuration
from baton.errors import ConfigurationError

SECRET = "hunter2"

Cases = list[tuple[object, str]]
"""Wrong values, and what is said after the place and the key."""

TEXT: Cases = [
    (["a"], '["a"] should be a string'),
    ({"a": "b"}, '{"a": "b"} should be a string'),
]
PATH: Cases = [
    (["/a"], '["/a"] should be a path'),
    ({}, "{} should be a path"),
]
SWITCH: Cases = [
    ("perhaps", '"perhaps" should be true or false'),
    ("2", '"2" should be true or false'),
    ([True], '["true"] should be true or false'),
]


def integer(least: int, most: int | None = None) -> Cases:
    """What is wrong for a whole number between *least* and *most*."""
    above: Cases = [(str(most + 1), f'"{most + 1}" {at_most(most)}')] if most is not None else []
    return [
        ("lots", '"lots" should be a valid integer'),
        ("1.5", '"1.5" should be a valid integer'),
        ([1], '["1"] should be a valid integer'),
        (str(least - 1), f'"{least - 1}" {at_least(least)}'),
        *above,
    ]


def seconds(least: str, most: float) -> Cases:
    """What is wrong for a number of seconds that *least* says where it begins, up to *most*."""
    return [
        ("soon", '"soon" should be a valid number'),
        ([1], '["1"] should be a valid number'),
        ("-1", f'"-1" {least}'),
        (f"{most + 1:.0f}", f'"{most + 1:.0f}" {at_most(most)}'),
        ("nan", f'"nan" {at_most(most)}'),
        ("inf", f'"inf" {at_most(most)}'),
    ]


def at_least(least: float) -> str:
    return f"should be greater than or equal to {least:g}"


def at_most(most: float) -> str:
    return f"should be less than or equal to {most:.0f}"


def name(longest: int) -> Cases:
    """What is wrong for a name of at most *longest* bytes."""
    rule = f"should be 1 to {longest} bytes of UTF-8 without control characters"
    return [
        *TEXT,
        ("x" * (longest + 1), f'"{"x" * 39}…" {rule}'),
        ("ü" * (longest // 2 + 1), f'"{"ü" * 39}…" {rule}'),
        ("web\n01", f'"web\N{REPLACEMENT CHARACTER}01" {rule}'),
    ]


DAY = 86_400
CASES: dict[str, Cases] = {
    "rabbit_url": [
        (f"http://a:{SECRET}@mq1",
         "is no broker's URL: it starts with one of amqp://, amqps://, memory://"),
        ([f"amqp://a:{SECRET}@mq1"],
         "is no broker's URL: it starts with one of amqp://, amqps://, memory://"),
        (f"amqp://a:{SECRET}@mq1?heartbeat=lots",
         ', heartbeat "lots" should be a valid integer'),
    ],
    "rabbit_scheme": [
        ("http", "\"http\" should be 'amqp', 'amqps' or 'memory'"),
        (["amqp"], "[\"amqp\"] should be 'amqp', 'amqps' or 'memory'"),
    ],
    "rabbit_host": [
        ("mq1:x", '"mq1:x" has no valid port: 1 to 65535 is allowed'),
        ("mq1,,mq2", '"" is no host: host or host:port is allowed'),
        (f"amqp://a:{SECRET}@mq1",
         "takes hosts alone, as host or host:port: a URL belongs in RABBIT_URL"),
        ([], "names no host: one or more are allowed, as host or host:port"),
        ({"mq1": 1}, '{"mq1": "1"} should be a list, in JSON or separated by commas'),
    ],
    "rabbit_port": integer(1, 65535),
    "rabbit_vhost": TEXT,
    "rabbit_auth": [
        ("ldap", "\"ldap\" should be 'plain' or 'external'"),
        ("external", '"external" needs TLS: RABBIT_SCHEME should be "amqps"'),
    ],
    "rabbit_user": TEXT,
    "rabbit_pass": [([SECRET], "should be a string"), ({"a": SECRET}, "should be a string")],
    "rabbit_pass_file": PATH,
    "rabbit_heartbeat": integer(0, 65535),
    "rabbit_tls_ca_file": PATH,
    "rabbit_tls_cert_file": PATH,
    "rabbit_tls_key_file": PATH,
    "rabbit_tls_server_name": TEXT,
    "rabbit_user_id": SWITCH,
    "exchange": name(255),
    "exchange_out": name(255),
    "interop": SWITCH,
    "cluster": SWITCH,
    "environment": name(127),
    "fqdn": name(160),
    "app_names": [
        (f"shop,{'x' * 128}",
         f'"{"x" * 39}…" should be 1 to 127 bytes of UTF-8 without control characters'),
        ('["shop", ""]', '"" should be 1 to 127 bytes of UTF-8 without control characters'),
        ("[null]", '"[null]" should be a list of names alone'),
        ('["a"', '"["a"" is not a JSON list: Expecting \',\' delimiter: line 1 column 5 (char 4)'),
        ([["a"]], '[["a"]] should be a list of names alone'),
        ({"shop": 1}, '{"shop": "1"} should be a list, in JSON or separated by commas'),
    ],
    "facts": [
        ("[null]", '"[null]" should be a list of paths alone'),
        ({"a": "b"}, '{"a": "b"} should be a list, in JSON or separated by commas'),
    ],
    "prefetch": integer(1, 65535),
    "handler_timeout": seconds("should be greater than 0", 7 * DAY),
    "expires": seconds("should be greater than 0", 7 * DAY),
    "outbox_messages": integer(2),
    "outbox_bytes": integer(1024),
    "grace": seconds(at_least(0), DAY),
    "durable_queues": [
        ("stream", "\"stream\" should be 'quorum' or 'classic'"),
        (["quorum"], "[\"quorum\"] should be 'quorum' or 'classic'"),
    ],
    "event_loop": [("trio", "\"trio\" should be 'asyncio' or 'uvloop'")],
    "durable_for": seconds(at_least(604_800), 4_294_967),
    "delivery_limit": integer(1, 50),
    "pulse": seconds(at_least(0.1), DAY),
    "deadline": seconds(at_least(0.1), 3600),
    "reconnect_max": seconds(at_least(0.1), 3600),
    "pid_file": PATH,
    "log_file": PATH,
    "audit_file": PATH,
    "health_host": TEXT,
    "health_port": integer(1, 65535),
}  # fmt: skip
"""By the setting, in the order of `Configuration`."""


EACH = [
    pytest.param(key, value, said, id=f"{key}-{value}")
    for key, wrong in CASES.items()
    for value, said in wrong
]
EACH_TEXT = [case for case in EACH if isinstance(case.values[1], str)]
"""Without what only a file can hold."""


def refused(path: Path | None = None, **options: Any) -> str:
    """What is said of a configuration that is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        Configuration.load(path, **options)
    text = str(caught.value)
    assert SECRET not in text
    return text


def sentence(place: str, said: str) -> str:
    return f"{place}{said}" if said.startswith(",") else f"{place} {said}"


def test_every_setting_has_a_case() -> None:
    assert CASES.keys() == {*Configuration.model_fields, "rabbit_url"}
    assert all(CASES.values())


@pytest.mark.parametrize(("key", "value", "said"), EACH)
def test_in_a_file(tmp_path: Path, key: str, value: object, said: str) -> None:
    file = tmp_path / "x.cfg"
    file.write_text(json.dumps({key.upper(): value}))
    assert refused(file) == sentence(f"{file}: {key.upper()}", said)


@pytest.mark.parametrize(("key", "value", "said"), EACH_TEXT)
def test_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, key: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"BATON_{key.upper()}", value)
    assert refused() == sentence(f"environment BATON_{key.upper()}", said)


@pytest.mark.parametrize(("key", "value", "said"), EACH_TEXT)
def test_as_an_option(key: str, value: str, said: str) -> None:
    assert refused(None, **{key: value}) == sentence(f"option {key.upper()}", said)


def test_a_wrong_value_cannot_act_on_a_terminal(tmp_path: Path) -> None:
    file = tmp_path / "x.cfg"
    file.write_text('PREFETCH: "\\e[2J"\nRABBIT_USER: ["\\e[2J"]\n')
    mark = "\N{REPLACEMENT CHARACTER}[2J"
    assert refused(file) == (
        f'{file}: RABBIT_USER ["\\u001b[2J"] should be a string; '
        f'{file}: PREFETCH "{mark}" should be a valid integer'
    )


def test_what_is_not_in_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_ENVIRONMENT", "a\udcffb")
    mark = "\N{REPLACEMENT CHARACTER}"
    assert refused() == f'environment BATON_ENVIRONMENT "a{mark}b" should be UTF-8'


@pytest.mark.parametrize("key", ["exchange", "exchange_out", "environment", "fqdn"])
def test_an_empty_name_is_not_set(key: str) -> None:
    assert not getattr(Configuration.load(None, **{key: ""}), key)


def test_all_that_is_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.cfg"
    file.write_text("CLUSTER: perhaps\n")
    monkeypatch.setenv("BATON_PULSE", "0")
    assert refused(file, grace="soon") == (
        f'{file}: CLUSTER "perhaps" should be true or false; '
        'option GRACE "soon" should be a valid number; '
        'environment BATON_PULSE "0" should be greater than or equal to 0.1'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PREFETCH: &a [*a]", 'PREFETCH "…" should be a valid integer'),
        ("APP_NAMES: &a [*a]", 'APP_NAMES "…" should be a list of names alone'),
        ("PREFETCH: {? !!binary aGk= : 1}", 'PREFETCH "…" should be a valid integer'),
        (r'RABBIT_PASS_FILE: "a\0b"', 'RABBIT_PASS_FILE "a�b" is no path'),
        (f"RABBIT_PASS_FILE: {'x' * 5000}", f'RABBIT_PASS_FILE "{"x" * 199}…" is no path'),
        (r'LOG_FILE: "\ud800"', 'LOG_FILE "�" is no path'),
        (r'FACTS: ["/a", "b\0"]', 'FACTS "b�" is no path'),
        (r'RABBIT_VHOST: "\ud800"', "RABBIT_VHOST is not UTF-8"),
        (r'RABBIT_PASS: "hunter2\ud800"', "RABBIT_PASS is not UTF-8"),
        (r'"\ud800": 1', "� is no key: it is not UTF-8"),
    ],
)
def test_odd_values_that_yaml_can_say(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.cfg"
    file.write_text(text)
    problem = refused(file)
    assert problem.startswith(f"{file}: {said}")
    assert SECRET not in problem


def test_a_few_lines_of_yaml_that_say_more_than_fits_into_memory(tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    file = tmp_path / "a.cfg"
    file.write_text(
        "\n".join(["_a0: &a0 [x]", *(f"_{level}" for level in levels), "PREFETCH: *a11"])
    )
    said = "is not valid YAML: it has more than 500,000 values, counting aliases"
    assert refused(file) == f"{file}: {said}"


def test_a_value_that_is_more_than_fits_into_memory() -> None:
    value: list[Any] = ["x"]
    for _ in range(11):
        value = [value] * 9
    problem = refused(prefetch=value)
    assert problem.startswith('option PREFETCH [[[[[[[[[[[["x"], ')
    assert len(problem) < 500


def test_a_number_of_more_digits_than_python_writes() -> None:
    assert refused(prefetch=10**5000) == 'option PREFETCH "…" should be less than or equal to 65535'


def test_a_variable_whose_name_is_not_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_\udcff", "1")
    assert refused() == "environment BATON_� is no key: it is not UTF-8"
