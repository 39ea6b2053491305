"""The dashboard, whatever it is asked and whatever servers say: it answers, soon and in whole, and
no text of others becomes a part of a page."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from baton_ping_monitor.observation import Observation
from fuzz.loop import run, site
from fuzz.oracle import no_stall
from fuzz.pages import HOSTILE, MARK, check_answer
from fuzz.site import Answer, Request
from fuzz.targets import load
from properties.strategies import bodies, outputs, utf8_texts, values

PATHS = (
    *(
        "/",
        "/live",
        "/servers",
        "/servers/web01",
        "/ping",
        "/runs",
        "/runs/diff",
        "/runs/x",
        "/events",
    ),
    *("/events/1", "/incidents", "/incidents/test", "/login", "/logout", "/metrics", "/healthz"),
    *(
        "/readyz",
        "/static/x/base.css",
        "/api/openapi.json",
        "/api/fleet",
        "/api/servers",
        "/nosuch",
    ),
    *("/api/servers/web01", "/api/servers/web01/maintenance", "/api/servers/web01/retirement"),
    *("/api/incidents", "/api/runs", "/api/runs/x", "/api/replies/x", "/api/events", "/api/nosuch"),
)
NAMES = (
    *("state", "environment", "app", "q", "sort", "page", "type", "server", "extension", "after"),
    *("before", "limit", "next", "a", "b", "target", "targets", "timeout", "csrf", "user", "tab"),
    *("password", "action", "seconds", "until", "from", "to"),
)
texts = utf8_texts | st.sampled_from(
    ["1", "-1", "9" * 20, "nan", "1e400", "up", "-latency", "web01"]
)
pairs = st.lists(st.tuples(st.sampled_from(NAMES) | utf8_texts, texts), max_size=4)


def _encoded(items: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name[:200])}={quote(value[:3000])}" for name, value in items)


queries = pairs.map(_encoded)
paths = st.sampled_from(PATHS) | utf8_texts.map(lambda it: f"/{quote(it[:100])}")
_LINE = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40)
header_values = st.one_of(
    _LINE.map(lambda it: it.encode("latin-1")),
    st.sampled_from([b"application/json", b"text/html", b"Bearer x", b"Basic \xe9", b"null", b"*"]),
)
header_names = st.sampled_from(
    [
        *(b"accept", b"authorization", b"cookie", b"content-type", b"origin", b"referer", b"host"),
        *(b"if-none-match", b"last-event-id", b"sec-fetch-site", b"x-csrf-token", b"range"),
        *(b"x-forwarded-for", b"accept-encoding", b"sec-fetch-mode", b"content-length"),
    ]
)
headers = st.lists(st.tuples(header_names, header_values), max_size=4)
cookies = st.sampled_from(["baton_session", "baton_visitor", "__Host-baton_session"])
methods = st.sampled_from(["GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "X"])


def ask(request: Request, *, users: bool) -> Answer:
    with no_stall():
        answer = run(site(users=users).ask(request))
    check_answer(answer)
    return answer


@given(methods, paths, queries, headers, st.booleans(), st.binary(max_size=60))
def test_any_request(
    method: str,
    path: str,
    query: str,
    headers: list[tuple[bytes, bytes]],
    users: bool,
    body: bytes,
) -> None:
    ask(Request(method, f"{path}?{query}", [*headers, (b"host", b"localhost")], body), users=users)


@given(st.sampled_from(PATHS), queries)
def test_any_query_of_somebody_who_may(path: str, query: str) -> None:
    token = site(users=True).token.encode()
    given = [(b"authorization", b"Bearer " + token), (b"accept", b"application/json")]
    ask(Request("GET", f"{path}?{query}", given), users=True)


@given(
    st.sampled_from([path for path in PATHS if path.startswith("/api/")]),
    st.dictionaries(st.sampled_from([*NAMES, "until"]), values, max_size=3).map(json.dumps)
    | values.map(json.dumps)
    | st.sampled_from(
        ['{"seconds":1e400}', '{"targets":["\\ud800"]}', "[" * 5000, '{"timeout":NaN}']
    ),
    st.sampled_from(["POST", "DELETE", "PUT"]),
)
def test_any_document_of_somebody_who_may(path: str, document: str, method: str) -> None:
    token = site(users=True).token.encode()
    given = [(b"authorization", b"Bearer " + token), (b"content-type", b"application/json")]
    ask(Request(method, path, given, document.encode()), users=True)


@given(st.sampled_from(["/servers", "/ping", "/incidents/test", "/login", "/logout"]), queries)
def test_any_form(path: str, form: str) -> None:
    visitor = b"v" * 43
    page = run(
        site().ask(
            Request(
                "GET", "/ping", [(b"host", b"localhost"), (b"cookie", b"baton_visitor=" + visitor)]
            )
        )
    )
    cookie = (
        page.headers.get("set-cookie", "").partition(";")[0].encode() or b"baton_visitor=" + visitor
    )
    token = page.body.partition(b'name="csrf" value="')[2].partition(b'"')[0].decode()
    given = [
        (b"host", b"localhost"),
        (b"cookie", cookie),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    ask(Request("POST", path, given, f"csrf={token}&{form}".encode()), users=False)


@given(cookies, _LINE, st.sampled_from(["Bearer", "Basic", "bearer", "Digest", ""]), _LINE)
def test_any_cookie_and_token(name: str, cookie: str, scheme: str, token: str) -> None:
    given = [
        (b"cookie", f"{name}={cookie}".encode("latin-1")),
        (b"authorization", f"{scheme} {token}".encode("latin-1")),
    ]
    for headers in (given[:1], given[1:]):
        answer = ask(Request("GET", "/api/fleet", headers), users=True)
        assert answer.status in (401, 403, 429)


@given(bodies | outputs.map(lambda body: json.dumps(body).encode()))
def test_any_output_is_kept_and_shown(body: bytes) -> None:
    load("output")(body)


@given(outputs)
def test_no_text_becomes_a_part_of_a_page(body: dict[str, Any]) -> None:
    marked = _marked({**body, "type": body["type"] or "info", "fqdn": body["fqdn"][:60] or "web01"})
    load("output")(json.dumps(marked).encode())


def _marked(value: Any) -> Any:
    """*value* with something hostile in each text."""
    match value:
        case str():
            return value[:50] + HOSTILE
        case list():
            return [_marked(each) for each in value]
        case dict():
            kept = ("type", "fqdn", "environment", "app_names", "facts", "message")
            return {
                name if name in kept else name[:50] + HOSTILE: _marked(each)
                for name, each in value.items()
            }
        case _:
            return value


def test_the_mark_is_shown_as_text() -> None:
    """The property above would find it: it is on the page, and escaped there."""
    there = site()
    there.hear(Observation(1_800_000_000.0, "baton-ping", "pong", "marked", HOSTILE, (HOSTILE,)))
    page = run(there.get("/servers/marked")).body.decode()
    assert f"&lt;{MARK}" in page
    assert f"<{MARK}" not in page
