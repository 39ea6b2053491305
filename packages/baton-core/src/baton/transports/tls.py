"""The TLS side of a connection: one context, for both client libraries."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from baton.errors import ConfigurationError
from baton.files import read_regular

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration


def client_context(configuration: Configuration) -> ssl.SSLContext:
    """What a client of the broker trusts and shows, from the ``RABBIT_TLS_`` settings.

    The broker's certificate and its host name are always verified: against ``CA_FILE`` alone if
    it is set, otherwise against what the system trusts. The files are read at each call, since
    they may have been renewed. Raises ConfigurationError naming the key of a file that cannot be
    read or does not hold what it should.
    """
    ca_file = configuration.rabbit_tls_ca_file
    cert_file = configuration.rabbit_tls_cert_file
    key_file = configuration.rabbit_tls_key_file
    for key, file in (("CA", ca_file), ("CERT", cert_file), ("KEY", key_file)):
        if file is not None:
            _check_readable(f"RABBIT_TLS_{key}_FILE", file)
    context = ssl.create_default_context()
    if ca_file is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _trust(context, "RABBIT_TLS_CA_FILE", ca_file)
    if cert_file is not None:
        _show(context, cert_file, key_file)
    elif key_file is not None:
        raise ConfigurationError("RABBIT_TLS_KEY_FILE is set, RABBIT_TLS_CERT_FILE is not")
    return context


def server_name(configuration: Configuration, endpoint: Endpoint) -> str:
    """The name that the certificate of *endpoint* has to be for."""
    return configuration.rabbit_tls_server_name or endpoint.host


def _check_readable(key: str, file: Path) -> None:
    try:
        read_regular(file)
    except OSError as error:
        raise ConfigurationError(f"{key}: {file} cannot be read: {error.strerror}") from None


def _trust(context: ssl.SSLContext, key: str, file: Path) -> None:
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        raise ConfigurationError(f"{key}: {file} holds no certificate in PEM format") from None


def _show(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    # load_cert_chain does not say which of the two files is wrong. So the certificate is tried
    # first, where it does no harm.
    _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "RABBIT_TLS_CERT_FILE", cert_file)
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
    except ssl.SSLError as error:
        foreign = "MISMATCH" in str(error)
        reason = "does not belong to the certificate" if foreign else "is no key in PEM format"
        raise ConfigurationError(f"RABBIT_TLS_KEY_FILE: {key_file or cert_file} {reason}") from None


def _no_passphrase() -> NoReturn:
    # Without this OpenSSL would ask at the terminal, and a service would wait for ever.
    raise ConfigurationError(
        "RABBIT_TLS_KEY_FILE: the key is encrypted, a key without a passphrase is needed"
    )
