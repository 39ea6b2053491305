"""What pika's exceptions and the broker's words mean.

The texts are RabbitMQ's; that it says so is shown in tests/integration.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorSocketConnectError,
    AMQPConnectorTransportSetupError,
)
from pika.exceptions import (
    AMQPConnectionError,
    AuthenticationError,
    ConnectionClosedByBroker,
    IncompatibleProtocolError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    StreamLostError,
)

from baton.broker_url import Endpoint
from baton.configuration import Configuration
from baton.errors import (
    AuthenticationFailed,
    BrokerError,
    BrokerUnavailable,
    CertificateRefused,
    MessageTooLarge,
    NotPermitted,
    PublishTimeout,
    Unroutable,
)
from baton.message import Envelope
from baton.transports import Publication
from baton.transports.pending import Batch, Pending
from baton.transports.pika_errors import is_authentication, is_loss, reason, sort_out, unreachable

ENDPOINT = Endpoint("mq1.example.org", 5671)


def refused_at_login(code: int, text: str) -> BaseException:
    """What pika makes of a connection that the broker closes during the handshake."""
    guess = ProbableAuthenticationError if code == 403 else ProbableAccessDeniedError
    error: BaseException = guess(repr(ConnectionClosedByBroker(code, text)))
    return error


# The real ones: recorded from pika 1.4
REFUSED = AMQPConnectionError(
    AMQPConnectionWorkflowFailed(
        [AMQPConnectorSocketConnectError(ConnectionRefusedError(111, "Connection refused"))]
    )
)
UNKNOWN_HOST = AMQPConnectionWorkflowFailed([socket.gaierror(-2, "Name or service not known")])
TIMED_OUT = AMQPConnectionError(
    AMQPConnectionWorkflowFailed([AMQPConnectorSocketConnectError(TimeoutError("timed out"))])
)
SHUT_DOWN = ConnectionClosedByBroker(320, "CONNECTION_FORCED - broker forced connection closure")
LOST_AT_LOGIN = ProbableAuthenticationError(repr(StreamLostError("Transport indicated EOF")))


def not_trusted() -> BaseException:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_code, cause.verify_message = 18, "self-signed certificate"
    error: BaseException = AMQPConnectionWorkflowFailed([AMQPConnectorTransportSetupError(cause)])
    return error


def alert(name: str) -> BaseException:
    """What pika makes of what comes in TLS after the handshake."""
    error: BaseException = IncompatibleProtocolError(
        f"StreamLostError: (\"Stream connection lost: SSLError(1, '[SSL: {name}] …')\",)"
    )
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (REFUSED, "connection refused"),
        (UNKNOWN_HOST, "unknown host"),
        (TIMED_OUT, "no answer"),
        (SHUT_DOWN, "CONNECTION_FORCED - broker forced connection closure"),
        (
            refused_at_login(530, "NOT_ALLOWED - vhost x not found"),
            "NOT_ALLOWED - vhost x not found",
        ),
        (refused_at_login(530, "NOT_ALLOWED - it isn't"), "NOT_ALLOWED - it isn't"),
        (
            IncompatibleProtocolError(repr(StreamLostError("Transport indicated EOF"))),
            "the connection was closed during the handshake",
        ),
        (StreamLostError("Transport indicated EOF"), "Transport indicated EOF"),
        (OSError(113, "No route to host"), "no route to host"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_says_why_in_a_few_words(error: BaseException, words: str) -> None:
    assert reason(error) == words


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            refused_at_login(403, "ACCESS_REFUSED - Login was refused"),
            AuthenticationFailed,
            'mq1.example.org:5671 refused the user "guest": wrong user or password',
        ),
        (
            refused_at_login(530, "NOT_ALLOWED - vhost / not found"),
            AuthenticationFailed,
            (
                'mq1.example.org:5671 refused the vhost "/" to the user "guest": '
                "it does not exist, or the user has no permission there"
            ),
        ),
        (
            AuthenticationError("PLAIN"),
            AuthenticationFailed,
            (
                "mq1.example.org:5671 takes no password: set RABBIT_AUTH: external, "
                "or allow PLAIN in auth_mechanisms on the broker"
            ),
        ),
        (
            not_trusted(),
            CertificateRefused,
            "its certificate is self-signed: put it into RABBIT_TLS_CA_FILE to trust it",
        ),
        (
            alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
            CertificateRefused,
            (
                "it wants a certificate of the client: set RABBIT_TLS_CERT_FILE and "
                "RABBIT_TLS_KEY_FILE"
            ),
        ),
        (
            alert("UNEXPECTED_EOF_WHILE_READING"),
            BrokerUnavailable,
            "the broker closed the connection",
        ),
        (REFUSED, BrokerUnavailable, "connection refused"),
    ],
)
def test_says_why_a_host_cannot_be_reached(
    error: BaseException, kind: type[BrokerUnavailable], words: str
) -> None:
    found = unreachable(error, ENDPOINT, Configuration(rabbit_scheme="amqps"))
    assert (type(found), str(found)) == (kind, words)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused_at_login(403, "ACCESS_REFUSED - Login was refused"), True),
        (refused_at_login(530, "NOT_ALLOWED - vhost x not found"), True),
        (refused_at_login(530, "NOT_ALLOWED - access to vhost 'x' refused for user 'y'"), True),
        (refused_at_login(530, "NOT_ALLOWED - vhost connection limit (1) is reached"), False),
        (refused_at_login(320, "CONNECTION_FORCED - shutdown"), False),
        (LOST_AT_LOGIN, False),
        (REFUSED, False),
    ],
)
def test_only_the_brokers_word_is_a_refusal(error: BaseException, expected: bool) -> None:
    assert is_authentication(error) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StreamLostError("Transport indicated EOF"), True),
        (SHUT_DOWN, True),
        (ConnectionClosedByBroker(541, "INTERNAL_ERROR"), True),
        (ConnectionClosedByBroker(501, "FRAME_ERROR - frame_too_large"), False),
    ],
)
def test_tells_a_loss_from_a_refusal(error: BaseException, expected: bool) -> None:
    assert is_loss(error) is expected


# Who is to blame for a closed channel


def flight(*publications: dict[str, Any]) -> tuple[list[Pending], Batch]:
    batch = Batch(
        [
            Publication(
                0,
                values.get("exchange", "in"),
                "key",
                values.get("body", b""),
                Envelope(user_id=values.get("user_id")),
            )
            for values in publications
        ],
        1.0,
    )
    return list(batch.pending), batch


def kinds(batch: Batch) -> list[type | None]:
    return [None if outcome is None else type(outcome) for outcome in batch.outcomes]


def test_a_missing_exchange() -> None:
    name = "an 'odd' one"
    pending, batch = flight({}, {"exchange": name}, {}, {"exchange": name})

    again = sort_out(pending, 404, f"NOT_FOUND - no exchange '{name}' in vhost '/'")

    assert again == [pending[0], pending[2]]
    assert kinds(batch) == [None, Unroutable, None, Unroutable]
    assert "does not exist" in str(batch.outcomes[1])
    assert [each.doubtful for each in again] == [True, False]
    assert not any(each.suspect for each in again)


def test_an_exchange_that_may_not_be_written_to() -> None:
    pending, batch = flight({}, {"exchange": "x"})
    text = "ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'joe'"
    assert sort_out(pending, 403, text) == [pending[0]]
    assert isinstance(batch.outcomes[1], NotPermitted)
    assert text in str(batch.outcomes[1])


def test_somebody_elses_name() -> None:
    pending, batch = flight({"user_id": "guest"}, {"user_id": "joe"}, {})
    text = "PRECONDITION_FAILED - user_id property set to 'joe' but authenticated user was 'guest'"
    assert sort_out(pending, 406, text) == [pending[0], pending[2]]
    assert isinstance(batch.outcomes[1], NotPermitted)
    assert "RABBIT_USER_ID" in str(batch.outcomes[1])


def test_a_broker_that_takes_less_than_others() -> None:
    pending, batch = flight({}, {"body": b"12345"})
    text = "PRECONDITION_FAILED - message size 5 is larger than configured max size 4"
    assert sort_out(pending, 406, text) == [pending[0]]
    outcome = batch.outcomes[1]
    assert isinstance(outcome, MessageTooLarge)
    assert (outcome.size, outcome.limit) == (5, 4)


def test_one_that_is_alone_needs_no_naming() -> None:
    # The text of a long name is cut.
    pending, batch = flight({"exchange": "x" * 250})
    assert sort_out(pending, 404, f"NOT_FOUND - no exchange '{'x' * 200}...") == []
    assert isinstance(batch.outcomes[0], Unroutable)


def test_several_unnamed_become_suspects_until_one_is_caught_alone() -> None:
    pending, batch = flight({}, {}, {})

    assert sort_out(pending, 406, "PRECONDITION_FAILED - for whatever reason") == pending
    assert all(each.suspect and each.doubtful for each in pending)
    assert batch.outcomes == [None] * 3
    assert sort_out(pending[:1], 406, "PRECONDITION_FAILED - for whatever reason") == []
    # It was refused the first time as well: there is no doubt.
    assert isinstance(batch.outcomes[0], BrokerError)
    assert "for whatever reason" in str(batch.outcomes[0])


def test_one_that_may_have_been_taken_before_stays_in_doubt() -> None:
    pending, batch = flight({"exchange": "x"}, {})
    pending[0].doubtful = True
    sort_out(pending, 404, "NOT_FOUND - no exchange 'x' in vhost '/'")
    assert isinstance(batch.outcomes[0], PublishTimeout)


def test_nothing_was_in_flight() -> None:
    assert sort_out([], 406, "PRECONDITION_FAILED") == []
