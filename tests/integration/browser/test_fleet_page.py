"""Finding servers in the list, with the mouse and with the keyboard, and acting on them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from integration.browser.conftest import EXPECTED, SERVERS
from integration.browser.pages import names, row, state_of

if TYPE_CHECKING:
    from browser.window import Windows
    from integration.browser.dashboards import Dashboard

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_filters_are_kept_in_the_url(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(populated.url)
    await expect(names(page)).to_have_count(SERVERS + 1)
    await page.get_by_role("combobox", name="Environment").select_option("staging")
    await expect(page).to_have_url(re.compile(r"[?&]environment=staging"))
    await expect(names(page)).to_have_count(SERVERS // 2)
    await page.get_by_role("searchbox").fill("sim00002")
    await expect(page).to_have_url(re.compile(r"[?&]q=sim00002"))
    await expect(names(page)).to_have_count(1)
    found = page.url

    other = await windows.open(found)
    await expect(names(other)).to_have_text(["sim00002.example.org"])
    await expect(other.get_by_role("searchbox")).to_have_value("sim00002")
    await expect(other.get_by_role("combobox", name="Environment")).to_have_value("staging")

    await page.get_by_role("link", name="Clear").click()
    await expect(names(page)).to_have_count(SERVERS + 1)
    await page.go_back()
    await expect(page).to_have_url(found)
    await expect(names(page)).to_have_count(1)


async def test_sorting(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(populated.url)
    await expect(names(page).first).to_have_text(EXPECTED)  # trouble comes first
    await page.get_by_role("columnheader", name="Server").get_by_role("link").click()
    await expect(page).to_have_url(re.compile(r"sort=server"))
    await expect(page.get_by_role("columnheader", name="Server")).to_have_attribute(
        "aria-sort", "ascending"
    )
    await expect(names(page)).to_have_count(SERVERS + 1)  # its address comes before the page
    ascending = await names(page).all_text_contents()
    assert ascending == sorted(ascending)
    await page.get_by_role("columnheader", name="Server").get_by_role("link").click()
    await expect(page).to_have_url(re.compile(r"sort=-server"))
    await expect(names(page)).to_have_text(ascending[::-1])
    await page.go_back()
    await expect(page).to_have_url(re.compile(r"sort=server"))
    await expect(names(page)).to_have_text(ascending)


async def test_a_count_shows_those_servers(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(populated.url)
    await page.get_by_label("States").get_by_role("link", name="never seen").click()
    await expect(names(page)).to_have_text([EXPECTED])
    await expect(state_of(page, EXPECTED)).to_have_text("never seen")


async def test_with_the_keyboard(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(populated.url)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="To the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()
    await page.keyboard.press("/")
    search = page.get_by_role("searchbox")
    await expect(search).to_be_focused()
    await page.keyboard.type("sim00003/")  # there, it is a letter
    await expect(search).to_have_value("sim00003/")
    await page.keyboard.press("Backspace")
    await page.keyboard.press("Enter")
    await expect(names(page)).to_have_text(["sim00003.example.org"])
    link = row(page, "sim00003.example.org").get_by_role("link")
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await link.evaluate("it => it === document.activeElement"):
            break
    await expect(link).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{populated.url}/servers/sim00003.example.org")


async def test_what_somebody_chose_survives_news(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}/?q=sim00004")
    box = page.get_by_role("checkbox", name="sim00004")
    await box.check()
    await box.focus()
    before = await row(page, "sim00004").locator(".col-pong time").get_attribute("datetime")
    assert before is not None
    await expect(row(page, "sim00004").locator(".col-pong time")).not_to_have_attribute(
        "datetime", before
    )
    await expect(box).to_be_checked()
    await expect(box).to_be_focused()


async def test_maintenance(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}/?q=sim00005")
    await page.get_by_role("checkbox", name="sim00005").check()
    await page.get_by_role("combobox", name="How long").select_option("4 hours")
    await page.get_by_role("button", name="Maintenance", exact=True).click()
    await expect(page.get_by_text("1 server in maintenance.")).to_be_visible()
    await expect(state_of(page, "sim00005")).to_have_text("in maintenance")
    await expect(row(page, "sim00005")).to_contain_text("ends in 3 h")
    await page.get_by_role("checkbox", name="sim00005").check()
    await page.get_by_role("button", name="End maintenance").click()
    await expect(state_of(page, "sim00005")).to_have_text("up")


async def test_retiring_and_taking_back(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}/?q=sim00006")
    await page.get_by_role("checkbox", name="sim00006").check()
    await page.get_by_role("button", name="Retire").click()
    await expect(page.get_by_text("1 server retired")).to_be_visible()
    await expect(names(page)).to_have_count(0)
    await page.goto(f"{populated.url}/?state=retired")
    await expect(state_of(page, "sim00006")).to_have_text("retired")
    await page.get_by_role("checkbox", name="sim00006").check()
    await page.get_by_role("button", name="Take back").click()
    await expect(page.get_by_text("1 server back from retirement")).to_be_visible()
    await page.goto(f"{populated.url}/?q=sim00006")
    await expect(state_of(page, "sim00006")).to_have_text("up")
