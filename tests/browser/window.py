"""Pages that are watched: whatever a browser complains of while a test looks at them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from playwright.async_api import async_playwright, expect

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE: Final = 20_000
"""Milliseconds that Playwright waits for what should be on a page."""
OURS: Final = frozenset({"127.0.0.1", "localhost"})


@asynccontextmanager
async def launched(executable: Path) -> AsyncIterator[Browser]:
    """A headless Chromium, ended with the block."""
    async with async_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        browser = await playwright.chromium.launch(executable_path=executable, args=[*FLAGS])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Faults:
    """What a browser complains of: errors of scripts, in its console (a violation of the
    Content-Security-Policy is one), and requests to hosts that are not ours."""

    found: list[str] = field(default_factory=list)
    _expected: list[re.Pattern[str]] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Look at *page* from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._add(f"error: {error}"))
        page.on("request", self._request)

    @contextmanager
    def expected(self, *patterns: str) -> Iterator[None]:
        """Within the block, what a test provokes is none; each of *patterns* must occur."""
        before = len(self.found)
        try:
            yield
        finally:
            new, self.found[before:] = self.found[before:], []
            compiled = [re.compile(pattern) for pattern in patterns]
            for fault in new:
                if not any(pattern.search(fault) for pattern in compiled):
                    self.found.append(fault)
        for pattern in compiled:
            assert any(map(pattern.search, new)), f"no fault like {pattern.pattern!r}: {new}"

    def check(self) -> None:
        """Fail if there were any."""
        assert not self.found, "\n".join(self.found)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            self._add(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname not in OURS:
            self._add(f"request to a foreign host: {request.url}")

    def _add(self, fault: str) -> None:
        self.found.append(fault)


@dataclass
class Windows:
    """Makes contexts, as private windows of a browser are, and closes them."""

    browser: Browser
    faults: Faults = field(default_factory=Faults)
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def open(self, url: str | None = None, **options: Any) -> Page:
        """A page in a window of its own, at *url*. The *options* are those of Playwright's
        ``new_context``. Animations are off, unless they say otherwise."""
        options = {"reduced_motion": "reduce", "locale": "en-GB", "timezone_id": "UTC"} | options
        context = await self.browser.new_context(**options)
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("page", self.faults.watch)
        page = await context.new_page()
        if url is not None:
            await page.goto(url)
        return page

    async def close(self) -> None:
        """Close all of them."""
        while self._contexts:
            await self._contexts.pop().close()
