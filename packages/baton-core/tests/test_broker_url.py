"""Hosts and URLs, taken apart."""

from __future__ import annotations

import re
from typing import Any

import pytest

from baton.broker_url import Endpoint, parse_endpoint, parse_url

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("mq1", Endpoint("mq1")),
        ("mq1.example.org:5673", Endpoint("mq1.example.org", 5673)),
        ("10.0.0.1", Endpoint("10.0.0.1")),
        ("mq1:1", Endpoint("mq1", 1)),
        ("mq1:65535", Endpoint("mq1", 65_535)),
        ("[::1]", Endpoint("::1")),
        ("[2001:db8::7]:5673", Endpoint("2001:db8::7", 5673)),
    ],
)
def test_an_endpoint(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no host: host or host:port is allowed"),
        (":5672", "is no host: host or host:port is allowed"),
        ("mq 1", "is no host: host or host:port is allowed"),
        ("mq1/baton", "is no host: host or host:port is allowed"),
        ("baton@mq1", "is no host: host or host:port is allowed"),
        ("[]", "is no host: host or host:port is allowed"),
        ("a..b", "is no host: host or host:port is allowed"),
        ("a" * 64 + ".example.org", "is no host: host or host:port is allowed"),
        ("a%b", "is no host: host or host:port is allowed"),
        ("a|b", "is no host: host or host:port is allowed"),
        ("[1:2]", "is no host: host or host:port is allowed"),
        ("::1", "is no host: an IPv6 address stands in brackets"),
        ("mq1:5672:5673", "is no host: an IPv6 address stands in brackets"),
        ("[::1", "is no host: an IPv6 address stands in brackets"),
        ("[::1]5672", "is no host: an IPv6 address stands in brackets"),
        ("mq1:", "has no valid port: 1 to 65535 is allowed"),
        ("mq1:0", "has no valid port: 1 to 65535 is allowed"),
        ("mq1:65536", "has no valid port: 1 to 65535 is allowed"),
        ("mq1:-1", "has no valid port: 1 to 65535 is allowed"),
        ("mq1:amqp", "has no valid port: 1 to 65535 is allowed"),
        ("mq1:٣", "has no valid port: 1 to 65535 is allowed"),
        ("[::1]:", "has no valid port: 1 to 65535 is allowed"),
    ],
)
def test_no_endpoint(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f'"{text}" {reason}')):
        parse_endpoint(text)


@pytest.mark.parametrize(
    "text", ["mq1:" + "9" * 5000, "x" * 5000 + "@", "mq1\x1b[2J\u202e@", "a\0b", "\ud800"]
)
def test_what_is_no_endpoint_is_made_fit_to_be_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"has no valid port|is no host") as caught:
        parse_endpoint(text)
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 300


def test_zeros_in_front_of_a_port() -> None:
    assert parse_endpoint("mq1:" + "0" * 5000 + "5672") == Endpoint("mq1", 5672)


