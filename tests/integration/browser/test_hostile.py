"""The worst outputs: shown as what they are, and nothing of them does anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import aio_pika
import pytest
from playwright.async_api import expect

from baton import Server
from baton_ping.extension import extension
from browser.artifacts import artifact
from browser.axe import faults_of
from integration.browser.pages import row, state_of
from integration.running import running

if TYPE_CHECKING:
    from brokers.vhost import Vhost
    from browser.window import Windows
    from integration.browser.dashboards import Monitors

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEB: Final = Server("web01.example.org", "production")
SCRIPT: Final = "<script>document.title='taken'</script>"
IMAGE: Final = "<img src=x onerror=\"document.title='taken'\">"
QUOTES: Final = "\"'><svg onload=document.title='taken'>"
BIDI: Final = "\u202egro.elpmaxe.live\u202c\u2066\u200b"
NAMED: Final[dict[str, Any]] = {"type": "pong", "environment": "production"}

DOCUMENTS: Final[tuple[dict[str, Any], ...]] = (
    {**NAMED, "fqdn": SCRIPT},
    {**NAMED, "fqdn": QUOTES, "environment": IMAGE, "app_names": [SCRIPT, IMAGE, QUOTES]},
    {**NAMED, "fqdn": f"evil{BIDI}.example.org", "environment": BIDI, "app_names": [BIDI]},
    {**NAMED, "fqdn": "../../login?x=%00", "type": SCRIPT},
    {**NAMED, "fqdn": "javascript:alert(1)//", "type": "error", "error_class": IMAGE,
     "error_message": f"{SCRIPT}{IMAGE}{BIDI}\x1b[2J\x00\r\n</pre></textarea>{{{{7*7}}}}"},
    {**NAMED, "fqdn": "toString", "environment": "__proto__", "app_names": ["constructor"]},
    {**NAMED, "fqdn": "wide.example.org", "environment": "w" * 5000, "app_names": ["x" * 5000] * 9},
    {"type": "facts", "fqdn": "facts.example.org", "facts": {SCRIPT: IMAGE, "deep": [[[QUOTES]]]}},
    {"type": "pong", "fqdn": 7, "environment": {"a": 1}, "app_names": "shop"},
    {"type": ["pong"], "fqdn": None},
)  # fmt: skip
BODIES: Final = (
    *(json.dumps(document).encode() for document in DOCUMENTS),
    b"not JSON <script>document.title='taken'</script>",
    b'{"type": "\xff\xfe", "fqdn": "\xed\xa0\x80"}',
    b"[" * 100_000,
    b'{"type": "pong", "fqdn": "big.example.org", "x": "' + b"x" * 1024 * 1024 + b'"}',
    b"",
)


async def test_the_worst_outputs(vhost: Vhost, windows: Windows, monitors: Monitors) -> None:
    monitor = await monitors.run()
    async with running(vhost.configuration(), WEB):
        fleet = await windows.open(monitor.url)
        events = await windows.open(f"{monitor.url}/events")
        await expect(state_of(fleet, WEB.fqdn)).to_have_text("up")

        await say(vhost.url, BODIES)
        # Both are open, and get all of it as it comes.
        await expect(row(fleet, "big.example.org")).to_be_visible()
        await expect(events.locator(".kind-malformed").first).to_be_visible()
        await expect(fleet.locator("tbody").get_by_text("<script>").first).to_be_visible()
        await fleet.screenshot(path=artifact("hostile-fleet.png"))
        await events.screenshot(path=artifact("hostile-events.png"))
        for page in (fleet, events):
            await page.reload()
            await expect(page.get_by_role("main").locator("script, img")).to_have_count(0)
            assert await page.title() != "taken"
            assert "\u202e" not in await page.content()
            assert await faults_of(page) == []
            await page.set_viewport_size({"width": 390, "height": 844})
            assert await page.evaluate(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            )

        await fleet.set_viewport_size({"width": 1280, "height": 900})
        page = await windows.open()
        for link in await fleet.locator("table.servers tbody th a").all():
            href = await link.get_attribute("href")
            assert href is not None
            assert href.startswith("/servers/")
            await page.goto(f"{monitor.url}{href}")
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert await page.title() != "taken"  # though the name of a server may say so
        await expect(state_of(fleet, WEB.fqdn)).to_have_text("up")


async def say(url: str, bodies: tuple[bytes, ...]) -> None:
    """Publish those as outputs, as anybody who may write there can."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(extension.exchange_out)
        for body in bodies:
            await exchange.publish(aio_pika.Message(body), routing_key="")
