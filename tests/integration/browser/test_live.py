"""A page that stays open shows what happens, and says when it cannot know."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from baton import Server
from browser.artifacts import artifact
from integration.browser.dashboards import server
from integration.browser.pages import row, state_of
from integration.running import running
from lines import Line

if TYPE_CHECKING:
    from brokers.vhost import Vhost
    from browser.window import Windows
    from integration.browser.dashboards import Monitors

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHILE = re.compile(r"([4-9]|\d\d) s ago")
WEB = "web01.example.org"
DB = "db01.example.org"
STALE = "The monitor does not answer."


@pytest_asyncio.fixture(loop_scope="session")
async def line(vhost: Vhost) -> AsyncIterator[Line]:
    """A line to the broker; it is there until the monitors have ended."""
    async with Line(vhost.url) as line:
        yield line


async def test_a_server_appears_goes_missing_and_comes_back(
    vhost: Vhost, windows: Windows, monitors: Monitors
) -> None:
    monitor = await monitors.run()
    async with AsyncExitStack() as process:
        page = await windows.open(monitor.url)
        await expect(page.get_by_text("No server has answered yet")).to_be_visible()
        await page.evaluate("window.isTheSame = true")

        first = await process.enter_async_context(server(vhost.url, WEB))
        await expect(row(page, WEB)).to_be_visible()
        await expect(state_of(page, WEB)).to_have_text("up")
        await expect(page).to_have_title("Fleet · Baton")
        async with running(vhost.configuration(), Server(DB, "staging")):
            await expect(row(page, DB)).to_be_visible()

            first.signal(signal.SIGKILL)
            await expect(state_of(page, WEB)).to_have_text("missing")
            await expect(page).to_have_title("(1) Fleet · Baton")
            await expect(state_of(page, DB)).to_have_text("up")
            incident = page.locator(".notice-incident")
            await expect(incident).to_contain_text(f"{WEB} is missing")
            await page.screenshot(path=artifact("live-missing.png"))

            await process.enter_async_context(server(vhost.url, WEB))
            await expect(state_of(page, WEB)).to_have_text("up")
            await expect(page).to_have_title("Fleet · Baton")
            await expect(incident).to_have_count(0)
            assert await page.evaluate("window.isTheSame")  # nothing was loaded anew


async def test_when_the_broker_is_away_the_page_says_so_and_nothing_is_called_missing(
    line: Line, vhost: Vhost, windows: Windows, monitors: Monitors
) -> None:
    async with running(vhost.configuration(), Server(WEB, "production")):
        monitor = await monitors.run(amqp_url=line.end)
        page = await windows.open(monitor.url)
        await expect(state_of(page, WEB)).to_have_text("up")
        banner = page.get_by_role("alert").filter(has_text="No broker since")
        await expect(banner).to_have_count(0)

        await line.cut()
        await expect(banner).to_be_visible()
        # Eight pings would have passed.
        await expect(row(page, WEB).locator(".col-pong")).to_have_text(WHILE)
        await expect(state_of(page, WEB)).to_have_text("up")
        await expect(page).to_have_title("Fleet · Baton")
        await page.screenshot(path=artifact("live-blind.png"))

        await line.mend()
        await expect(banner).to_have_count(0)
        await expect(state_of(page, WEB)).to_have_text("up")


async def test_when_the_monitor_is_gone_the_page_says_that_it_is_stale(
    vhost: Vhost, windows: Windows, monitors: Monitors
) -> None:
    monitor = await monitors.run()
    async with running(vhost.configuration(), Server(WEB, "production")):
        page = await windows.open(monitor.url)
        await expect(state_of(page, WEB)).to_have_text("up")
        stale = page.get_by_role("alert").filter(has_text="The monitor does not answer.")
        await expect(stale).to_have_count(0)
        with windows.faults.expected("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED"):
            await asyncio.to_thread(monitor.kill)
            await expect(stale).to_be_visible()
            await page.screenshot(path=artifact("live-stale.png"))
            await asyncio.to_thread(monitor.start)
            await expect(stale).to_have_count(0)
        await expect(state_of(page, WEB)).to_have_text("up")
