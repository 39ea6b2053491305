"""What a connection trusts and shows, and which setting is named when a file is wrong."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.transports.tls import client_context

# For "localhost", signed by itself, valid from 2020 to 2120. Made with `cryptography`.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBhDCCASqgAwIBAgIUd3tpldUA/clhvzeT9s1y3GeON/gwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAx
MDAwMDAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASawQWJ5tFk9grqyCHLDS4zSx0BpsAlqWGrFBKz+pcnXeHXaS9tumls
AhTA24celG2J3qOuRE3uu9ofYlPEn8+Bo1gwVjAUBgNVHREEDTALgglsb2NhbGhv
c3QwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUH1pV5Hz8ChXhsaV15Zl+TVAo
IIEwDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMCA0gAMEUCIQCdw3Pm2cMWrGSN
5x82WOqCeaqD6q+I1q/lz+/IJEDUOAIgeHyQAzxVb2FaKHWRW+tIGW199ihkz7v6
goqMr3QpMqw=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDYNKEH/9EE9WA7Bx
qBJpsI1R/EoXjkMXwHWFoec/9e+hRANCAASawQWJ5tFk9grqyCHLDS4zSx0BpsAl
qWGrFBKz+pcnXeHXaS9tumlsAhTA24celG2J3qOuRE3uu9ofYlPEn8+B
-----END PRIVATE KEY-----
"""
OTHER_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgH4ViZ3gv60BThXz3
EcMIse5o6zEUTn3WHsFYSJlIye2hRANCAATqMcPr/cxXVoEQ2zObWpcyreY4mmXk
lOivIgSXWtC0A/4sS91350T6mYkBr3M57GST+pZTrRzfxIGKiJlQR31h
-----END PRIVATE KEY-----
"""
ENCRYPTED_KEY = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBAhNtkYJfoNpxVnwB7S
s0lsAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQon6sRejAcJiU/toX
HpoPtQSBkFq5dyRJBJ6xcqvjZNY8uXwl0GO6TU8U/yzu6cgqq/ST1Ussxer/R57b
6+R/aiAxJD1h6Ar93f2r2uV7fUJiJ8b+Cwd8mZ3zNyDSmOJ6MeNtDSjursezYynH
yvHiIHt0mRHWuriitQokp+LABxb9brtzh7zLX4n5iWFgsgUBmudzKRu9A7j7FCL0
mOj+kwuG8A==
-----END ENCRYPTED PRIVATE KEY-----
"""

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.write_text(text)
        return file

    return write


@pytest.fixture
def certificate(write: Write) -> Path:
    return write("certificate.pem", CERTIFICATE)


def configuration(**files: Path) -> Configuration:
    settings: dict[str, Any] = {f"rabbit_tls_{kind}_file": file for kind, file in files.items()}
    return Configuration(rabbit_url="amqps://localhost", **settings)


def greet(client: ssl.SSLContext, host: str, server: ssl.SSLContext) -> bool:
    """Connect to a server that is *server*; whether it was shown a certificate."""
    shown: list[bool] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                try:
                    with server.wrap_socket(accepted, server_side=True) as stream:
                        shown.append(bool(stream.getpeercert(binary_form=True)))
                        stream.sendall(b"hello")
                except OSError:
                    pass  # the client says why

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=10) as raw,
                client.wrap_socket(raw, server_hostname=host) as stream,
            ):
                assert stream.recv(5) == b"hello"
        finally:
            thread.join(10)
    return shown[0]


@pytest.fixture
def server(certificate: Path, write: Write) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, write("server.key", KEY))
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def test_trusts_the_certificates_of_the_file(certificate: Path, server: ssl.SSLContext) -> None:
    assert greet(client_context(configuration(ca=certificate)), "localhost", server) is False


def test_trusts_nobody_else(server: ssl.SSLContext) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        greet(client_context(configuration()), "localhost", server)


def test_verifies_the_name_of_the_host(certificate: Path, server: ssl.SSLContext) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        greet(client_context(configuration(ca=certificate)), "elsewhere", server)


def test_trusts_what_the_system_trusts_unless_a_file_is_set(certificate: Path) -> None:
    standard = ssl.create_default_context().cert_store_stats()
    assert client_context(configuration()).cert_store_stats() == standard
    assert client_context(configuration(ca=certificate)).cert_store_stats()["x509_ca"] == 1


def test_shows_a_certificate(certificate: Path, server: ssl.SSLContext, write: Write) -> None:
    files = {"ca": certificate, "cert": certificate, "key": write("key.pem", KEY)}
    assert greet(client_context(configuration(**files)), "localhost", server) is True


def test_the_key_may_stand_with_the_certificate(write: Write) -> None:
    client_context(configuration(cert=write("both.pem", CERTIFICATE + KEY)))


@pytest.mark.parametrize("kind", ["ca", "cert", "key"])
def test_names_a_file_that_is_missing(certificate: Path, tmp_path: Path, kind: str) -> None:
    files = {"cert": certificate, kind: tmp_path / "missing"}
    with pytest.raises(ConfigurationError) as caught:
        client_context(configuration(**files))
    assert str(caught.value) == (
        f"RABBIT_TLS_{kind.upper()}_FILE: {tmp_path / 'missing'} cannot be read: "
        "No such file or directory"
    )


@pytest.mark.parametrize("kind", ["ca", "cert", "key"])
def test_a_pipe_is_not_waited_for(certificate: Path, tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    files = {"cert": certificate, kind: tmp_path / "pipe"}
    with pytest.raises(ConfigurationError, match="pipe cannot be read: it is no regular file"):
        client_context(configuration(**files))


@pytest.mark.parametrize("kind", ["ca", "cert"])
def test_names_a_file_that_is_no_certificate(write: Write, kind: str) -> None:
    file = write("wrong.pem", "nothing of the kind")
    with pytest.raises(ConfigurationError) as caught:
        client_context(configuration(**{kind: file}))
    assert str(caught.value) == (
        f"RABBIT_TLS_{kind.upper()}_FILE: {file} holds no certificate in PEM format"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nothing of the kind", "is no key in PEM format"),
        (OTHER_KEY, "does not belong to the certificate"),
        (ENCRYPTED_KEY, "the key is encrypted, a key without a passphrase is needed"),
    ],
)
def test_says_what_is_wrong_with_a_key(
    certificate: Path, write: Write, text: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^RABBIT_TLS_KEY_FILE: .*{reason}"):
        client_context(configuration(cert=certificate, key=write("key.pem", text)))


def test_a_certificate_without_a_key(certificate: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^RABBIT_TLS_KEY_FILE: .*is no key"):
        client_context(configuration(cert=certificate))


def test_a_key_without_a_certificate(write: Write) -> None:
    with pytest.raises(ConfigurationError, match="RABBIT_TLS_CERT_FILE is not"):
        client_context(configuration(key=write("key.pem", KEY)))
