"""Where things are on the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page


def row(page: Page, fqdn: str) -> Locator:
    """A server's row in the list."""
    return page.locator("table.servers tbody tr").filter(has=page.get_by_role("link", name=fqdn))


def state_of(page: Page, fqdn: str) -> Locator:
    """The word that says how a server is, in its row."""
    return row(page, fqdn).locator(".state")


def names(page: Page) -> Locator:
    """The names of the servers that are shown, in their order."""
    return page.locator("table.servers tbody th a")
