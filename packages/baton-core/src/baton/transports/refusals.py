"""Why a broker and we do not get together, in the same words for both client libraries.

Each sentence names the setting to mend. What is done about it is decided by the class: a
certificate or a password that was refused is refused again in a moment.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from baton.errors import (
    AuthenticationFailed,
    BrokerError,
    BrokerUnavailable,
    CertificateRefused,
)
from baton.transports.tls import server_name

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

ALERT: Final = b"\x15\x03"
"""What a message in TLS begins with that says that the other side was not understood."""

_REASON = re.compile(r"\[SSL: (?:(?:SSLV3|TLSV1|TLSV13)_ALERT_)?(\w+)\]")
"""OpenSSL's name for what went wrong. What is called an alert, the broker said."""

_EXPIRED, _NOT_YET_VALID, _SELF_SIGNED = 10, 9, 18
_UNKNOWN_ISSUER: Final = frozenset({2, 19, 20, 21})
_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's codes for what is wrong with a certificate, from ``x509_vfy.h``."""

_NO_TLS: Final = frozenset(
    {"HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER"}
)
_OLD_TLS: Final = frozenset({"PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"})
_CLOSED: Final = frozenset({"EOF_OCCURRED", "UNEXPECTED_EOF_WHILE_READING"})
_WANTS_ONE: Final = frozenset({"CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE"})
"""Up to TLS 1.2 the failure of the handshake is all that a broker says when it wants a
certificate."""

_FAULTS: Final = {
    "ACCESS_DENIED": "it is not permitted",
    "BAD_CERTIFICATE": "it is damaged, or not signed as it should be",
    "CERTIFICATE_EXPIRED": "it has expired",
    "CERTIFICATE_REQUIRED": "it is not one that the broker asks for",
    "CERTIFICATE_REVOKED": "it is revoked",
    "CERTIFICATE_UNKNOWN": "the broker does not say why",
    "DECRYPT_ERROR": "its signature is wrong",
    "UNKNOWN_CA": "the broker does not know its issuer",
    "UNSUPPORTED_CERTIFICATE": "it is not made for a client",
}
"""What a broker may say of our certificate."""


class SpeaksTLS(ConnectionError):
    """The broker answered in TLS to what was not TLS."""


def not_stored() -> BrokerError:
    """A publication was not confirmed, but refused (``basic.nack``)."""
    return BrokerError(
        "The broker could not store the message in each queue that it goes to: one is full, or has "
        "failed. Others may have it"
    )


def login_refused(endpoint: Endpoint, configuration: Configuration) -> AuthenticationFailed:
    """The broker does not know the user, or not by this password."""
    if configuration.rabbit_auth == "external":
        return AuthenticationFailed(
            f"{endpoint} refused the user of {_certificate(configuration)}: the broker has no user "
            "of the name that it takes from it (ssl_cert_login_from)"
        )
    return AuthenticationFailed(
        f'{endpoint} refused the user "{configuration.rabbit_user}": wrong user or password'
    )


def vhost_refused(endpoint: Endpoint, configuration: Configuration) -> AuthenticationFailed:
    """The user may not go there, or there is no such place."""
    external = configuration.rabbit_auth == "external"
    user = "of the certificate" if external else f'"{configuration.rabbit_user}"'
    return AuthenticationFailed(
        f'{endpoint} refused the vhost "{configuration.rabbit_vhost}" to the user {user}: '
        "it does not exist, or the user has no permission there"
    )


def mechanism_missing(endpoint: Endpoint, configuration: Configuration) -> AuthenticationFailed:
    """The broker does not authenticate in this way."""
    if configuration.rabbit_auth == "external":
        return AuthenticationFailed(
            f"{endpoint} takes no user from a certificate: enable rabbitmq_auth_mechanism_ssl and "
            "EXTERNAL in auth_mechanisms on the broker, or set RABBIT_AUTH: plain"
        )
    return AuthenticationFailed(
        f"{endpoint} takes no password: set RABBIT_AUTH: external, or allow PLAIN in "
        "auth_mechanisms on the broker"
    )


