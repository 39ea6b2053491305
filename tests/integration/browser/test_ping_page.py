"""Pinging now: live, who is missing, and two runs side by side."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from baton import Server
from browser.artifacts import artifact
from browser.axe import faults_of
from integration.browser.dashboards import server
from integration.browser.pages import state_of
from integration.running import running

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

    from brokers.vhost import Vhost
    from browser.window import Windows
    from integration.browser.dashboards import Dashboard, Monitors

pytestmark = pytest.mark.asyncio(loop_scope="session")

HUNG = "db01.example.org"


async def test_a_run_shows_its_progress_and_who_is_missing(
    vhost: Vhost, windows: Windows, monitors: Monitors
) -> None:
    async with (
        running(vhost.configuration(), Server("web01.example.org", "production")),
        server(vhost.url, HUNG) as hung,
    ):
        monitor = await monitors.run()
        page = await windows.open(monitor.url)
        await expect(state_of(page, HUNG)).to_have_text("up")
        await page.get_by_role("link", name="Ping now").click()
        await ping(page, "production", 10)
        await expect(page.get_by_text("All that were expected have answered.")).to_be_visible()
        await expect(figure(page, "Answered")).to_have_text(re.compile(r"2\s+of 2"))
        await expect(page.get_by_role("img", name="Servers by latency")).to_be_visible()

        hung.signal(signal.SIGSTOP)
        await page.get_by_role("link", name="Ping again").click()
        await expect(page.get_by_label("Whom")).to_have_value("production")
        await ping(page, "production", 5)  # so long there is progress to be seen
        await expect(page.get_by_role("heading", level=1)).to_have_text("Pinging production")
        await expect(figure(page, "Answered")).to_have_text(re.compile(r"1\s+of 2"))
        await expect(page.get_by_role("progressbar", name="Answered")).to_be_visible()
        await page.screenshot(path=artifact("ping-progress.png"))
        await expect(page.get_by_role("heading", level=1)).to_have_text("Ping production")
        missing = page.locator("section", has=page.get_by_role("heading", name="Missing"))
        await expect(missing).to_contain_text(HUNG)
        await page.screenshot(path=artifact("ping-missing.png"), full_page=True)
        assert await faults_of(page) == []

        await page.get_by_role("navigation").get_by_role("link", name="Runs").click()
        await expect(page.locator("table.runs tbody tr")).to_have_count(2)
        assert await faults_of(page) == []
        await page.get_by_role("button", name="Compare").click()
        vanished = page.locator("section", has=page.get_by_text(HUNG))
        await expect(vanished).to_be_visible()
        await page.screenshot(path=artifact("ping-difference.png"))
        assert await faults_of(page) == []
        hung.signal(signal.SIGCONT)


async def test_what_cannot_be_pinged(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}/ping")
    await page.get_by_label("Whom").fill("no/such\u202ekey " + "x" * 300)
    with windows.faults.expected("400"):
        await page.get_by_role("button", name="Ping", exact=True).click()
        await expect(page.get_by_role("alert").filter(has_text="is no target")).to_be_visible()
    await page.goto(f"{populated.url}/ping")
    await ping(page, "nobody.example.org", 1)
    await expect(page.get_by_text("Nobody listens on nobody.example.org")).to_be_visible()


async def ping(page: Page, targets: str, seconds: float) -> None:
    """Fill the form and send it."""
    await page.get_by_label("Whom").fill(targets)
    await page.get_by_label("Seconds to wait").fill(str(seconds))
    await page.get_by_role("button", name="Ping", exact=True).click()
    await expect(page).to_have_url(re.compile(r"/runs/\w+$"))


def figure(page: Page, name: str) -> Locator:
    """The number that is called so."""
    return page.locator(".figures > div", has=page.locator("dt", has_text=name)).locator("dd")
