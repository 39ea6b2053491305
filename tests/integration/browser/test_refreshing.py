"""A page is refreshed around whoever works with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from integration.browser.pages import names, row

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

    from browser.window import Windows
    from integration.browser.dashboards import Dashboard

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATIENCE = 30.0
CHOSEN = ("sim00004.example.org", "sim00007.example.org")
MORPHED = """async ([path, before, after]) => {
  const { morph } = await import(path);
  const page = (text) => new DOMParser().parseFromString(text, "text/html").body;
  const [from, to] = [page(before), page(after)];
  const kept = from.querySelector("[data-kept]");
  morph(from, page(after));
  return [from.innerHTML === to.innerHTML, kept === null || from.contains(kept)];
}"""


async def is_refreshed(page: Page) -> None:
    """Wait until the page has asked for itself again, and shows what came."""
    await page.evaluate(
        "() => new Promise((told) => document.addEventListener('refreshed', told, { once: true }))"
        ".then(() => null)"
    )


async def test_what_is_chosen_and_focused_stays(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(populated.url)
    for fqdn in CHOSEN:
        await row(page, fqdn).get_by_role("checkbox").check()
    bulk = page.locator("[data-bulk-count]")
    await expect(bulk).to_have_text("2 chosen")
    focused = row(page, CHOSEN[0]).get_by_role("link")
    await focused.focus()
    for _ in range(2):
        await is_refreshed(page)
    for fqdn in CHOSEN:
        await expect(row(page, fqdn).get_by_role("checkbox")).to_be_checked()
    await expect(bulk).to_have_text("2 chosen")
    await expect(focused).to_be_focused()


async def test_the_page_holds_while_somebody_reads(populated: Dashboard, windows: Windows) -> None:
    page = await windows.open(f"{populated.url}/events")
    live = page.locator("#live-text")
    await expect(live).to_have_text("Live")
    first = page.locator(".events details").first
    await first.locator("summary").click()
    await expect(live).to_have_text("Held while you read")
    await expect(first).to_have_attribute("open", "")
    open_one = page.locator(".events details[open]")
    await open_one.locator("summary").click()
    await expect(live).to_have_text("Live")
    await is_refreshed(page)


async def test_what_was_asked_for_in_vain_is_not_called_live(
    populated: Dashboard, windows: Windows
) -> None:
    page = await windows.open(populated.url)
    live = page.locator("#live-text")
    await expect(live).to_have_text("Live")
    asked = asyncio.Queue[str]()

    async def refuse(route: Route) -> None:
        if route.request.resource_type != "fetch":
            await route.continue_()
            return
        asked.put_nowait(route.request.url)
        await route.fulfill(status=503, body="Not now")

    with windows.faults.expected("503"):
        await page.route("**/*", refuse)
        await expect(live).to_contain_text("Stale since")
        await page.evaluate(
            "() => { globalThis.said = []; new MutationObserver(() => "
            "said.push(document.getElementById('live').dataset.state))"
            ".observe(document.getElementById('live'), { attributes: true }); }"
        )
        while not asked.empty():
            asked.get_nowait()
        for _ in range(3):  # it is asked for again, whether anything else happens or not
            await asyncio.wait_for(asked.get(), PATIENCE)
        assert set(await page.evaluate("said")) <= {"stale"}
        await page.unroute("**/*")
        await expect(live).to_have_text("Live")


async def test_all_of_a_list_is_said_of_that_list_alone(
    populated: Dashboard, windows: Windows
) -> None:
    page = await windows.open(populated.url)
    await page.get_by_role("searchbox").fill("sim0000")
    await expect(page.locator(".found")).to_contain_text("found")
    await row(page, CHOSEN[0]).get_by_role("checkbox").check()
    every = page.locator("[data-bulk-all]")
    await every.check()
    await is_refreshed(page)
    await expect(every).to_be_checked()
    await page.get_by_role("searchbox").fill("")
    await expect(page.locator(".found")).to_be_empty()
    await expect(every).not_to_be_checked()
    await expect(page.locator("[data-bulk-count]")).to_have_text("1 chosen")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "<h1>a</h1><p class=n>x</p><section class=a>1</section><form data-kept id=f>2</form>",
            "<h1>a</h1><section class=a>1</section><form data-kept id=f>3</form>",
            id="something above goes",
        ),
        pytest.param(
            "<h1>a</h1><section class=a>1</section><form data-kept id=f>3</form>",
            "<h1>a</h1><div data-key=i>!</div><p class=n>x</p><section class=a>1</section>"
            "<form data-kept id=f>2</form>",
            id="something above comes",
        ),
        pytest.param(
            "<h1>a</h1> <p data-key=i>x</p> <section class=a>1</section> <form data-kept>2</form> ",
            "<h1>a</h1> <section class=a>1</section> <form data-kept>3</form> ",
            id="something above goes, with the space after it",
        ),
        pytest.param(
            "<h1>a</h1> <section class=a>1</section> <form data-kept>2</form> ",
            "<h1>a</h1><p data-key=i>x</p> <section class=a>1</section> <form data-kept>2</form> ",
            id="something above comes, with a space after it",
        ),
        pytest.param(
            "<ul><li data-key=a>a</li> <li data-key=b>b</li> <li data-key=c data-kept>c</li></ul>",
            "<ul><li data-key=c data-kept>C</li> <li data-key=d>d</li> <li data-key=a>a</li></ul>",
            id="rows in another order",
        ),
        pytest.param("<p>x<b>y</b></p>", "text", id="other kinds"),
        pytest.param("", "<i>z</i><svg class='a'><path d='M0 0'></path></svg>", id="from nothing"),
    ],
)
async def test_what_came_is_shown_and_what_is_the_same_is_kept(
    populated: Dashboard, windows: Windows, before: str, after: str
) -> None:
    page = await windows.open(populated.url)
    await expect(names(page).first).to_be_visible()
    path = await page.evaluate(
        "() => document.querySelector('script').src.replace('main.js', 'morph.js')"
    )
    assert await page.evaluate(MORPHED, [path, before, after]) == [True, True]
