"""Whether a broker's certificate is one to trust, and for how long."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from baton.doctor.findings import Check, Finding
from baton.doctor.greeting import connected, describe_loss, speaks_amqp
from baton.errors import ConfigurationError
from baton.transports.tls import client_context, server_name

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

_DAY: Final = 86_400
_SOON: Final = 14
"""Days before its end at which a certificate should be renewed."""

_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_WRONG_HOST: Final = frozenset({62, 64})
"""Among OpenSSL's verify codes; the others mean that the issuer is not trusted."""


async def examine_certificate(
    configuration: Configuration, endpoint: Endpoint, check: Check
) -> Finding:
    """Connect, and say what the certificate of *endpoint* is worth."""
    seconds = configuration.deadline
    name = server_name(configuration, endpoint)
    try:
        context = client_context(configuration)
    except ConfigurationError as error:
        return check.failed(str(error), "mend that file, or the setting that names it")
    try:
        async with asyncio.timeout(seconds), connected(endpoint, context, name) as stream:
            session = stream[1].get_extra_info("ssl_object")
            return _judge(session.getpeercert(), session.version(), check)
    except ssl.SSLCertVerificationError as error:
        return await _explain(configuration, endpoint, error, check)
    except TimeoutError:
        fault = f"no answer to TLS within {seconds:g} s"
    except OSError as error:
        fault = f"TLS failed: {describe_loss(error)}"
    if await speaks_amqp(endpoint, seconds):
        return check.failed(
            "it speaks AMQP without TLS",
            "set RABBIT_PORT to the port for TLS, 5671; without TLS: RABBIT_SCHEME: amqp",
        )
    return check.failed(fault, "set RABBIT_PORT to the broker's port for TLS: rabbitmqctl status")


def _judge(certificate: Mapping[str, Any], protocol: str, check: Check) -> Finding:
    end = ssl.cert_time_to_seconds(certificate["notAfter"])
    days = int((end - time.time()) // _DAY)
    date = datetime.fromtimestamp(end, UTC).date()
    found = f"{protocol}, for {_names(certificate)}, until {date} ({days} days)"
    if days < _SOON:
        return check.warning(found, "renew the broker's certificate")
    return check.ok(found)


async def _explain(
    configuration: Configuration,
    endpoint: Endpoint,
    error: ssl.SSLCertVerificationError,
    check: Check,
) -> Finding:
    if error.verify_code == _EXPIRED:
        return check.failed("it has expired", "renew the broker's certificate")
    if error.verify_code == _NOT_YET_VALID:
        return check.failed("it is not valid yet", "look at this server's clock: timedatectl")
    if error.verify_code in _WRONG_HOST:
        wanted = server_name(configuration, endpoint)
        names = await _names_at(configuration, endpoint)
        return check.failed(
            f"it is for {names}, not for {wanted}",
            "name the host in RABBIT_HOST as its certificate does, set RABBIT_TLS_SERVER_NAME, "
            "or give the broker a certificate for that name",
        )
    return check.failed(
        f"its issuer is not trusted: {error.verify_message}",
        "set RABBIT_TLS_CA_FILE to the certificate of the authority that signed the broker's",
    )


async def _names_at(configuration: Configuration, endpoint: Endpoint) -> str:
    """For which names the certificate is that was refused for its names alone."""
    context = client_context(configuration)
    context.check_hostname = False
    try:
        async with (
            asyncio.timeout(configuration.deadline),
            connected(endpoint, context, endpoint.host) as stream,
        ):
            return _names(stream[1].get_extra_info("peercert"))
    except OSError:
        return "other names"


def _names(certificate: Mapping[str, Any]) -> str:
    names = [name for _, name in certificate.get("subjectAltName", ())]
    return ", ".join(names) or "no host"
