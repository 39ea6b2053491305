"""How pika is told to connect."""

from __future__ import annotations

from pathlib import Path

import trustme
from pika.credentials import ExternalCredentials

from baton.broker_url import Endpoint
from baton.configuration import Configuration
from baton.transports.pika_terms import connection_parameters


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
