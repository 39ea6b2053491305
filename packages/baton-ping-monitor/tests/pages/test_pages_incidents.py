"""The page of incidents and alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pages.conftest import Dashboard


WEB = "web01.example.org"


async def test_none(dashboard: Dashboard) -> None:
    page = await dashboard.get("/incidents")
    assert "Going on None." in page.text
    assert "None is kept." in page.text
    assert "Nobody is told." in page.text


async def test_those_that_go_on_and_those_that_were(dashboard: Dashboard) -> None:
    dashboard.hear()
    dashboard.lose()
    page = await dashboard.get("/incidents")
    assert f"{WEB} production for" in page.text
    assert "open: 1" in page.text
    assert "None is kept." in page.text
    dashboard.hear()
    dashboard.wait(2)
    page = await dashboard.get("/incidents")
    assert "Going on None." in page.text
    assert f"{WEB} production 2025-06-15 15:" in page.text


async def test_an_environment_names_its_servers(dashboard: Dashboard) -> None:
    for number in range(3):
        dashboard.hear(f"web{number}.example.org")
    dashboard.lose()
    page = await dashboard.get("/incidents")
    assert "All of production 3 servers" in page.text
    assert "web2.example.org" in page.text


async def test_a_test_without_destinations_says_so(dashboard: Dashboard) -> None:
    page = await dashboard.post("/incidents/test", {})
    assert page.status == 200
    assert "The test did not arrive:" in page.text
