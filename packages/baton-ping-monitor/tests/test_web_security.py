"""What holds for each request and each answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from baton.errors import ConfigurationError
from baton_ping_monitor.settings import WebSettings
from baton_ping_monitor.web import security
from baton_ping_monitor.web.links import path_for, path_of, prefix_of
from baton_ping_monitor.web.security import (
    LONGEST_BODY,
    HostCheck,
    Prefix,
    SecurityHeaders,
    WholeBody,
    check_exposure,
    is_loopback,
)


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {
            "path": path_of(request),
            "prefix": prefix_of(request),
            "self": path_for(request, "echo", name="x y"),
            "body": len(body),
            "scope": len(request.scope.get("baton.body", b"")),
        }
    )


async def kept(_: Request) -> Response:
    return PlainTextResponse("style", headers={"Cache-Control": "public"})


def client(*middleware: Middleware, base: str = "http://localhost") -> TestClient:
    routes = [
        Route("/api/echo/{name}", echo, methods=["GET", "POST"], name="echo"),
        Route("/kept", kept),
    ]
    return TestClient(Starlette(routes=routes, middleware=list(middleware)), base_url=base)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LocalHost"]
)
def test_addresses_of_this_machine_need_no_users(host: str) -> None:
    assert is_loopback(host)
    check_exposure(WebSettings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "baton.example.org"])
def test_any_other_address_needs_users(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigurationError, match=r"--users-file.*--host 127.0.0.1"):
        check_exposure(WebSettings(host=host))
    check_exposure(WebSettings(host=host, users_file=Path("users")))


def test_every_answer_has_the_headers() -> None:
    with client(Middleware(SecurityHeaders)) as browser:
        for path in ("/api/echo/x", "/kept", "/nothing"):
            headers = browser.get(path).headers
            for name, value in security.HEADERS.items():
                assert headers[name] == value
        assert browser.get("/api/echo/x").headers["cache-control"] == "no-store"
        assert browser.get("/kept").headers["cache-control"] == "public"


def test_the_content_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = security.HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert {source for each in policy.split("; ") for source in each.split(" ")[1:]} == {
        "'none'",
        "'self'",
    }
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/baton/api/echo/x", "/api/echo/x"])
def test_a_proxy_may_keep_the_prefix_or_take_it_away(path: str) -> None:
    with client(Middleware(Prefix, "/baton")) as browser:
        assert browser.get(path).json() == {
            "path": "/api/echo/x",
            "prefix": "/baton",
            "self": "/baton/api/echo/x%20y",
            "body": 0,
            "scope": 0,
        }


def test_without_a_prefix_there_is_none() -> None:
    with client(Middleware(Prefix, "")) as browser:
        assert browser.get("/api/echo/x").json()["self"] == "/api/echo/x%20y"
        assert browser.get("/baton/api/echo/x").status_code == 404


@pytest.fixture
def guarded() -> Iterator[TestClient]:
    with client(Middleware(HostCheck, "127.0.0.2")) as browser:
        yield browser


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8470",
        "LOCALHOST",
        "127.0.0.1:8470",
        "[::1]:8470",
        "[::1]",
        "127.0.0.2",
    ],
)
def test_names_of_this_machine_are_answered(guarded: TestClient, host: str) -> None:
    assert guarded.get("/kept", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example.org", "localhost.example.org:8470", "", "127.0.0.1.nip.io", "::1", "[::1"],
)
def test_other_names_are_not(guarded: TestClient, host: str) -> None:
    answer = guarded.get("/api/echo/x", headers={"Host": host})
    assert answer.status_code == 421
    assert "DASHBOARD_USERS_FILE" in answer.json()["error"]


def test_a_body_is_there_as_a_whole() -> None:
    with client(Middleware(WholeBody)) as browser:
        answer = browser.post("/api/echo/x", content=b"x" * LONGEST_BODY)
        assert (answer.json()["body"], answer.json()["scope"]) == (LONGEST_BODY, LONGEST_BODY)


def test_a_body_that_is_too_long_is_refused() -> None:
    with client(Middleware(WholeBody)) as browser:
        for length in (LONGEST_BODY + 1, 10 * LONGEST_BODY):
            answer = browser.post("/api/echo/x", content=iter([b"x" * length]))
            assert answer.status_code == 413
            assert answer.headers["connection"] == "close"


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_BODY_DEADLINE", 0.01)
    sent = []

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: object) -> None:
        sent.append(message)

    async def app(*_: object) -> None:
        raise AssertionError("it was passed on")

    scope = {"type": "http", "method": "POST", "path": "/api/runs", "headers": []}
    await WholeBody(app)(scope, receive, send)
    assert sent[0]["status"] == 408  # type: ignore[index]


async def test_who_goes_while_they_send_is_not_answered() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def nothing(*_: object) -> None:
        raise AssertionError("somebody was answered")

    scope = {"type": "http", "method": "POST", "path": "/api/runs", "headers": []}
    await WholeBody(nothing)(scope, receive, nothing)