def tls_failure(
    causes: Sequence[BaseException], endpoint: Endpoint, configuration: Configuration
) -> BrokerUnavailable | None:
    """What *causes*, an error and those that it was made from, say of TLS; None if nothing.

    The text is to stand in parentheses behind *endpoint*.
    """
    for cause in causes:
        if isinstance(cause, SpeaksTLS):
            return BrokerUnavailable(
                "it speaks TLS on this port: RABBIT_SCHEME should be amqps, or RABBIT_PORT the "
                "port without TLS, usually 5672"
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateRefused(_untrusted(cause, endpoint, configuration))
    # pika holds what comes after the handshake in a text.
    found = _REASON.search(" ".join(map(repr, causes)))
    return None if found is None else _failed(found[1], configuration)


def _untrusted(
    error: ssl.SSLCertVerificationError, endpoint: Endpoint, configuration: Configuration
) -> str:
    """What is wrong with the broker's certificate."""
    ca_file = configuration.rabbit_tls_ca_file
    here = f"in RABBIT_TLS_CA_FILE ({ca_file})"
    match error.verify_code:
        case code if code in _OTHER_NAME:
            name = server_name(configuration, endpoint)
            if configuration.rabbit_tls_server_name is not None:
                return (
                    f'its certificate is not for "{name}": RABBIT_TLS_SERVER_NAME should be a name '
                    "that it is for"
                )
            return (
                f'its certificate is not for "{name}": RABBIT_HOST should be a name that it is '
                "for, or RABBIT_TLS_SERVER_NAME be set to one"
            )
        case code if code == _EXPIRED:
            issuers = "" if ca_file is None else f", or its issuer's {here}"
            return f"its certificate has expired: renew it on the broker{issuers}"
        case code if code == _NOT_YET_VALID:
            return "its certificate is not valid yet: look at the clock here, or renew it there"
        case code if code == _SELF_SIGNED:
            if ca_file is None:
                return "its certificate is self-signed: put it into RABBIT_TLS_CA_FILE to trust it"
            return f"its certificate is self-signed and not {here}: add it there to trust it"
        case code if code in _UNKNOWN_ISSUER:
            if ca_file is None:
                return (
                    "the system does not trust the issuer of its certificate: set "
                    "RABBIT_TLS_CA_FILE to the issuer's"
                )
            return f"the issuer of its certificate is not {here}: add the issuer's there"
    trusted = "RABBIT_TLS_CA_FILE is not set" if ca_file is None else f"compare it with that {here}"
    return f"its certificate is not accepted, {error.verify_message}: {trusted}"


def _failed(reason: str, configuration: Configuration) -> BrokerUnavailable:
    """What *reason*, OpenSSL's, means for somebody who looks for the fault."""
    shows_one = configuration.rabbit_tls_cert_file is not None
    if reason in _CLOSED:
        return BrokerUnavailable("the broker closed the connection")
    if reason in _NO_TLS:
        return BrokerUnavailable(
            "it does not speak TLS on this port: RABBIT_PORT should be the port for TLS, usually "
            "5671, or RABBIT_SCHEME amqp"
        )
    if reason in _OLD_TLS:
        return BrokerUnavailable("it speaks no TLS 1.2 or newer: enable that on the broker")
    if reason in _WANTS_ONE and not shows_one:
        return CertificateRefused(
            "it wants a certificate of the client: set RABBIT_TLS_CERT_FILE and RABBIT_TLS_KEY_FILE"
        )
    if reason in _FAULTS and shows_one:
        return CertificateRefused(f"it refused {_certificate(configuration)}: {_FAULTS[reason]}")
    return BrokerUnavailable(f"TLS failed: {reason.replace('_', ' ').lower()}")


def _certificate(configuration: Configuration) -> str:
    return f"the certificate in RABBIT_TLS_CERT_FILE ({configuration.rabbit_tls_cert_file})"
