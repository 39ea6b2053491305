"""Baton's terms in pika's: how to reach a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pika import ConnectionParameters, PlainCredentials, SSLOptions
from pika.credentials import ExternalCredentials

from baton.transports.base import ANSWERS
from baton.transports.tls import client_context, server_name

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration


def connection_parameters(
    configuration: Configuration, endpoint: Endpoint, name: str, patience: float
) -> ConnectionParameters:
    """What pika needs to connect to *endpoint*; *patience* is in seconds, for each answer.

    The password and the TLS files are read anew. Raises ConfigurationError if one cannot be.
    """
    tls = None
    if configuration.tls:
        tls = SSLOptions(client_context(configuration), server_name(configuration, endpoint))
    return ConnectionParameters(
        host=endpoint.host,
        port=endpoint.port,
        virtual_host=configuration.rabbit_vhost,
        credentials=_credentials(configuration),
        heartbeat=configuration.rabbit_heartbeat,
        ssl_options=tls,
        client_properties={"connection_name": name},
        # A host may have several addresses, tried in turn: half of the time for each of them.
        socket_timeout=patience / 2,
        # For all of the handshake, whose steps the session gives *patience* each.
        stack_timeout=ANSWERS * patience,
    )


def _credentials(configuration: Configuration) -> PlainCredentials | ExternalCredentials:
    if configuration.rabbit_auth == "external":
        return ExternalCredentials()
    return PlainCredentials(
        configuration.rabbit_user, configuration.read_password(), erase_on_connect=True
    )
