"""What a consumer says, on its way to the outbox."""

from __future__ import annotations

import re

from baton.consumer import Consumer
from baton.outbox import Outbox
from baton.outputs import Outputs
from baton.running import Origin
from baton.server import Server


def said(count: int) -> list[str | None]:
    """The ids of so many outputs of a consumer of its own."""
    outbox = Outbox(count, 1_000_000)
    outputs = Outputs(
        Consumer("camac", Server("web01.example.org", "production")),
        Origin("out", "baton-test", "guest", instance="me"),
        outbox,
        flush=lambda: None,
        confirmed=lambda _: None,
    )
    for _ in range(count):
        outputs.publish(None, b"{}")
    return [publication.envelope.message_id for publication in outbox.take()]


def test_each_output_has_an_id_of_its_own_whoever_says_it() -> None:
    ids = said(100) + said(100)
    assert len(set(ids)) == 200
    assert all(each is not None and re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)
