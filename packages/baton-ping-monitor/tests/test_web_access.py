"""Who may what: for each request, before anything is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

if TYPE_CHECKING:
    from conftest import MakeSite, Site

JSON = {"Content-Type": "application/json"}
PAGES = ["/", "/servers/web01.example.org", "/ping", "/runs", "/events", "/incidents", "/live"]
DOCUMENTS = ["/api/servers", "/api/fleet", "/api/runs", "/api/openapi.json", "/metrics"]
PUBLIC = ["/login", "/healthz", "/readyz"]

LogIn = Callable[..., Awaitable[httpx2.Response]]


async def test_without_users_anybody_may_everything(
    browser: httpx2.AsyncClient, site: Site
) -> None:
    await site.say()
    for path in (*PAGES[:-1], *DOCUMENTS, "/healthz"):
        assert (await browser.get(path)).status_code == 200, path
    answer = await browser.post("/api/servers/web01.example.org/maintenance", json={"seconds": 60})
    assert answer.json()["state"] == "maintenance"


@pytest.mark.parametrize("path", [*PAGES, "/nothing"])
async def test_a_person_is_led_to_the_login_page(guarded: Site, path: str) -> None:
    async with guarded.client() as browser:
        answer = await browser.get(f"{path}?a=b")
    assert answer.status_code == 303
    there = urlsplit(answer.headers["location"])
    assert there.path == "/login"
    assert parse_qs(there.query) == {"next": [f"{path}?a=b"]}


@pytest.mark.parametrize("path", [*DOCUMENTS, "/api/nothing"])
async def test_a_program_is_asked_who_it_is(guarded: Site, path: str) -> None:
    async with guarded.client() as program:
        answer = await program.get(path)
    assert answer.status_code == 401
    assert answer.json() == {"error": "Log in first."}
    assert answer.headers["www-authenticate"] == 'Basic realm="Baton", charset="UTF-8"'


async def test_a_script_of_a_page_is_told_that_the_session_ended(guarded: Site) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    async with guarded.client() as browser:
        for path in ("/?fragment=1", "/live", "/api/servers"):
            answer = await browser.get(path, headers=headers)
            assert answer.status_code == 401
            # Browsers open a window of their own for Basic.
            assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("path", PUBLIC)
async def test_some_of_it_is_for_everybody(guarded: Site, path: str) -> None:
    async with guarded.client() as browser:
        assert (await browser.get(path)).status_code == 200


async def test_what_everybody_sees_tells_nothing_of_the_fleet(guarded: Site) -> None:
    await guarded.say("secret-name.example.org")
    guarded.health.is_ready, guarded.health.reason = False, "mq1.example.org is away"
    async with guarded.client() as browser:
        for path in (*PUBLIC, "/nothing", "/api/nothing", "/static/x/y"):
            text = (await browser.get(path, follow_redirects=True)).text
            assert "secret-name" not in text
            assert "mq1" not in text
        ready = await browser.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"ready": False})


@pytest.mark.parametrize("user", ["alice", "victor"])
async def test_a_password_opens_the_documents(guarded: Site, user: str) -> None:
    async with guarded.client(auth=(user, guarded.passwords[user])) as program:
        for path in DOCUMENTS:
            assert (await program.get(path)).status_code == 200
        assert (await program.get("/readyz")).json() == {"ready": True, "reason": ""}


async def test_a_token_opens_the_documents(guarded: Site) -> None:
    for headers in (
        {"Authorization": f"Bearer {guarded.token}"},
        {"Authorization": f"bearer  {guarded.token} "},
    ):
        async with guarded.client(headers=headers) as program:
            assert (await program.get("/api/servers")).status_code == 200
    async with guarded.client(auth=("ci", guarded.token)) as program:
        assert (await program.get("/api/servers")).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer baton_wrong",
        "Bearer",
        "Basic",
        "Basic !!!",
        "Basic YWxpY2U6d3Jvbmc=",
        "Basic YWxpY2U=",
        "Basic /w==",
        "Basic \xe9",
        "Digest username=alice",
        "",
        "x" * 5000,
    ],
)
async def test_what_is_wrong_opens_nothing(guarded: Site, header: str) -> None:
    async with guarded.client(headers={"Authorization": header.encode()}) as program:
        assert (await program.get("/api/servers")).status_code == 401


async def test_who_guesses_is_told_when_to_come_again(guarded: Site) -> None:
    async with guarded.client() as program:
        for number in range(5):
            answer = await program.get("/api/servers", auth=("ci", f"wrong{number}"))
            assert answer.status_code == 401
        answer = await program.get("/api/servers", auth=("ci", "wrong"))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"] == "Too many attempts to log in. Try again in 1 s."


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/servers/web01.example.org/maintenance"),
        ("DELETE", "/api/servers/web01.example.org/maintenance"),
        ("POST", "/api/servers/web01.example.org/retirement"),
        ("POST", "/api/runs"),
        ("POST", "/servers"),
        ("POST", "/ping"),
        ("POST", "/incidents/test"),
        ("POST", "/nothing"),
        ("PUT", "/api/servers"),
    ],
)
async def test_a_viewer_changes_nothing(
    guarded: Site, log_in: LogIn, csrf: Callable[[str], str], method: str, path: str
) -> None:
    await guarded.say()
    async with guarded.client() as browser:
        await log_in(browser, "victor")
        token = csrf((await browser.get("/")).text)
        form = None if path.startswith("/api") else {"csrf": token}
        headers = {"X-CSRF-Token": token, **({} if form else JSON)}
        answer = await browser.request(method, path, data=form, headers=headers)
    assert answer.status_code == 403
    assert "victor is a viewer" in answer.text
    server = guarded.services.fleet.server("web01.example.org")
    assert server is not None
    assert server.maintenance_until is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example.org"},
        {"Origin": "http://localhost:8471"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
async def test_other_sites_change_nothing(
    site: Site, csrf: Callable[[str], str], headers: dict[str, str]
) -> None:
    await site.say()
    path = "/api/servers/web01.example.org/maintenance"
    async with site.client() as browser:
        token = csrf((await browser.get("/")).text)
        answer = await browser.post(path, json={"seconds": 5}, headers=headers)
        assert answer.status_code == 403
        form = {"csrf": token, "action": "retire", "fqdn": "web01.example.org"}
        assert (await browser.post("/servers", data=form, headers=headers)).status_code == 403
        own = {"Origin": "http://localhost:8470"}
        assert (await browser.post(path, json={"seconds": 5}, headers=own)).status_code == 200
        own = {"Sec-Fetch-Site": "same-origin"}
        assert (await browser.post("/servers", data=form, headers=own)).status_code == 303


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_what_a_foreign_form_can_send_is_no_document(site: Site, kind: str) -> None:
    async with site.client() as browser:
        answer = await browser.post(
            "/api/runs", content=b'{"targets": ["*"]}', headers={"Content-Type": kind}
        )
    assert answer.status_code == 415
    assert answer.json()["error"] == "The Content-Type must be application/json."


@pytest.mark.parametrize("given", [None, "", "0" * 64, "ü"])
async def test_a_form_without_the_token_does_nothing(site: Site, given: str | None) -> None:
    await site.say()
    async with site.client() as browser:
        await browser.get("/")
        form = {"action": "retire", "fqdn": "web01.example.org"}
        if given is not None:
            form["csrf"] = given
        answer = await browser.post("/servers", data=form)
    assert answer.status_code == 403
    assert "too old" in answer.text
    assert site.services.fleet.view().servers[0].state == "up"


async def test_the_token_of_another_browser_is_none(site: Site, csrf: Callable[[str], str]) -> None:
    await site.say()
    async with site.client() as one, site.client() as another:
        token = csrf((await one.get("/")).text)
        await another.get("/")
        form = {"csrf": token, "action": "retire", "fqdn": "x"}
        assert (await another.post("/servers", data=form)).status_code == 403
        assert (await one.post("/servers", data=form)).status_code != 403


async def test_a_form_survives_a_restart(make_site: MakeSite, csrf: Callable[[str], str]) -> None:
    before, after = make_site(), make_site()
    await before.say()
    await after.say()
    async with before.client() as browser, after.client(cookies=browser.cookies) as later:
        token = csrf((await browser.get("/")).text)
        later.cookies = browser.cookies
        form = {"csrf": token, "action": "retire", "fqdn": "web01.example.org"}
        assert (await later.post("/servers", data=form)).status_code == 303


async def test_a_script_with_a_session_needs_the_token(
    guarded: Site, log_in: LogIn, csrf: Callable[[str], str]
) -> None:
    await guarded.say()
    path = "/api/servers/web01.example.org/maintenance"
    async with guarded.client() as browser:
        await log_in(browser)
        assert (await browser.post(path, json={"seconds": 5})).status_code == 403
        headers = {"X-CSRF-Token": csrf((await browser.get("/")).text)}
        answer = await browser.post(path, json={"seconds": 5}, headers=headers)
        assert answer.status_code == 200


async def test_programs_do_not_use_forms(guarded: Site) -> None:
    async with guarded.client(headers={"Authorization": f"Bearer {guarded.token}"}) as program:
        answer = await program.post("/servers", data={"csrf": "", "action": "retire"})
    assert answer.status_code == 403
    assert "below /api" in answer.text


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded", b"\xff=1", 400),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 2001), 400),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 70_000, 413),
        ("application/x-www-form-urlencoded", b"%ff%00=%00&csrf=%ff", 403),
    ],
)
async def test_forms_that_are_none(site: Site, kind: str, content: bytes, status: int) -> None:
    async with site.client() as browser:
        await browser.get("/")
        answer = await browser.post("/servers", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status


async def test_cookies_tell_as_little_as_they_can(site: Site, guarded: Site) -> None:
    del guarded
    async with site.client() as browser:
        cookie = (await browser.get("/")).headers["set-cookie"]
        assert cookie.startswith("baton_visitor=")
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert "set-cookie" not in (await browser.get("/")).headers
    async with site.client() as program:
        for path in (*DOCUMENTS, "/healthz"):
            assert "set-cookie" not in (await program.get(path)).headers


async def test_other_names_of_this_machine_are_not_answered_without_users(
    site: Site, guarded: Site
) -> None:
    headers = {"Host": "evil.example.org"}
    async with site.client(headers=headers) as browser:
        assert (await browser.get("/")).status_code == 421
        assert (await browser.get("/api/servers")).json()["error"].startswith("The dashboard is")
    async with guarded.client(headers=headers) as browser:
        assert (await browser.get("/login")).status_code == 200


async def test_a_database_that_fails_is_said(
    guarded: Site, log_in: LogIn, caplog: pytest.LogCaptureFixture
) -> None:
    async with guarded.client() as browser:
        await log_in(browser)
        guarded.spoil_database()
        answer = await browser.get("/")
    assert answer.status_code == 503
    # Who it is cannot be known: they are not told more than that.
    assert "The database does not answer. The log" in answer.text
    assert "The database does not answer: file is not a database" in caplog.text
    assert "Traceback" not in caplog.text


async def test_more_answers_have_the_headers(site: Site) -> None:
    async with site.client() as browser:
        for path, method in (("/", "GET"), ("/nothing", "GET"), ("/", "DELETE"), ("/api/x", "GET")):
            answer: Any = await browser.request(method, path)
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
