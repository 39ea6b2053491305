"""The page of outputs."""

from __future__ import annotations

import json
import re
from time import process_time
from typing import TYPE_CHECKING

import pytest

from baton_ping_monitor.web.pages.events import PAGE_SIZE, PREVIEW, body_text

if TYPE_CHECKING:
    from pages.conftest import Dashboard

NASTY = "<script>alert(1)</script>"


def summaries(page_html: str) -> list[str]:
    return re.findall(r'<span class="summary">([^<]*)</span>', page_html)


async def test_nothing_was_said(dashboard: Dashboard) -> None:
    assert "Nothing was said yet" in (await dashboard.get("/events")).text


async def test_the_latest_comes_first_and_filters_hold(dashboard: Dashboard) -> None:
    dashboard.hear(summary="one")
    dashboard.hear("db01.example.org", summary="two", kind="error", error="Bad")
    dashboard.hear(summary="three", extension="baton-disk")
    assert summaries((await dashboard.get("/events")).html) == ["three", "two", "one"]
    for query, expected in (
        ({"type": "error"}, ["two"]),
        ({"server": "web01.example.org"}, ["three", "one"]),
        ({"extension": "baton-disk"}, ["three"]),
        ({"q": "on"}, ["one"]),
        ({"q": " "}, ["three", "two", "one"]),
    ):
        assert summaries((await dashboard.get("/events", **query)).html) == expected, query
    nothing = await dashboard.get("/events", type="nonsense", q='"x"')
    assert "No output matches" in nothing.text
    assert 'value="&#34;x&#34;"' in nothing.html


async def test_older_ones_are_on_other_pages(dashboard: Dashboard) -> None:
    for number in range(PAGE_SIZE + 3):
        dashboard.hear(summary=f"n{number}")
    first = await dashboard.get("/events", server="web01.example.org")
    assert len(summaries(first.html)) == PAGE_SIZE
    (older,) = [href for href in first.hrefs() if "before=" in href]
    assert "server=web01.example.org" in older
    second = await dashboard.get(older)
    assert summaries(second.html) == ["n2", "n1", "n0"]
    assert "to the latest" in second.text


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "1e5", ""])
async def test_a_place_that_cannot_be(dashboard: Dashboard, before: str) -> None:
    dashboard.hear(summary="one")
    page = await dashboard.get("/events", before=before)
    assert page.status == 200
    assert summaries(page.html) == ["one"]


async def test_whatever_is_said_is_text(dashboard: Dashboard) -> None:
    body = '{"type":"pong","x":"<script>alert(1)</script>","y":"\\u202eevil\\ud800"}'
    dashboard.hear(
        NASTY, kind=NASTY, summary=NASTY, body=body, message_id=NASTY, correlation_id=NASTY
    )
    page = await dashboard.get("/events")
    assert "<script>" not in page.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.html
    assert "\u202e" not in page.html
    (href,) = {href for href in page.hrefs() if re.fullmatch(r"/events/\d+", href)}
    alone = await dashboard.get(href)
    assert alone.status == 200
    assert "<script>" not in alone.html
    assert "�evil�" in alone.text


async def test_a_long_body_is_whole_on_its_own_page(dashboard: Dashboard) -> None:
    dashboard.hear(body='{"x":"' + "y" * 60_000 + '"}')
    page = await dashboard.get("/events")
    assert len(page.html) < 20_000
    (href,) = {href for href in page.hrefs() if re.fullmatch(r"/events/\d+", href)}
    assert "y" * 60_000 in (await dashboard.get(href)).html


@pytest.mark.parametrize("path", ["/events/99", "/events/0", f"/events/{10**30}", "/events/x"])
async def test_one_that_is_not_kept(dashboard: Dashboard, path: str) -> None:
    dashboard.hear()
    assert (await dashboard.get(path)).status == 404


@pytest.mark.parametrize("body", ["", "no JSON", "[" * 60_000, '{"n": ' + "9" * 6_000 + "}"])
def test_bodies_that_cannot_be_read_are_shown_as_they_are(body: str) -> None:
    assert body_text(body).strip().startswith(body[:1].strip())


def test_of_a_long_body_only_what_is_shown_is_made() -> None:
    body = f'{{"a":[{",".join("0" * 32_000)}]}}'

    def cost(*limit: int) -> float:
        rounds = []
        for _ in range(5):
            begun = process_time()
            body_text(body, *limit)
            rounds.append(process_time() - begun)
        return min(rounds)

    assert cost(PREVIEW) < cost() / 3
    assert len(body_text(body, PREVIEW)) in range(PREVIEW + 1, PREVIEW + 20)
    assert body_text(body, PREVIEW).startswith('{\n  "a": [\n    0,\n    0,')
    assert body_text("x" * 5000, PREVIEW) == "x" * 5000


def test_a_body_that_would_be_mostly_indentation_stays_as_it_is() -> None:
    nest = "[" * 200 + "]" * 200
    body = f'{{"a":[{",".join([nest] * 150)}]}}'
    assert body_text(body) == body


async def test_a_list_says_that_a_body_goes_on(dashboard: Dashboard) -> None:
    body = json.dumps({"a": [0] * 600})
    dashboard.hear(body=body)
    page = await dashboard.get("/events")
    assert len(body) < PREVIEW
    assert "0,…" in page.text
    assert "This output alone, whole" in page.text
