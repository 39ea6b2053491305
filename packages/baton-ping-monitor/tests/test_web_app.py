"""The application as a whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx2
import pytest

from baton.errors import ConfigurationError
from baton_ping_monitor.web import static

if TYPE_CHECKING:
    from conftest import MakeSite, Site


async def test_what_is_not_there_is_a_page_or_a_document(browser: httpx2.AsyncClient) -> None:
    page = await browser.get("/nothing")
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "There is nothing at this address." in page.text
    document = await browser.get("/api/nothing")
    assert document.status_code == 404
    assert document.json() == {"error": "There is nothing at this address."}


async def test_what_cannot_be_done_says_what_can(browser: httpx2.AsyncClient) -> None:
    answer = await browser.request("PATCH", "/api/servers", headers={"Sec-Fetch-Site": "none"})
    assert answer.status_code == 405
    assert answer.json() == {"error": "This cannot be done to this address."}
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    answer = await browser.request("DELETE", "/api/runs")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_what_nobody_expected_is_told_without_a_traceback(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(site.services.fleet, "view", broken)
    transport = httpx2.ASGITransport(site.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        answer = await browser.get("/api/fleet")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something went wrong. The log of the monitor says what."}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret detail" not in answer.text


@pytest.mark.parametrize("keeps", [True, False])
async def test_all_links_are_below_the_prefix(make_site: MakeSite, keeps: bool) -> None:
    site = make_site(prefix="/baton")
    await site.say()
    asked = {"/"}
    seen: set[str] = set()
    async with site.client() as browser:
        while asked - seen:
            path = (asked - seen).pop()
            seen.add(path)
            answer = await browser.get(("/baton" if keeps else "") + path)
            assert answer.status_code == 200, path
            if answer.headers["content-type"].startswith("text/html"):
                links = re.findall(r'(?:href|src|action|data-live)="(/[^"#?]*)', answer.text)
                assert links
                for link in links:
                    assert link.startswith("/baton/"), (path, link)
                asked |= {
                    link.removeprefix("/baton")
                    for link in links
                    if not link.endswith(("/live", "/test", "/servers", "/logout"))
                }
    assert "/servers/web01.example.org" in seen
    assert any(path.startswith("/static/") for path in seen)


@pytest.mark.parametrize("path", ["/baton", "/baton/", "/"])
async def test_the_prefix_alone_is_the_first_page(make_site: MakeSite, path: str) -> None:
    async with make_site(prefix="/baton").client() as browser:
        assert (await browser.get(path)).status_code == 200


async def test_static_files_are_kept_for_ever_by_their_version(site: Site) -> None:
    async with site.client() as browser:
        page = await browser.get("/")
        found = re.search(r'"(/static/\w+/)base\.css"', page.text)
        assert found
        answer = await browser.get(f"{found[1]}base.css")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        older = await browser.get("/static/older/base.css")
        assert older.headers["cache-control"] == "no-cache"
        for path in ("nothing.css", "../app.py", "%2e%2e/app.py", "..%2fapp.py", "", "x%00y"):
            assert (await browser.get(found[1] + path)).status_code in (404, 405), path


def test_the_version_tells_whether_a_file_changed(tmp_path: object) -> None:
    from pathlib import Path  # noqa: PLC0415

    folder = Path(str(tmp_path))
    (folder / "a.css").write_text("a")
    first = static.version_of(folder)
    assert static.version_of(folder) == first
    (folder / "a.css").write_text("b")
    second = static.version_of(folder)
    (folder / "a.css").rename(folder / "b.css")
    assert len({first, second, static.version_of(folder)}) == 3


def test_a_users_file_that_is_wrong_is_said_at_once(make_site: MakeSite) -> None:
    with pytest.raises(ConfigurationError, match="line 1"):
        make_site(users="alice")


HOSTILE = [
    "/%00",
    "/servers/%00",
    "/servers/" + "x" * 5000,
    "/servers/%ff%fe",
    "/servers/..%2f..%2fetc%2fpasswd",
    "/servers/%3Cscript%3Ealert(1)%3C/script%3E",
    "/runs/%00",
    "/runs/diff?a=%00&b=%00",
    "/events?before=99999999999999999999999999",
    "/events?type=%00&q=%25%5F",
    "/events/99999999999999999999",
    "/?page=-1&sort=%00&state=x&q=%00",
    "/?q=" + "x" * 10_000,
    "/api/servers/%00",
    "/api/servers/%E2%80%AE",
    "/api/replies/%00",
    "/api/replies/" + "x" * 5000,
    "/api/runs/%00",
    "/api/runs/..%2f",
    "/live%00",
    "//evil.example.org",
    "/login?next=%00",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/;/",
]


@pytest.mark.parametrize("path", HOSTILE)
async def test_hostile_addresses_break_nothing(site: Site, path: str) -> None:
    await site.say()
    async with site.client() as browser:
        answer = await browser.get(httpx2.URL("http://localhost:8470" + path))
    assert answer.status_code in (200, 303, 400, 404)
    assert "<script>alert" not in answer.text
    assert "Traceback" not in answer.text
