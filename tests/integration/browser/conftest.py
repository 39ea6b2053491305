"""A browser, and dashboards for it to look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

from brokers.vhost import Vhost, fresh_vhost
from brokers.waiting import wait_until
from browser.nginx import nginx
from browser.window import Faults, Windows, launched
from integration.browser.dashboards import (
    OPERATOR,
    READY,
    VIEWER,
    Dashboard,
    Monitors,
    dashboard,
    simulated,
    user_line,
)
from provided import is_in

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from brokers.broker import Broker

FOLDER: Final = Path(__file__).parent
TIMEOUT: Final = 120
"""Seconds for a test: a browser, a monitor and a fleet are much for a small machine."""
SERVERS: Final = 24
EXPECTED: Final = "absent01.example.org"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_in(item, FOLDER):
            item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium_executable: Path) -> AsyncIterator[Browser]:
    """One for all tests; each has windows of its own."""
    async with launched(chromium_executable) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser) -> AsyncIterator[Windows]:
    """Opens windows. The test fails if the browser complained of anything in them."""
    windows = Windows(browser)
    yield windows
    await windows.close()
    windows.faults.check()


@pytest.fixture(scope="session")
def nginx_executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executable of a web server that can be in front of a dashboard."""
    return nginx(tmp_path_factory.mktemp("nginx"))


@pytest_asyncio.fixture(loop_scope="session")
async def monitors(vhost: Vhost, windows: Windows, tmp_path: Path) -> AsyncIterator[Monitors]:
    """Starts dashboards on the test's own virtual host."""
    monitors = Monitors(vhost.url, tmp_path)
    async with monitors.stack:
        yield monitors
        await windows.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def populated(
    rabbitmq: Broker, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Dashboard]:
    """A dashboard that knows a fleet of :data:`SERVERS` in two environments, that many tests look
    at, and a server that was expected and never came. What a test changes is another server's
    each."""
    folder = tmp_path_factory.mktemp("populated")
    inventory = folder / "inventory"
    inventory.write_text(f"{EXPECTED}\n")
    options = ("--ping-every", "1", "--inventory", str(inventory))
    with fresh_vhost(rabbitmq, "populated") as vhost:
        async with (
            simulated(vhost.url, SERVERS, "--environments", "production,staging"),
            dashboard(vhost.url, folder, *options) as monitor,
        ):
            known = await asyncio.to_thread(wait_until, lambda: monitor.knows(SERVERS), READY)
            assert known, monitor.lines
            yield monitor


@pytest.fixture(scope="session")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The users file of an operator and a viewer."""
    file = tmp_path_factory.mktemp("users") / "users"
    lines = (
        user_line(*OPERATOR, "operator"),
        user_line(*VIEWER, "viewer"),
    )
    file.write_text("".join(lines))
    file.chmod(0o600)
    return file


@pytest.fixture
def faults(windows: Windows) -> Faults:
    """What the browser complains of."""
    return windows.faults


@pytest_asyncio.fixture(loop_scope="session")
async def page(windows: Windows) -> Page:
    """An empty page in a window of its own."""
    return await windows.open()
