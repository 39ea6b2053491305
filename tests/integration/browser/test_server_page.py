"""All of one server: its facts, its history, what it said, and what can be done to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

if TYPE_CHECKING:
    from browser.window import Windows
    from integration.browser.dashboards import Dashboard

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_is_known_of_it(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}/servers/sim00007.example.org")
    await expect(page).to_have_title(re.compile("sim00007.example.org · Baton"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("sim00007.example.org")
    await expect(page.locator(".head .state")).to_have_text("up")
    facts = page.locator(".facts")
    await expect(facts.get_by_text("10.0.0.7")).to_be_visible()
    await expect(facts.get_by_text("aarch64")).to_be_visible()

    chart = page.get_by_role("img", name="Latency in the last 1h")
    await expect(chart).to_be_visible()
    await expect(chart.locator("path.line")).to_have_count(1)
    await page.get_by_text("The figures as a table").click()
    table = page.locator(".figures-table table")
    rows = table.locator("tbody tr")
    await expect(rows.first).to_be_visible()
    before = await rows.count()
    await expect(rows.nth(before)).to_be_visible()  # it goes on, and stays open
    for span in ("24 h", "7 d", "90 d"):
        await page.get_by_role("navigation", name="How far back").get_by_text(span).click()
        await expect(page).to_have_url(re.compile(f"span={span.replace(' ', '')}"))
        await expect(page.get_by_role("link", name=span)).to_have_attribute("aria-current", "page")


async def test_its_outputs_are_the_events_page_of_it(
    populated: Dashboard, windows: Windows
) -> None:
    page = await windows.open(f"{populated.url}/servers/sim00008.example.org")
    await expect(page.locator(".events li").first).to_contain_text("pong")
    await page.locator(".box-head", has_text="Outputs").get_by_role("link", name="All").click()
    await expect(page.get_by_label("Server")).to_have_value("sim00008.example.org")
    await page.wait_for_load_state()
    servers = await page.locator(".events .server").all_text_contents()
    assert set(servers) == {"sim00008.example.org"}


async def test_maintenance_and_its_end(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}/servers/sim00009.example.org")
    await page.get_by_role("combobox", name="How long").select_option("1 day")
    await page.get_by_role("button", name="Maintenance", exact=True).click()
    state = page.locator(".head .state")
    await expect(state).to_have_text("in maintenance")
    await expect(page.get_by_text("maintenance ends in 23 h")).to_be_visible()
    changes = page.locator("section", has=page.get_by_role("heading", name="Changes of state"))
    await expect(changes.locator("li").first).to_contain_text("in maintenance")
    await page.get_by_role("button", name="End maintenance").click()
    await expect(state).to_have_text("up")


async def test_retiring_and_taking_back(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}/servers/sim00010.example.org")
    state = page.locator(".head .state")
    await page.get_by_role("button", name="Retire").click()
    await expect(state).to_have_text("retired")
    await page.get_by_role("button", name="Take back").click()
    await expect(state).to_have_text("up")


async def test_one_that_nobody_knows(populated: Dashboard, windows: Windows) -> None:
    with windows.faults.expected("404"):
        page = await windows.open(f"{populated.url}/servers/nobody.example.org")
    await expect(page.get_by_role("main")).to_contain_text("nobody.example.org")
    await page.get_by_role("link", name="To the fleet").click()
    await expect(page).to_have_url(f"{populated.url}/")
