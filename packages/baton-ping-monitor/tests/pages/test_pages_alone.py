"""Pages that stand alone, for those who may not see the fleet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from baton_ping_monitor.settings import WebSettings
from baton_ping_monitor.web.passwords import hash_password

if TYPE_CHECKING:
    from pages.conftest import Dashboard, Make


@pytest.fixture
def guarded(make_dashboard: Make, tmp_path: Path) -> Dashboard:
    users = tmp_path / "users"
    users.write_text(f"vera:viewer:{hash_password('secret word')}\n")
    users.chmod(0o600)
    dashboard = make_dashboard(WebSettings(users_file=users))
    dashboard.hear("secret.example.org")
    return dashboard


async def log_in(dashboard: Dashboard) -> None:
    page = await dashboard.get("/login")
    found = re.search(r'name="csrf" value="([^"]+)"', page.html)
    assert found
    fields = {"csrf": found[1], "user": "vera", "password": "secret word", "next": "/"}
    answer = await dashboard.browser.post("/login", data=fields)
    assert answer.status_code == 303


async def test_the_login_page_tells_nothing_of_the_fleet(guarded: Dashboard) -> None:
    page = await guarded.get("/login", next="/events?q=x")
    assert page.status == 200
    assert page.title == "Log in · Baton"
    assert 'name="next" value="/events?q=x"' in page.html
    assert "secret" not in page.text
    assert "pong" not in page.text
    assert "data-live" not in page.html


async def test_who_is_logged_in_is_shown(guarded: Dashboard) -> None:
    await log_in(guarded)
    page = await guarded.get("/")
    assert "vera viewer" in page.text
    assert 'action="/logout"' in page.html
    assert "secret.example.org" in page.names()


async def test_viewers_are_offered_nothing_that_they_may_not(guarded: Dashboard) -> None:
    await log_in(guarded)
    for path in ("/", "/servers/secret.example.org", "/incidents", "/runs"):
        page = await guarded.get(path)
        assert page.status == 200
        assert 'name="action"' not in page.html, path
        assert "Ping now</a>" not in page.html.partition("<main")[2], path
    page = await guarded.get("/ping")
    assert "Operators can ping; vera is a viewer." in page.text


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [("/nothing", 404, "There is nothing here"), ("/runs/x", 404, "There is nothing here")],
)
async def test_errors_say_what_to_do(
    dashboard: Dashboard, path: str, status: int, title: str
) -> None:
    page = await dashboard.get(path)
    assert page.status == status
    assert page.title == f"{title} · Baton"
    assert "It may have been kept for a while" in page.text
    assert "To the fleet" in page.text
