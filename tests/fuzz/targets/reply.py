"""What servers say to a command, one a line: bodies of outputs, each from an instance of its own.
They are counted, or passed over; what can be shown of them is fit for that."""

from __future__ import annotations

from baton.errors import InvalidMessage
from baton.fleet.reply import keys_of, read_reply
from baton.fleet.tally import Tally
from baton.message import END_HEADER, INSTANCE_HEADER, Envelope, decode_body
from baton.transports import Delivery
from fuzz.oracle import check_line, no_stall


def check(data: bytes) -> None:
    """Take *data* for the bodies."""
    tally = Tally()
    tally.ask(["production", "web01"])
    with no_stall():
        for number, body in enumerate(data.split(b"\n")):
            _hear(tally, number, body)
        for name in tally.names() | tally.originals:
            check_line(name, 160)
        for failure in tally.failures():
            check_line(failure.fqdn, 160)
            check_line(failure.error_class, 200)
            check_line(failure.error_message, 200)
        tally.latency()
        tally.duplicates()
        assert tally.answered_at_all >= 0


def _hear(tally: Tally, number: int, body: bytes) -> None:
    headers = {INSTANCE_HEADER: f"i{number % 3}"} if number % 4 else {}
    if number % 2:
        try:
            headers[END_HEADER] = decode_body(body)  # type: ignore[assignment]
        except InvalidMessage:
            pass
    envelope = Envelope(correlation_id="c" if headers else None, headers=headers)
    reply = read_reply(Delivery("q", number, None, "", body, envelope, False, 0.0), 0.1)
    if reply is None:
        return
    check_line(reply.fqdn, 160)
    check_line(reply.instance, 170)
    check_line(reply.outcome, 20)
    keys = keys_of(reply.fqdn, reply.message)
    assert len(keys) <= 1003
    assert sum(map(len, keys)) <= 256 * 1003
    tally.add(reply, keys)
