"""What axe-core finds wrong with a page for people who cannot see, hear or point well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from axe_playwright_python.async_playwright import Axe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.async_api import Page

OPTIONS: Final[dict[str, Any]] = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
GRAVE: Final = frozenset({"serious", "critical"})


async def faults_of(page: Page, rules: Sequence[str] | None = None) -> list[str]:
    """A line for each element at fault, those that axe calls serious or critical; by all rules, or
    by *rules* alone."""
    options = OPTIONS if rules is None else OPTIONS | {"runOnly": list(rules)}
    results = await Axe().run(page, options=options)
    return [
        f"{violation['id']} ({violation['impact']}): {' '.join(map(str, node['target']))}: "
        f"{' '.join(str(node.get('failureSummary', '')).split())}"
        for violation in results.response["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]
