"""An envelope in AMQP's terms, and how pika is told to connect."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import trustme
from pika import BasicProperties
from pika.credentials import ExternalCredentials

from baton.broker_url import Endpoint
from baton.configuration import Configuration
from baton.message import Envelope
from baton.transports.pika_terms import connection_parameters, properties_of


def carried(envelope: Envelope) -> dict[str, Any]:
    """The properties of *envelope* after a journey over the wire."""
    encoded = b"".join(properties_of(envelope).encode())
    properties = vars(BasicProperties().decode(encoded))
    return {name: value for name, value in properties.items() if value is not None}


def test_carries_the_whole_envelope() -> None:
    envelope = Envelope(
        message_id="m",
        correlation_id="c",
        reply_to="r",
        timestamp=1_700_000_000.9,
        expires=0.25,
        user_id="joe",
        app_id="baton",
        persistent=True,
        headers=MappingProxyType({"number": 1, "list": ["a"], "map": {"b": True}, "none": None}),
    )
    assert carried(envelope) == {
        "content_type": "application/json",
        "message_id": "m",
        "correlation_id": "c",
        "reply_to": "r",
        "timestamp": 1_700_000_000,
        "expiration": "250",
        "user_id": "joe",
        "app_id": "baton",
        "delivery_mode": 2,
        "headers": {"number": 1, "list": ["a"], "map": {"b": True}, "none": None},
    }


def test_an_empty_envelope_has_no_properties_but_the_mode() -> None:
    assert carried(Envelope(content_type=None)) == {"delivery_mode": 1}


def test_a_tuple_is_a_list() -> None:
    headers = carried(Envelope(headers={"baton-target": ("a", "b")}))["headers"]
    assert headers == {"baton-target": ["a", "b"]}


@pytest.mark.parametrize(("seconds", "expiration"), [(60, "60000"), (0.0015, "2"), (0, "0")])
def test_an_expiry_is_whole_milliseconds(seconds: float, expiration: str) -> None:
    assert carried(Envelope(expires=seconds))["expiration"] == expiration


def test_what_pika_is_told() -> None:
    configuration = Configuration(
        rabbit_vhost="baton", rabbit_user="joe", rabbit_pass="secret", rabbit_heartbeat=60
    )
    parameters = connection_parameters(configuration, Endpoint("mq1", 5673), "web", 2.0)

    assert (parameters.host, parameters.port, parameters.virtual_host) == ("mq1", 5673, "baton")
    assert parameters.heartbeat == 60
    assert parameters.client_properties == {"connection_name": "web"}
    assert parameters.credentials.username == "joe"
    assert parameters.credentials.password == "secret"
    assert parameters.ssl_options is None
    assert parameters.stack_timeout == 8 * 2.0  # the session looks after each step
    assert "secret" not in repr(parameters)


def test_tls_verifies_the_name_of_the_host() -> None:
    configuration = Configuration(rabbit_scheme="amqps")
    options = connection_parameters(configuration, Endpoint("mq1", 5671), "web", 2.0).ssl_options
    assert options is not None
    assert options.server_hostname == "mq1"
    assert options.context.check_hostname


def test_the_name_to_verify_may_be_another() -> None:
    configuration = Configuration(rabbit_scheme="amqps", rabbit_tls_server_name="mq.example.org")
    options = connection_parameters(configuration, Endpoint("::1", 5671), "web", 2.0).ssl_options
    assert options is not None
    assert options.server_hostname == "mq.example.org"


def test_a_user_by_certificate_has_no_password(tmp_path: Path) -> None:
    certificate = tmp_path / "client.pem"
    trustme.CA().issue_cert("web01").private_key_and_cert_chain_pem.write_to_path(certificate)
    configuration = Configuration(
        rabbit_scheme="amqps",
        rabbit_auth="external",
        rabbit_tls_cert_file=certificate,
        rabbit_pass_file=tmp_path / "missing",
    )
    parameters = connection_parameters(configuration, Endpoint("mq1", 5671), "web", 2.0)
    assert isinstance(parameters.credentials, ExternalCredentials)