LOCAL = {"rabbit_scheme": "amqp", "rabbit_port": None, "rabbit_host": (Endpoint("localhost"),)}
MQ1 = {**LOCAL, "rabbit_host": (Endpoint("mq1"),)}


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("amqp://", LOCAL),
        ("amqp://mq1", MQ1),
        ("amqp://mq1/", MQ1),
        ("amqps://mq1", {**MQ1, "rabbit_scheme": "amqps"}),
        ("amqp://mq1:5673", {**MQ1, "rabbit_host": (Endpoint("mq1", 5673),)}),
        ("amqp://[::1]:5673", {**MQ1, "rabbit_host": (Endpoint("::1", 5673),)}),
        ("amqp://mq1, mq2:1", {**MQ1, "rabbit_host": (Endpoint("mq1"), Endpoint("mq2", 1))}),
        ("amqp://mq1/baton", {**MQ1, "rabbit_vhost": "baton"}),
        ("amqp://mq1/%2F", {**MQ1, "rabbit_vhost": "/"}),
        ("amqp://mq1/a%2Fb%20c", {**MQ1, "rabbit_vhost": "a/b c"}),
        ("amqp://alice@mq1", {**MQ1, "rabbit_user": "alice"}),
        ("amqp://alice:@mq1", {**MQ1, "rabbit_user": "alice", "rabbit_pass": ""}),
        ("amqp://alice:a:b@mq1", {**MQ1, "rabbit_user": "alice", "rabbit_pass": "a:b"}),
        ("amqp://a:0123@", {**LOCAL, "rabbit_user": "a", "rabbit_pass": "0123"}),
        (
            "amqp://%40lice:p%2Fa%3Fs%23s%40w%3Ao%25rd+%C3%A9@mq1",
            {**MQ1, "rabbit_user": "@lice", "rabbit_pass": "p/a?s#s@w:o%rd+é"},
        ),
        ("amqp://mq1?heartbeat=30", {**MQ1, "rabbit_heartbeat": "30"}),
        (
            "amqps://mq1/v?cacertfile=/etc/ca.pem&certfile=/a%20b&&keyfile=k&heartbeat=0",
            {
                **MQ1,
                "rabbit_scheme": "amqps",
                "rabbit_vhost": "v",
                "rabbit_heartbeat": "0",
                "rabbit_tls_ca_file": "/etc/ca.pem",
                "rabbit_tls_cert_file": "/a b",
                "rabbit_tls_key_file": "k",
            },
        ),
        (
            "amqps://mq1?auth_mechanism=external&server_name_indication=mq&verify=verify_peer",
            {
                **MQ1,
                "rabbit_scheme": "amqps",
                "rabbit_auth": "external",
                "rabbit_tls_server_name": "mq",
            },
        ),
        (
            "memory://",
            {"rabbit_scheme": "memory", "rabbit_port": None, "rabbit_host": (Endpoint("memory"),)},
        ),
        (
            "memory://test7",
            {"rabbit_scheme": "memory", "rabbit_port": None, "rabbit_host": (Endpoint("test7"),)},
        ),
    ],
)
def test_a_url(url: str, settings: dict[str, Any]) -> None:
    assert parse_url(url) == settings


# Each is malformed, and has the secret where somebody may write a password.
MALFORMED = {
    SECRET: "starts with one of amqp://, amqps://, memory://",
    "": "starts with one of amqp://, amqps://, memory://",
    f"baton:{SECRET}@mq1": "starts with one of",
    f"http://baton:{SECRET}@mq1": "starts with one of",
    f"amqp:/baton:{SECRET}@mq1": "starts with one of",
    f"{SECRET}://mq1": "starts with one of",
    f"amqp://baton:{SECRET}": "has no valid host",
    f"amqp://baton:{SECRET}/vhost": "has no valid host",
    f"amqp://baton:{SECRET}@mq1:x": "has no valid host",
    f"amqp://baton:{SECRET}@mq1:99999": "has no valid host",
    f"amqp://baton:{SECRET}@mq1,": "has no valid host",
    f"amqp://baton:{SECRET}@[::1": "has no valid host",
    f"amqp://baton:{SECRET}@m q": "has no valid host",
    f"amqp://baton:{SECRET}/x@mq1": "/ \\? # @ are escaped",
    f"amqp://baton:x/{SECRET}@mq1": "/ \\? # @ are escaped",
    f"amqp://baton:x?{SECRET}@mq1": "/ \\? # @ are escaped",
    f"amqp://baton:x#{SECRET}@mq1": "/ \\? # @ are escaped",
    f"amqp://baton:{SECRET}@mq1/a/b": "/ \\? # @ are escaped",
    f"amqp://baton:{SECRET}@mq1/#x": "/ \\? # @ are escaped",
    f"amqp://baton:x?{SECRET}": "has no valid host|unknown parameter",
    f"amqp://mq1?{SECRET}=1": "unknown parameter: heartbeat, cacertfile, .*, verify are",
    f"amqp://baton:{SECRET}@mq1?connection_timeout=1": "unknown parameter",
    f"amqps://baton:{SECRET}@mq1?verify=verify_none": "verify=verify_peer or none: .* always",
}


@pytest.mark.parametrize("url", MALFORMED)
def test_a_malformed_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=MALFORMED[url]) as caught:
        parse_url(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("password", ["[hunter2]", "hunter2[", "hunter℀", "hunter 2", "p@ss"])
def test_a_password_that_url_parsers_trip_over(password: str) -> None:
    assert parse_url(f"amqp://baton:{password}@mq1")["rabbit_pass"] == password
