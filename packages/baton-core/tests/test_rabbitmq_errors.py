"""What aiormq's exceptions mean; tests/integration holds the texts against a real broker."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from aiormq import exceptions as amqp

from baton import Configuration
from baton.broker_url import Endpoint
from baton.errors import (
    AuthenticationFailed,
    BatonError,
    BrokerUnavailable,
    CertificateRefused,
    FlagMismatch,
    Locked,
    MessageTooLarge,
    NotFound,
    NotPermitted,
    TopologyError,
)
from baton.transports.amqp.tap import Damaged
from baton.transports.rabbitmq_errors import loss, refusal
from baton.transports.refusals import SpeaksTLS

ENDPOINT = Endpoint("mq1.example.org", 5672)


def inequivalent(flag: str, kind: str, name: str, ours: str, theirs: str) -> str:
    return (
        f"PRECONDITION_FAILED - inequivalent arg '{flag}' for {kind} '{name}' in vhost '/': "
        f"received {ours} but current is {theirs}"
    )


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (amqp.ChannelNotFoundEntity("NOT_FOUND - no exchange 'x'"), NotFound, "no exchange 'x'"),
        (amqp.ChannelAccessRefused("ACCESS_REFUSED - write"), NotPermitted, "write"),
        (
            amqp.ChannelLockedResource("RESOURCE_LOCKED - … locked queue 'q' in vhost '/'. It"),
            Locked,
            'The queue "q" is held by another connection',
        ),
        (amqp.ChannelLockedResource("RESOURCE_LOCKED"), Locked, "RESOURCE_LOCKED"),
        (
            amqp.ChannelPreconditionFailed("message size 9 is larger than configured max size 8"),
            MessageTooLarge,
            "9 bytes is above the limit of 8",
        ),
        (amqp.ChannelPreconditionFailed("something else"), TopologyError, "something else"),
        (
            amqp.ChannelPreconditionFailed(
                inequivalent("durable", "exchange", "x", "'false'", "'true'")
            ),
            FlagMismatch,
            (
                'The exchange "x" exists with durable=true, Baton needs durable=false: '
                "set INTEROP: false"
            ),
        ),
        (
            amqp.ChannelPreconditionFailed(
                inequivalent("x-queue-type", "queue", "m", "'quorum'", "'classic'")
            ),
            FlagMismatch,
            "set CLUSTER (a monitor's) or DURABLE_QUEUES (a service's) to what it was",
        ),
        (
            amqp.ChannelPreconditionFailed(inequivalent("x-expires", "queue", "m", "1", "none")),
            FlagMismatch,
            "--instance",
        ),
        (
            amqp.ChannelPreconditionFailed(inequivalent("x-expires", "queue", "m", "1", "2")),
            FlagMismatch,
            "set DURABLE_FOR to what it was, or delete the queue when it is empty",
        ),
    ],
)
def test_a_refusal(error: Exception, kind: type[BatonError], says: str) -> None:
    found = refusal(error)
    assert type(found) is kind
    assert says in str(found)


@pytest.mark.parametrize("error", [None, OSError("x"), amqp.ConnectionClosed(320, "bye")])
def test_what_is_no_refusal(error: Exception | None) -> None:
    assert refusal(error) is None


def caused(by: BaseException) -> Exception:
    error = amqp.AMQPConnectionError("Server connection unexpectedly closed. Read 0 bytes")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "the connection was lost"),
        (amqp.AMQPConnectionError(111, "Connect call failed"), "connection refused"),
        (caused(ConnectionResetError(104, "reset")), "connection reset by peer"),
        (caused(asyncio.IncompleteReadError(b"", 1)), "the broker closed the connection"),
        (
            caused(Damaged("no end")),
            "what came from the broker is no frame of AMQP: it was damaged (no end)",
        ),
        (caused(ValueError()), "Server connection unexpectedly closed. Read 0 bytes"),
        (amqp.ConnectionClosed(320, "CONNECTION_FORCED - bye"), "CONNECTION_FORCED - bye"),
        (RuntimeError(), "RuntimeError"),
        (
            RuntimeError('<Connection: "amqp://guest:******@mq1/x" at 0x7f75051e3110> closed'),
            "the connection was closed",
        ),
        (
            amqp.ChannelInvalidStateError('<Channel: "2" at 0x7f80fbdee3f0> closed'),
            "the channel was closed",
        ),
    ],
)
def test_a_loss(error: BaseException | None, reason: str) -> None:
    found = loss(error, ENDPOINT, Configuration())
    assert type(found) is BrokerUnavailable
    assert str(found) == f"mq1.example.org:5672 ({reason})"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (amqp.ProbableAuthenticationError("ACCESS_REFUSED"), "wrong user or password"),
        (amqp.InvalidFrameError("Expected one of ['Connection.OpenOk'], got <…>"), 'vhost "/"'),
        (amqp.AuthenticationError("EXTERNAL", ["PLAIN", "EXTERNAL"]), "takes no password"),
    ],
)
def test_who_was_not_let_in(error: Exception, says: str) -> None:
    found = loss(error, ENDPOINT, Configuration(rabbit_pass="s3cret"))
    assert type(found) is AuthenticationFailed
    assert says in str(found)
    assert "s3cret" not in str(found)


def not_trusted() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] expired")
    error.verify_code = 10
    return error


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (
            caused(not_trusted()),
            CertificateRefused,
            "its certificate has expired: renew it on the broker",
        ),
        (
            caused(ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred")),
            BrokerUnavailable,
            "the broker closed the connection",
        ),
        (
            caused(SpeaksTLS()),
            BrokerUnavailable,
            (
                "it speaks TLS on this port: RABBIT_SCHEME should be amqps, "
                "or RABBIT_PORT the port without TLS, usually 5672"
            ),
        ),
    ],
)
def test_a_failure_of_tls(error: Exception, kind: type[BrokerUnavailable], says: str) -> None:
    found = loss(error, ENDPOINT, Configuration())
    assert (type(found), str(found)) == (kind, f"mq1.example.org:5672 ({says})")
