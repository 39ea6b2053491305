"""Behind a real nginx, below a path."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from baton import Server
from browser.nginx import in_front
from integration.browser.dashboards import OPERATOR
from integration.browser.pages import row, state_of
from integration.browser.test_login import log_in
from integration.running import running

if TYPE_CHECKING:
    from brokers.vhost import Vhost
    from browser.window import Windows
    from integration.browser.dashboards import Monitors

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEB: Final = Server("web01.example.org", "production")
DB: Final = Server("db01.example.org", "production")
PAGE: Final = Path(__file__).parents[3] / "docs/dashboard.md"


def location() -> str:
    """The block that the documentation has for nginx."""
    found = re.search(
        r"^```nginx\n.*?^ +(location .*?\n) *\}", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    assert found is not None
    return f"{found[1]}}}"


async def test_behind_nginx(
    vhost: Vhost,
    monitors: Monitors,
    windows: Windows,
    users: Path,
    nginx_executable: Path,
    tmp_path: Path,
) -> None:
    configuration = vhost.configuration()
    monitor = await monitors.run("--users-file", str(users), prefix="/baton")
    async with running(configuration, WEB):
        with in_front(
            nginx_executable, tmp_path, location().replace(":8470", f":{monitor.port}")
        ) as outside:
            page = await windows.open(f"{outside}/baton/")
            await expect(page).to_have_url(re.compile(re.escape(f"{outside}/baton/login")))
            await log_in(page, *OPERATOR)
            await expect(state_of(page, WEB.fqdn)).to_have_text("up")
            async with running(configuration, DB):
                await expect(row(page, DB.fqdn)).to_be_visible()  # the stream is not held back
            for name in ("Events", "Ping now", "Runs", "Incidents", "Fleet"):
                await page.get_by_role("navigation").get_by_role("link", name=name).click()
                await expect(page).to_have_url(re.compile(re.escape(f"{outside}/baton/")))
                await expect(page.get_by_role("heading", level=1)).to_be_attached()
            await page.get_by_role("link", name=WEB.fqdn).click()
            await expect(page).to_have_url(f"{outside}/baton/servers/{WEB.fqdn}")
            await page.get_by_role("button", name="Log out").click()
            await expect(page).to_have_url(f"{outside}/baton/login")
