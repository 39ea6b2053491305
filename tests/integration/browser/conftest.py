"""A browser, and dashboards for it to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

from brokers.vhost import fresh_vhost
from browser.nginx import nginx
from browser.window import Faults, Windows, launched
from integration.browser.dashboards import Dashboard, dashboard, simulated

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page

    from brokers.broker import Broker

SERVERS: Final = 24
EXPECTED: Final = "absent01.example.org"


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


@pytest.fixture(scope="package")
def populated(rabbitmq: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard with a fleet of :data:`SERVERS` in two environments, that many tests look at, and
    a server that was expected and never came. What a test changes is another server's each."""
    folder = tmp_path_factory.mktemp("populated")
    inventory = folder / "inventory"
    inventory.write_text(f"{EXPECTED}\n")
    with (
        fresh_vhost(rabbitmq, "populated") as vhost,
        simulated(vhost.url, SERVERS, "--environments", "production,staging"),
        dashboard(vhost.url, folder, "--ping-every", "1", "--inventory", str(inventory)) as monitor,
    ):
        yield monitor


@pytest.fixture
def faults(windows: Windows) -> Faults:
    """What the browser complains of."""
    return windows.faults


@pytest_asyncio.fixture(loop_scope="session")
async def page(windows: Windows) -> Page:
    """An empty page in a window of its own."""
    return await windows.open()
