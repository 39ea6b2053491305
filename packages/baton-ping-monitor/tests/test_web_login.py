"""Logging in and out, as a browser does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import httpx2
import pytest

from baton_ping_monitor.web.app import make_app
from baton_ping_monitor.web.passwords import hash_password

if TYPE_CHECKING:
    from conftest import MakeSite, Site

LogIn = Callable[..., Awaitable[httpx2.Response]]


async def test_a_password_leads_to_the_page_that_was_asked_for(
    guarded: Site, log_in: LogIn
) -> None:
    async with guarded.client() as browser:
        answer = await log_in(browser, next="/runs?a=b")
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs?a=b")
        page = await browser.get("/runs")
        assert page.status_code == 200
        assert "alice" in page.text


async def test_the_form_keeps_where_to_go(guarded: Site) -> None:
    async with guarded.client() as browser:
        page = await browser.get("/runs?a=b", follow_redirects=True)
    assert page.url.path == "/login"
    assert 'name="next" value="/runs?a=b"' in page.text


@pytest.mark.parametrize("target", ["//evil.example.org", "https://evil.example.org/", "\\\\x", ""])
async def test_it_leads_nowhere_else(guarded: Site, log_in: LogIn, target: str) -> None:
    async with guarded.client() as browser:
        page = await browser.get("/login", params={"next": target})
        assert "evil" not in page.text
        assert (await log_in(browser, next=target)).headers["location"] == "/"


@pytest.mark.parametrize(
    ("user", "password"),
    [("alice", "wrong"), ("nobody", "wonderland"), ("", ""), ("ALICE", "wonderland")],
)
async def test_what_is_wrong_says_no_more_than_that(
    guarded: Site, log_in: LogIn, user: str, password: str
) -> None:
    async with guarded.client() as browser:
        answer = await log_in(browser, user, password)
        assert answer.status_code == 401
        assert "The name or the password is wrong." in answer.text
        assert "set-cookie" not in answer.headers
        assert (await browser.get("/")).status_code == 303


async def test_who_guesses_has_to_wait(guarded: Site, log_in: LogIn) -> None:
    async with guarded.client() as browser:
        for number in range(5):
            assert (await log_in(browser, "ci", f"wrong{number}")).status_code == 401
        answer = await log_in(browser, "ci", guarded.token)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        guarded.time.now += 1
        assert (await log_in(browser, "ci", guarded.token)).status_code == 303


async def test_a_hostile_name_stays_text(guarded: Site, log_in: LogIn) -> None:
    async with guarded.client() as browser:
        answer = await log_in(browser, '"><script>alert(1)</script>', "x")
    assert "<script>alert" not in answer.text


async def test_a_form_of_another_site_logs_nobody_in(guarded: Site) -> None:
    async with guarded.client() as browser:
        fields = {"user": "alice", "password": guarded.passwords["alice"], "csrf": "0" * 64}
        assert (await browser.post("/login", data=fields)).status_code == 403


async def test_each_login_has_a_session_of_its_own(guarded: Site, log_in: LogIn) -> None:
    async with guarded.client() as browser:
        await log_in(browser)
        first = browser.cookies["baton_session"]
        await log_in(browser)
        second = browser.cookies["baton_session"]
    assert first != second
    async with guarded.client(cookies={"baton_session": second}) as browser:
        assert (await browser.get("/")).status_code == 200


async def test_a_session_that_was_not_given_is_none(guarded: Site, log_in: LogIn) -> None:
    chosen = {"Cookie": "baton_session=chosen-by-another"}
    async with guarded.client() as browser:
        assert (await browser.get("/", headers=chosen)).status_code == 303
        await log_in(browser)
        assert browser.cookies["baton_session"] != "chosen-by-another"
        assert (await browser.get("/", headers=chosen)).status_code == 303


async def test_the_cookie_is_for_this_host_and_no_script(guarded: Site, log_in: LogIn) -> None:
    async with guarded.client() as browser:
        cookie = (await log_in(browser)).headers["set-cookie"].split("; ")
    assert cookie[0].startswith("baton_session=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie)
    assert "Secure" not in cookie


@pytest.mark.parametrize(
    ("prefix", "name", "path"), [("", "__Host-", "/"), ("/baton", "__Secure-", "/baton")]
)
async def test_with_https_it_promises_more(
    make_site: MakeSite, users: str, log_in: LogIn, prefix: str, name: str, path: str
) -> None:
    site = make_site(users=users, prefix=prefix)
    async with site.client(base=f"https://baton.example.org{prefix}") as browser:
        answer = await log_in(browser)
        cookie = answer.headers["set-cookie"].split("; ")
        assert cookie[0].startswith(f"{name}baton_session=")
        assert {"Secure", f"Path={path}"} <= set(cookie)
        assert answer.headers["location"] == f"{prefix}/"
        assert (await browser.get("/")).status_code == 200


async def test_logging_out_ends_the_session_itself(
    guarded: Site, log_in: LogIn, csrf: Callable[[str], str]
) -> None:
    async with guarded.client() as browser:
        await log_in(browser, "victor")
        kept = browser.cookies["baton_session"]
        form = {"csrf": csrf((await browser.get("/")).text)}
        answer = await browser.post("/logout", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "baton_session" not in browser.cookies
    async with guarded.client(cookies={"baton_session": kept}) as browser:
        assert (await browser.get("/")).status_code == 303


async def test_a_session_ends_with_the_account(guarded: Site, log_in: LogIn) -> None:
    path = guarded.services.settings.web.users_file
    assert path is not None
    async with guarded.client() as browser:
        await log_in(browser)
        lines = path.read_text().splitlines(keepends=True)
        path.write_text(lines[0].replace("operator", "viewer") + "".join(lines[1:]))
        assert "viewer" in (await browser.get("/")).text
        path.write_text("".join(lines[1:]))
        assert (await browser.get("/")).status_code == 303


async def test_a_session_ends_with_its_password(guarded: Site, log_in: LogIn) -> None:
    path = guarded.services.settings.web.users_file
    assert path is not None
    async with guarded.client() as browser:
        await log_in(browser)
        lines = path.read_text().splitlines(keepends=True)
        path.write_text(f"alice:operator:{hash_password('another')}\n" + "".join(lines[1:]))
        assert (await browser.get("/")).status_code == 303
        assert (await log_in(browser, password="another")).status_code == 303
        assert (await browser.get("/")).status_code == 200


async def test_who_logs_in_is_in_the_log(
    guarded: Site, log_in: LogIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with guarded.client(host="192.0.2.7") as browser:
        await log_in(browser, "victor")
    assert "victor logged in, from 192.0.2.7" in caplog.text
    assert guarded.passwords["victor"] not in caplog.text


async def test_a_session_outlives_the_process(guarded: Site, log_in: LogIn) -> None:
    async with guarded.client() as browser:
        await log_in(browser)
        cookies = dict(browser.cookies)
    guarded.app = make_app(guarded.services)
    async with guarded.client(cookies=cookies) as browser:
        assert (await browser.get("/")).status_code == 200


async def test_without_users_there_is_nothing_to_log_in_to(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/login")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_names_and_passwords_are_cut(guarded: Site, log_in: LogIn) -> None:
    async with guarded.client() as browser:
        assert (await log_in(browser, "x" * 20_000, "y" * 20_000)).status_code == 401
        assert (await log_in(browser, "x" * 70_000, "y")).status_code == 413
