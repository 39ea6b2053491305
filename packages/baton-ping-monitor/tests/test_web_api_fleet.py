"""Documents about the fleet as it is, and as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from baton_ping_monitor.observation import Observation

if TYPE_CHECKING:
    from conftest import Site

NAMES = ["db01.example.org", "web01.example.org", "web02.example.org"]


@pytest.fixture
async def fleet(site: Site) -> Site:
    """Two web servers, and a database of another environment."""
    await site.say(NAMES[1])
    await site.say(NAMES[2], app_names=("shop", "api"))
    await site.say(NAMES[0], environment="staging", app_names=("db",))
    return site


async def names(browser: httpx2.AsyncClient, query: str = "") -> list[str]:
    answer = await browser.get(f"/api/servers{query}")
    assert answer.status_code == 200
    return [server["fqdn"] for server in answer.json()["servers"]]


async def test_servers_are_listed_as_requesters_expect_them(
    browser: httpx2.AsyncClient, fleet: Site
) -> None:
    answer = (await browser.get("/api/servers?q=web01")).json()
    assert answer["total"] == 1
    assert answer["now"] == fleet.time()
    assert answer["blind_since"] is None
    assert answer["servers"] == [
        {
            "fqdn": "web01.example.org",
            "environment": "production",
            "app_names": ["shop"],
            "state": "up",
            "since": fleet.time(),
            "first_seen": fleet.time(),
            "last_pong": fleet.time(),
            "latency": None,
            "silent": 0,
            "flaps": 0,
            "pongs": 1,
            "errors": 0,
            "is_failing": False,
            "last_error": "",
            "error_at": None,
            "instances": 1,
            "is_expected": False,
            "maintenance_until": None,
        }
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", NAMES),
        ("?environment=production", NAMES[1:]),
        ("?app=shop", NAMES[1:]),
        ("?app=api", NAMES[2:]),
        ("?q=WEB%20prod", NAMES[1:]),
        ("?q=nothing", []),
        ("?state=up", NAMES),
        ("?state=missing&state=late", []),
        ("?sort=-server", NAMES[::-1]),
        ("?sort=server&limit=1", NAMES[:1]),
        ("?sort=server&limit=1&offset=2", NAMES[2:]),
        ("?sort=server&offset=7", []),
        ("?state=retired", []),
    ],
)
async def test_filters_sorting_and_parts(
    browser: httpx2.AsyncClient, fleet: Site, query: str, expected: list[str]
) -> None:
    del fleet
    found = await names(browser, query)
    assert (found if "sort" in query else sorted(found)) == expected


async def test_the_retired_are_listed_only_if_they_are_asked_for(
    browser: httpx2.AsyncClient, fleet: Site
) -> None:
    fleet.services.fleet.retire(NAMES[:1], "alice")
    assert sorted(await names(browser)) == NAMES[1:]
    assert await names(browser, "?state=retired") == NAMES[:1]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?stat=up", 'There is no parameter "stat"; there are app, environment, limit, '),
        ("?state=upp", "state must be one of missing, never-seen, "),
        ("?sort=name", "sort must be one of -environment, "),
        ("?limit=0", 'limit must be a whole number from 1 to 100000, not "0"'),
        ("?limit=-1", "limit must be"),
        ("?limit=1e3", "limit must be"),
        ("?limit=٣", "limit must be"),
        ("?offset=" + "9" * 30, "offset must be"),
        ("?q=" + "x" * 301, "q has 300 characters at most"),
        ("?environment=%00", "zero byte"),
    ],
)
async def test_a_query_that_is_wrong_is_not_guessed_at(
    browser: httpx2.AsyncClient, query: str, says: str
) -> None:
    answer = await browser.get(f"/api/servers{query}")
    assert answer.status_code == 400
    assert says in answer.json()["error"]


async def test_a_monitor_that_is_blind_says_so(browser: httpx2.AsyncClient, fleet: Site) -> None:
    fleet.state.blind("no broker since 12:00", fleet.time())
    fleet.time.now += 100
    assert (await browser.get("/api/servers")).json()["blind_since"] == fleet.time() - 100
    assert (await browser.get("/api/fleet")).json()["blind"] == {
        "since": fleet.time() - 100,
        "reason": "no broker since 12:00",
    }


async def test_the_fleet_in_numbers(browser: httpx2.AsyncClient, fleet: Site) -> None:
    await fleet.say(NAMES[1], "error", error="Boom: it failed")
    answer = (await browser.get("/api/fleet")).json()
    assert answer["counts"] == {"up": 3}
    assert answer["environments"] == [
        {"name": "production", "total": 2, "is_silent": False, "counts": {"up": 2}},
        {"name": "staging", "total": 1, "is_silent": False, "counts": {"up": 1}},
    ]
    assert (answer["pongs"], answer["errors"], answer["malformed"]) == (3, 1, 0)
    assert answer["pings_by_itself"] is True


async def test_a_server_in_detail(browser: httpx2.AsyncClient, fleet: Site) -> None:
    facts = {"cpus": 8, "os": {"name": "Debian"}}
    await fleet.say(NAMES[1], "facts", facts=facts)
    fleet.let_pings_pass()
    answer = (await browser.get(f"/api/servers/{NAMES[1]}?span=1h")).json()
    assert answer["state"] == "missing"
    assert answer["facts"] == facts
    assert answer["facts_at"] == fleet.time() - 50
    assert answer["span"] == "1h"
    assert answer["latencies"] == [None] * 4
    assert sum(point["missed"] for point in answer["points"]) == 4
    assert answer["transitions"][0]["after"] == "missing"


async def test_a_server_that_is_not_known(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/api/servers/nobody.example.org")
    assert answer.status_code == 404
    assert answer.json() == {"error": "No server of that name is known."}


async def test_a_span_is_one_of_four(browser: httpx2.AsyncClient, fleet: Site) -> None:
    del fleet
    answer = await browser.get(f"/api/servers/{NAMES[1]}?span=1y")
    assert answer.json()["error"] == 'span must be one of 1h, 24h, 7d, 90d, not "1y".'


async def test_incidents_begin_and_end(browser: httpx2.AsyncClient, fleet: Site) -> None:
    began = fleet.time()
    fleet.let_pings_pass()
    found = (await browser.get("/api/incidents")).json()["incidents"]
    subjects = {(each["subject"], each["is_environment"]) for each in found}
    assert subjects == {("production", True), (NAMES[0], False)}
    assert all(each["began"] > began and each["ended"] is None for each in found)
    assert [each["servers"] for each in found if each["is_environment"]] == [NAMES[1:]]
    await fleet.say(NAMES[0], environment="staging", app_names=("db",))
    fleet.state.tick(fleet.time())
    fleet.keep()
    found = (await browser.get("/api/incidents?limit=5")).json()["incidents"]
    assert [each["ended"] for each in found if each["subject"] == NAMES[0]] == [fleet.time()]


async def test_maintenance_has_an_end_and_can_be_ended(
    browser: httpx2.AsyncClient, fleet: Site
) -> None:
    path = f"/api/servers/{NAMES[1]}/maintenance"
    answer = (await browser.post(path, json={"seconds": 3600})).json()
    assert (answer["state"], answer["maintenance_until"]) == ("maintenance", fleet.time() + 3600)
    assert (await browser.delete(path)).json()["state"] == "up"


async def test_a_server_is_retired_and_brought_back(
    browser: httpx2.AsyncClient, fleet: Site
) -> None:
    path = f"/api/servers/{NAMES[1]}/retirement"
    assert (await browser.post(path, json={})).json()["state"] == "retired"
    fleet.keep()
    assert (await browser.delete(path)).json()["state"] == "up"
    fleet.keep()
    (latest, before), *_ = [fleet.store.transitions(NAMES[1], 0, 2)]
    assert (before.after, before.by) == ("retired", "anybody")
    assert (latest.before, latest.by) == ("retired", "anybody")


@pytest.mark.parametrize("what", ["maintenance", "retirement"])
async def test_nothing_is_done_to_a_server_that_is_not_known(
    browser: httpx2.AsyncClient, what: str
) -> None:
    fields = {"seconds": 5} if what == "maintenance" else {}
    answer = await browser.post(f"/api/servers/nobody/{what}", json=fields)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "seconds must be a number of seconds, more than 0"),
        (b"{}", "seconds must be"),
        (b'{"seconds": 0}', "seconds must be"),
        (b'{"seconds": -1}', "seconds must be"),
        (b'{"seconds": 7776001}', "at most 7776000"),
        (b'{"seconds": "60"}', "seconds must be"),
        (b'{"seconds": true}', "seconds must be"),
        (b'{"seconds": null}', "seconds must be"),
        (b'{"seconds": NaN}', "The body is no JSON."),
        (b'{"seconds": 1e999}', "seconds must be"),
        (b'{"minutes": 1}', 'There is no field "minutes"; there are seconds.'),
        (b"[]", "must be a JSON object"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 60_000, "no JSON"),
        (b'{"seconds": ' + b"9" * 5000 + b"}", "no JSON"),
    ],
)
async def test_a_body_that_is_wrong_does_nothing(
    browser: httpx2.AsyncClient, fleet: Site, content: bytes, says: str
) -> None:
    answer = await browser.post(
        f"/api/servers/{NAMES[1]}/maintenance",
        content=content,
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    server = fleet.services.fleet.server(NAMES[1])
    assert server is not None
    assert server.state == "up"


async def test_many_servers_are_one_document(browser: httpx2.AsyncClient, site: Site) -> None:
    for number in range(5000):
        site.state.observe(
            Observation(
                received=site.time(),
                extension="baton-ping",
                kind="pong",
                fqdn=f"web{number:04}.example.org",
                environment="production",
                app_names=("shop",),
                message_id=str(number),
            )
        )
    answer = await browser.get("/api/servers")
    assert len(answer.json()["servers"]) == answer.json()["total"] == 5000
    assert len(answer.content) < 4 * 1024 * 1024
