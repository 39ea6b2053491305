"""Every output, as it comes."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from integration.running import command

if TYPE_CHECKING:
    from browser.window import Windows
    from integration.browser.dashboards import Dashboard

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHOM: Final = "sim00011.example.org"


async def test_events_come_by_themselves_and_can_be_filtered(
    populated: Dashboard, windows: Windows
) -> None:
    page = await windows.open(f"{populated.url}/events")
    events = page.locator(".events > li")
    await expect(events.first).to_be_visible()
    newest = await events.first.get_attribute("data-key")
    await expect(events.first).not_to_have_attribute("data-key", newest or "")

    await page.get_by_label("Type").fill("error")
    await expect(page.get_by_text("No output matches")).to_be_visible()
    await expect(page).to_have_url(re.compile("type=error"))
    await asyncio.to_thread(send, populated, "explode")
    await expect(events).to_have_count(1)
    await expect(events).to_contain_text("UnknownMessageType")
    await expect(events).to_contain_text(WHOM)

    # The list holds while somebody reads, and goes on when they are done.
    await events.locator("summary").click()
    await expect(events.locator("pre")).to_contain_text('"error_class"')
    await expect(page.get_by_role("status").filter(has_text="Held while you read")).to_be_visible()
    await asyncio.to_thread(send, populated, "burn")
    await events.locator("summary").click()
    await expect(events).to_have_count(2)

    await page.get_by_role("searchbox").fill("burn")
    await expect(events).to_have_count(1)
    await page.reload()
    await expect(events).to_have_count(1)
    await events.locator("summary").click()
    await events.get_by_role("link", name="This output alone").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"error of {WHOM}")
    await page.get_by_role("link", name=WHOM).click()
    await expect(page.locator(".notice").filter(has_text="Last error")).to_contain_text("burn")


async def test_older_ones(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}/events?type=pong")
    older = page.get_by_role("link", name="Older")
    await expect(older).to_be_visible()
    last = int(await page.locator(".events > li").last.get_attribute("data-key") or 0)
    await older.click()
    await expect(page.get_by_role("link", name="to the latest")).to_be_visible()
    assert int(await page.locator(".events > li").first.get_attribute("data-key") or 0) < last
    await expect(page).to_have_url(re.compile("type=pong"))


def send(populated: Dashboard, kind: str) -> None:
    """Send what no server can do."""
    body = json.dumps({"type": kind})
    ended = command("send", "ping", WHOM, body, "--url", populated.amqp_url)
    assert ended.code == 0, ended.err
