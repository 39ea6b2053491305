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


async def test_what_became_of_a_test_is_a_page_that_can_be_asked_for_again(
    dashboard: Dashboard,
) -> None:
    form = {"csrf": await dashboard.csrf()}
    answer = await dashboard.browser.post("/incidents/test", data=form)
    assert answer.status_code == 303
    for _ in range(2):
        again = await dashboard.get(answer.headers["location"])
        assert again.status == 200
        assert "The test did not arrive: Nobody is told" in again.text
    other = await dashboard.get("/incidents", test="another")
    assert other.status == 200
    assert "The test" not in other.text
