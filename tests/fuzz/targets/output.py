"""What a server says, a body: the dashboard observes it, counts it, keeps it, and shows it. What is
kept is cut and printable, and no text of it becomes a part of a page."""

from __future__ import annotations

import json
from urllib.parse import quote
from zlib import crc32

from baton.errors import InvalidMessage
from baton.message import INSTANCE_HEADER, Envelope, Message
from baton_ping_monitor.observation import Observation, malformed, observe
from fuzz.loop import run, site
from fuzz.oracle import check_line, no_stall
from fuzz.pages import check_answer
from fuzz.site import Request, Site

LONGEST_PATH = 300
PAGES = ("/", "/events", "/api/events?limit=1", "/api/servers", "/metrics")
"""Of which one is looked at for each input: all of them would be slow."""


def check(data: bytes) -> None:
    """Take *data* for the body."""
    there = site()
    with no_stall():
        seen = _observed(data)
        check_observation(seen)
        there.hear(seen)
        run(_check_pages(there, seen, PAGES[crc32(data) % len(PAGES)]))


def _observed(data: bytes) -> Observation:
    now = 1_800_000_000.0
    text = data[:40].decode("latin-1")
    envelope = Envelope(correlation_id=text, message_id=None, headers={INSTANCE_HEADER: text})
    try:
        return observe(Message.decode(data, envelope), "baton-ping", now)
    except InvalidMessage as error:
        return malformed(data, error, "baton-ping", now)


def check_observation(seen: Observation) -> None:
    """Every text of it is a line, and none is too long."""
    for text, longest in (
        (seen.kind, 64),
        (seen.fqdn, 253),
        (seen.environment, 64 * 3),
        (seen.summary, 200),
        (seen.error, 200),
        (seen.instance, 64),
        (seen.message_id or "", 255),
        (seen.correlation_id or "", 255),
        (seen.body, 64 * 1024),
        *((name, 64) for name in seen.app_names),
    ):
        check_line(text, longest)
    assert len(seen.app_names) <= 32
    if seen.facts is not None:
        assert len(json.dumps(seen.facts, allow_nan=False)) < 8 * 1024 * 1024


async def _check_pages(there: Site, seen: Observation, page: str) -> None:
    """A page that shows it among others, and its server's own."""
    pages = [page]
    path = f"/servers/{quote(seen.fqdn, safe='')}"
    if seen.fqdn and len(path) < LONGEST_PATH:
        pages.append(path if page.startswith("/api") else f"/api{path}")
    for each in pages:
        headers = [(b"host", b"localhost"), (b"accept", b"application/json")]
        answer = await there.ask(Request(target=each, headers=headers))
        check_answer(answer)
        assert answer.status in (200, 404), (each, answer.status)
