"""What arrives on the socket: frames in any order, cut anywhere, damaged. The tap tells the same of
them however they are cut, and passes on what is not its own."""

from __future__ import annotations

from amqp import stream
from fuzz.oracle import no_stall


def check(data: bytes) -> None:
    """Take *data* for what a broker sends once the data channel is open."""
    with no_stall():
        stream.check(data)
