"""What is said when a broker and we do not get together."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from baton.broker_url import Endpoint
from baton.configuration import Configuration
from baton.errors import AuthenticationFailed, BrokerUnavailable, CertificateRefused
from baton.transports.refusals import (
    SpeaksTLS,
    login_refused,
    mechanism_missing,
    tls_failure,
    vhost_refused,
)

ENDPOINT = Endpoint("mq1.example.org", 5671)
CA_FILE, CERTIFICATE = Path("/etc/baton/ca.pem"), Path("/etc/baton/client.pem")
CA = "RABBIT_TLS_CA_FILE (/etc/baton/ca.pem)"
OURS = "the certificate in RABBIT_TLS_CERT_FILE (/etc/baton/client.pem)"


def configuration(**settings: Any) -> Configuration:
    return Configuration(rabbit_scheme="amqps", **settings)


EXTERNAL = configuration(
    rabbit_auth="external", rabbit_tls_cert_file=CERTIFICATE, rabbit_user="joe", rabbit_pass="x"
)


def said(error: BaseException, **settings: Any) -> tuple[type[BrokerUnavailable], str]:
    found = tls_failure([RuntimeError("outside"), error], ENDPOINT, configuration(**settings))
    assert found is not None
    return type(found), str(found)


@pytest.mark.parametrize(
    ("code", "settings", "words"),
    [
        (10, {}, "its certificate has expired: renew it on the broker"),
        (
            10,
            {"rabbit_tls_ca_file": CA_FILE},
            f"its certificate has expired: renew it on the broker, or its issuer's in {CA}",
        ),
        (
            9,
            {},
            "its certificate is not valid yet: look at the clock here, or renew it there",
        ),
        (
            18,
            {},
            "its certificate is self-signed: put it into RABBIT_TLS_CA_FILE to trust it",
        ),
        (
            18,
            {"rabbit_tls_ca_file": CA_FILE},
            f"its certificate is self-signed and not in {CA}: add it there to trust it",
        ),
        *(
            (
                code,
                {},
                (
                    "the system does not trust the issuer of its certificate: set "
                    "RABBIT_TLS_CA_FILE to the issuer's"
                ),
            )
            for code in (2, 19, 20, 21)
        ),
        (
            20,
            {"rabbit_tls_ca_file": CA_FILE},
            f"the issuer of its certificate is not in {CA}: add the issuer's there",
        ),
        *(
            (
                code,
                {},
                (
                    'its certificate is not for "mq1.example.org": RABBIT_HOST should be a name '
                    "that it is for, or RABBIT_TLS_SERVER_NAME be set to one"
                ),
            )
            for code in (62, 64)
        ),
        (
            62,
            {"rabbit_tls_server_name": "mq.example.org"},
            (
                'its certificate is not for "mq.example.org": RABBIT_TLS_SERVER_NAME should be a '
                "name that it is for"
            ),
        ),
        (
            26,
            {},
            "its certificate is not accepted, unsuitable: RABBIT_TLS_CA_FILE is not set",
        ),
        (
            26,
            {"rabbit_tls_ca_file": CA_FILE},
            f"its certificate is not accepted, unsuitable: compare it with that in {CA}",
        ),
    ],
)
def test_a_certificate_that_is_not_trusted(code: int, settings: dict[str, Any], words: str) -> None:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] …")
    error.verify_code, error.verify_message = code, "unsuitable"
    assert said(error, **settings) == (CertificateRefused, words)


@pytest.mark.parametrize(
    ("alert", "fault"),
    [
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "it has expired"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", "it is revoked"),
        ("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "it is not made for a client"),
        ("TLSV1_ALERT_UNKNOWN_CA", "the broker does not know its issuer"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "it is not one that the broker asks for"),
    ],
)
def test_a_certificate_that_the_broker_refuses(alert: str, fault: str) -> None:
    error = ssl.SSLError(1, f"[SSL: {alert}] …")
    assert said(error, rabbit_tls_cert_file=CERTIFICATE) == (
        CertificateRefused,
        f"it refused {OURS}: {fault}",
    )


@pytest.mark.parametrize(
    "alert", ["TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"]
)
def test_a_certificate_that_is_missing(alert: str) -> None:
    assert said(ssl.SSLError(1, f"[SSL: {alert}] …")) == (
        CertificateRefused,
        "it wants a certificate of the client: set RABBIT_TLS_CERT_FILE and RABBIT_TLS_KEY_FILE",
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "WRONG_VERSION_NUMBER",
            (
                "it does not speak TLS on this port: RABBIT_PORT should be the port for TLS, "
                "usually 5671, or RABBIT_SCHEME amqp"
            ),
        ),
        (
            "TLSV1_ALERT_PROTOCOL_VERSION",
            "it speaks no TLS 1.2 or newer: enable that on the broker",
        ),
        ("UNEXPECTED_EOF_WHILE_READING", "the broker closed the connection"),
        ("TLSV1_ALERT_UNKNOWN_CA", "TLS failed: unknown ca"),
        ("TLSV1_ALERT_INTERNAL_ERROR", "TLS failed: internal error"),
    ],
)
def test_what_is_no_matter_of_certificates(reason: str, words: str) -> None:
    assert said(ssl.SSLError(1, f"[SSL: {reason}] …")) == (BrokerUnavailable, words)


def test_a_port_that_speaks_tls() -> None:
    kind, words = said(SpeaksTLS())
    assert kind is BrokerUnavailable
    assert "RABBIT_SCHEME should be amqps" in words


def test_what_is_no_matter_of_tls() -> None:
    assert tls_failure([OSError(111, "Connection refused")], ENDPOINT, configuration()) is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            login_refused(ENDPOINT, configuration(rabbit_user="joe")),
            'refused the user "joe": wrong user or password',
        ),
        (
            login_refused(ENDPOINT, EXTERNAL),
            (
                f"refused the user of {OURS}: the broker has no user of the name that it takes "
                "from it (ssl_cert_login_from)"
            ),
        ),
        (
            vhost_refused(ENDPOINT, configuration(rabbit_vhost="x", rabbit_user="joe")),
            (
                'refused the vhost "x" to the user "joe": it does not exist, or the user has no '
                "permission there"
            ),
        ),
        (
            vhost_refused(ENDPOINT, EXTERNAL),
            (
                'refused the vhost "/" to the user of the certificate: it does not exist, or the '
                "user has no permission there"
            ),
        ),
        (
            mechanism_missing(ENDPOINT, configuration()),
            (
                "takes no password: set RABBIT_AUTH: external, or allow PLAIN in auth_mechanisms "
                "on the broker"
            ),
        ),
        (
            mechanism_missing(ENDPOINT, EXTERNAL),
            (
                "takes no user from a certificate: enable rabbitmq_auth_mechanism_ssl and EXTERNAL "
                "in auth_mechanisms on the broker, or set RABBIT_AUTH: plain"
            ),
        ),
    ],
)
def test_a_user_that_is_refused(found: AuthenticationFailed, words: str) -> None:
    assert type(found) is AuthenticationFailed
    assert str(found) == f"mq1.example.org:5671 {words}"
