"""Every page: nothing is wrong for people who see or point badly, in the light and in the dark;
it fits a narrow screen; the browser has nothing to complain of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from browser.artifacts import artifact
from browser.axe import faults_of

if TYPE_CHECKING:
    from playwright.async_api import Page, ViewportSize

    from browser.window import Windows
    from integration.browser.dashboards import Dashboard

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDE: Final[ViewportSize] = {"width": 1440, "height": 900}
NARROW: Final[ViewportSize] = {"width": 390, "height": 844}
PAGES = {
    "fleet": "/",
    "nothing-found": "/?q=no-such-server",
    "server": "/servers/sim00001.example.org",
    "ping": "/ping",
    "runs": "/runs",
    "events": "/events",
    "incidents": "/incidents",
}


@pytest.mark.parametrize("name", PAGES)
async def test_a_page(name: str, populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}{PAGES[name]}", viewport=WIDE)
    await expect(page.get_by_role("heading", level=1)).to_be_attached()
    await page.screenshot(path=artifact(f"{name}-light.png"))
    assert await faults_of(page) == []
    await page.emulate_media(color_scheme="dark")
    await page.screenshot(path=artifact(f"{name}-dark.png"))
    assert await faults_of(page, ["color-contrast", "link-in-text-block"]) == []
    await page.set_viewport_size(NARROW)
    await page.screenshot(path=artifact(f"{name}-narrow.png"))
    assert await sticks_out(page) == []
    assert await faults_of(page, ["scrollable-region-focusable", "target-size"]) == []


async def test_a_page_that_is_not_there(populated: Dashboard, windows: Windows) -> None:
    with windows.faults.expected("404"):
        page = await windows.open(f"{populated.url}/no/such/page")
    await expect(page.get_by_role("main").get_by_role("link")).not_to_have_count(0)
    assert await faults_of(page) == []


async def sticks_out(page: Page) -> list[str]:
    """What is wider than the screen, outside of what scrolls by itself."""
    found: list[str] = await page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.querySelectorAll('body *')]
                .filter(it => it.getBoundingClientRect().right > width + 1)
                .map(it => `${it.tagName}.${it.className}`).slice(0, 10);
        }"""
    )
    return found
