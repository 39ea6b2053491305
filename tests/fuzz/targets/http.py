"""A request to the dashboard: a line with method and target, one for each header, an empty one, and
the body. ``$TOKEN`` is one that may do all. Whatever is asked, with a login and without, the answer
is whole, safe to look at, soon there, and no failure of the server."""

from __future__ import annotations

import re

from fuzz.loop import run, site
from fuzz.oracle import no_stall
from fuzz.pages import check_answer
from fuzz.site import Request

_METHOD = re.compile(r"[A-Z]{1,10}\Z")
_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def check(data: bytes) -> None:
    """Take *data* for a request."""
    for users in (False, True):
        there = site(users=users)
        request = parse(data.replace(b"$TOKEN", there.token.encode()))
        if request is None:
            return
        with no_stall():
            answer = run(there.ask(request))
        check_answer(answer)


def parse(data: bytes) -> Request | None:
    """The request that *data* is, as a web server hands it over; None for what that refuses."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    text = target.decode("latin-1")
    if not _METHOD.match(method.decode("latin-1")) or not text.startswith("/"):
        return None
    if not text.isascii() or not text.isprintable() or " " in text:
        return None
    headers = []
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.lower()
        if not _NAME.match(name) or _CONTROL.search(value):
            return None
        headers.append((name, value.strip(b" \t")))
    if not any(name == b"host" for name, _ in headers):
        headers.append((b"host", b"localhost"))
    return Request(method.decode(), text, headers, body)
