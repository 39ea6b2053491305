"""A browser, and dashboards for it to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from browser.nginx import nginx
from browser.window import Faults, Windows, launched

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page


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


@pytest.fixture
def faults(windows: Windows) -> Faults:
    """What the browser complains of."""
    return windows.faults


@pytest_asyncio.fixture(loop_scope="session")
async def page(windows: Windows) -> Page:
    """An empty page in a window of its own."""
    return await windows.open()
