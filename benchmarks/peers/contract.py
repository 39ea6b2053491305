"""What every peer agrees on: its arguments, the work, and the line that says it is ready.

The work: take ``{"type": "ping"}`` from an exchange, decode it, build a pong of the same content as
Baton's, encode and publish it. At least once means that the ping is acknowledged after the pong
was confirmed; at most once, that nothing is acknowledged or confirmed where a library can do that.
CPU and memory of a peer are read from outside, in the same way for all, those in C among them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Any, Final

PREFETCH: Final = 200
"""Messages in flight, as Baton has them by default."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a peer is asked to do. The exchanges exist; the queues are the peer's own."""

    url: str
    exchange_in: str
    exchange_out: str
    key: str
    queues: int
    """So many queues in this process, each bound by ``key``: as many servers."""
    confirmed: bool
    """At least once, else at most once."""


def contract() -> Contract:
    """What the command line of this process says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--exchange", required=True, help="NAME: NAME_in and NAME_out are used")
    parser.add_argument("--key", default="production")
    parser.add_argument("--queues", type=int, default=1)
    parser.add_argument("--guarantee", choices=("once", "least"), default="least")
    given = parser.parse_args()
    return Contract(
        given.url,
        f"{given.exchange}_in",
        f"{given.exchange}_out",
        given.key,
        given.queues,
        given.guarantee == "least",
    )


def pong(message: dict[str, Any]) -> dict[str, Any]:
    """The answer to a ping; ValueError for anything else."""
    if message["type"] != "ping":
        raise ValueError(f"Unknown type {message['type']!r}")
    return {
        "type": "pong",
        "environment": "production",
        "fqdn": "web01.example.org",
        "app_names": ["shop"],
    }


def answer(body: bytes) -> bytes:
    """The whole work on a message: decode, build, encode."""
    return json.dumps(pong(json.loads(body))).encode()


def ready() -> None:
    """Tell whoever started this that pings are taken."""
    print("peer is ready", flush=True)
