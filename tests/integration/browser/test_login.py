"""Who may see the pages, and who may change something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from baton import Configuration, Server, Service
from brokers.vhost import fresh_vhost
from browser.artifacts import artifact
from browser.axe import faults_of
from integration.browser.dashboards import OPERATOR, VIEWER, Dashboard, dashboard
from integration.browser.pages import row, state_of
from integration.running import running

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from brokers.broker import Broker
    from browser.window import Windows

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded(
    rabbitmq: Broker, users: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Dashboard]:
    """A dashboard that lets in those two. The tests have a server each."""
    folder = tmp_path_factory.mktemp("guarded")
    options = ("--ping-every", "0.5", "--users-file", str(users))
    with fresh_vhost(rabbitmq, "guarded") as vhost:
        async with dashboard(vhost.url, folder, *options) as monitor:
            yield monitor


def a_server(guarded: Dashboard, name: str) -> AbstractAsyncContextManager[Service]:
    """A server that it sees while the block runs."""
    return running(Configuration(rabbit_url=guarded.amqp_url), Server(name, "production"))


async def test_logging_in_and_out(guarded: Dashboard, windows: Windows) -> None:
    async with a_server(guarded, "web01.example.org"):
        page = await windows.open(f"{guarded.url}/events?kind=pong")
        await expect(page).to_have_url(f"{guarded.url}/login?next=%2Fevents%3Fkind%3Dpong")
        assert await faults_of(page) == []
        await page.screenshot(path=artifact("login.png"))

        with windows.faults.expected("401"):
            await log_in(page, OPERATOR[0], "wrong")
            await expect(page.get_by_role("alert")).to_contain_text("password is wrong")
        await expect(page.get_by_label("User")).to_have_value(OPERATOR[0])

        await log_in(page, *OPERATOR)
        await expect(page).to_have_url(f"{guarded.url}/events?kind=pong")
        await expect(page.get_by_text("alice operator")).to_be_visible()
        (cookie,) = [it for it in await page.context.cookies() if "session" in it.get("name", "")]
        assert cookie.get("httpOnly")
        assert cookie.get("sameSite") == "Lax"

        await page.get_by_role("button", name="Log out").click()
        await expect(page).to_have_url(f"{guarded.url}/login")
        await page.goto(guarded.url)
        await expect(page.get_by_label("Password")).to_be_visible()
        await page.context.add_cookies([cookie])  # type: ignore[list-item]
        await page.goto(guarded.url)  # what somebody kept of it is worth nothing
        await expect(page.get_by_label("Password")).to_be_visible()


async def test_a_viewer_sees_and_does_not_change(guarded: Dashboard, windows: Windows) -> None:
    async with a_server(guarded, "web02.example.org"):
        page = await windows.open(guarded.url)
        await log_in(page, *VIEWER)
        await expect(state_of(page, "web02.example.org")).to_have_text("up")
        await expect(page.get_by_role("checkbox")).to_have_count(0)
        await expect(page.get_by_role("button", name="Retire")).to_have_count(0)
        with windows.faults.expected("403"):
            assert (
                await post(page, "/servers", {"fqdn": "web02.example.org", "action": "retire"})
                == 403
            )
        await page.reload()
        await expect(state_of(page, "web02.example.org")).to_have_text("up")


async def test_a_form_from_elsewhere_is_refused(guarded: Dashboard, windows: Windows) -> None:
    async with a_server(guarded, "web03.example.org"):
        page = await windows.open(guarded.url)
        await log_in(page, *OPERATOR)
        await expect(state_of(page, "web03.example.org")).to_have_text("up")
        await page.get_by_role("checkbox", name="web03.example.org").check()
        with windows.faults.expected("403"):
            # At once: the page asks for itself again, and has another value then.
            await page.get_by_role("button", name="Retire").evaluate(
                "it => { for (const each of document.getElementsByName('csrf')) "
                "each.value = 'forged'; it.click(); }"
            )
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await page.screenshot(path=artifact("refused.png"))
        await page.goto(guarded.url)
        await expect(state_of(page, "web03.example.org")).to_have_text("up")

        await page.get_by_role("checkbox", name="web03.example.org").check()
        await page.get_by_role("button", name="Retire").click()
        await expect(row(page, "web03.example.org")).to_have_count(0)


async def test_who_guesses_is_slowed_down(guarded: Dashboard, windows: Windows) -> None:
    page = await windows.open(guarded.url)
    with windows.faults.expected("401", "429"):
        for _ in range(20):
            await log_in(page, OPERATOR[0], "guess")
            if await page.get_by_label("Password").count() == 0:
                break
        await expect(page.get_by_role("main")).to_contain_text("Too many")
    await page.screenshot(path=artifact("throttled.png"))


async def log_in(page: Page, user: str, password: str) -> None:
    """Fill the form and send it."""
    await page.get_by_label("User").fill(user)
    await page.get_by_label("Password").fill(password)
    async with page.expect_navigation():
        await page.get_by_role("button", name="Log in").click()


async def post(page: Page, path: str, form: dict[str, str]) -> int:
    """Send a form from a script of the page; the status of the answer."""
    status: int = await page.evaluate(
        """async ([path, form]) => {
            const csrf = document.querySelector('[name=csrf]')?.value ?? '';
            const body = new URLSearchParams({...form, csrf});
            return (await fetch(path, {method: 'POST', body})).status;
        }""",
        [path, form],
    )
    return status
