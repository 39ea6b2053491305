"""Which servers a list shows, and in which order."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from baton_ping_monitor.fleet.view import ServerView, State
from baton_ping_monitor.web.listing import PAGE_SIZE, Query, apps_of, paginate, slug

WEB = ServerView("web01.example.org", "production", ("shop", "api"), State.UP, latency=0.004)
DB = ServerView("db01.example.org", "staging", (), State.MISSING, flaps=3, last_pong=50.0)
OLD = ServerView("old.example.org", "production", ("shop",), State.RETIRED, latency=0.001)
MAIL = ServerView(
    "mail.example.org", "staging", ("mail",), State.LATE, latency=0.2, last_error="Disk: full"
)
ALL = (DB, MAIL, WEB, OLD)


def names(query: str) -> list[str]:
    pairs = [pair.split("=", 1) for pair in query.split("&") if pair]
    found = Query.parse((key, value) for key, value in pairs).select(ALL)
    return [server.fqdn.partition(".")[0] for server in found]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["db01", "mail", "web01"]),
        ("state=up", ["web01"]),
        ("state=missing&state=late", ["db01", "mail"]),
        ("state=retired", ["old"]),
        ("state=nonsense", ["db01", "mail", "web01"]),
        ("environment=staging", ["db01", "mail"]),
        ("environment=-", []),
        ("app=shop", ["web01"]),
        ("app=sho", []),
        ("q=WEB", ["web01"]),
        ("q=staging full", ["mail"]),
        ("q=  ", ["db01", "mail", "web01"]),
        ("sort=server", ["db01", "mail", "web01"]),
        ("sort=-server", ["web01", "mail", "db01"]),
        ("sort=latency", ["web01", "mail", "db01"]),
        ("sort=-latency", ["mail", "web01", "db01"]),
        ("sort=-pong", ["db01", "mail", "web01"]),
        ("sort=-flaps", ["db01", "mail", "web01"]),
        ("sort=-state", ["web01", "mail", "db01"]),
        ("sort=__class__", ["db01", "mail", "web01"]),
        ("sort=--server", ["db01", "mail", "web01"]),
    ],
)
def test_filters_and_order(query: str, expected: list[str]) -> None:
    assert names(query) == expected


def test_servers_without_an_environment() -> None:
    lost = ServerView("lost.example.org", "", (), State.NEVER_SEEN)
    assert Query(environment="-").select([lost, WEB]) == [lost]
    assert Query().select([lost, WEB]) == [lost, WEB]


def test_a_query_and_its_address_say_the_same() -> None:
    query = Query(
        states=frozenset({State.UP, State.NEVER_SEEN}),
        environment="prod & more",
        app="a=b",
        text="ü <x>",
        sort="latency",
        descending=True,
        page=3,
    )
    pairs = parse_qsl(query.encode())
    assert Query.parse(pairs) == query
    assert Query().encode() == ""
    assert query.encode(states=frozenset(), environment="", app="", text="", page=1) == (
        "sort=-latency"
    )


@pytest.mark.parametrize("page", ["-1", "0", "x", "", "1e3", "٣", "9" * 50])
def test_a_page_that_cannot_be_is_the_first(page: str) -> None:
    assert Query.parse([("page", page)]).page == 1


def test_long_texts_are_cut() -> None:
    query = Query.parse([("q", "x" * 5000), ("environment", "y" * 5000)])
    assert len(query.text) == len(query.environment) == 300


def test_pages_of_a_list() -> None:
    servers = [ServerView(f"s{n}", "", (), State.UP) for n in range(PAGE_SIZE + 1)]
    first, second, beyond = (paginate(servers, number) for number in (1, 2, 99))
    assert (len(first.servers), first.first, first.last, first.pages) == (100, 1, 100, 2)
    assert [server.fqdn for server in second.servers] == ["s100"]
    assert (second.first, second.last, second.total) == (101, 101, 101)
    assert beyond == second
    empty = paginate([], 3)
    assert (empty.number, empty.pages, empty.first, empty.last) == (1, 1, 0, 0)


def test_what_an_address_can_say() -> None:
    assert [slug(state) for state in State] == [
        "missing",
        "never-seen",
        "late",
        "quiet",
        "up",
        "maintenance",
        "retired",
    ]
    assert apps_of(ALL) == ["api", "mail", "shop"]
    assert not Query(sort="server", page=2).is_filtered
    assert Query(text="x").is_filtered
