"""The fleet as Prometheus reads it, by Prometheus' own parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.fleet.view import ServerView, State
from baton_ping_monitor.web.metrics import Moment, series

if TYPE_CHECKING:
    from conftest import MakeSite, Site

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scrape(browser: httpx2.AsyncClient) -> Series:
    answer = await browser.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted(labels.items()))


WEB01 = {"fqdn": "web01.example.org", "environment": "production"}


async def test_a_server_that_answers_is_up(browser: httpx2.AsyncClient, site: Site) -> None:
    site.state.ping_sent({"*": "ping-1"}, site.time())
    site.time.now += 0.25
    await site.say(correlation_id="ping-1")
    found = await scrape(browser)
    assert found[of("baton_server_up", **WEB01)] == 1
    assert found[of("baton_server_failing", **WEB01)] == 0
    assert found[of("baton_server_latency_seconds", **WEB01)] == pytest.approx(0.25)
    assert found[of("baton_server_last_pong_timestamp_seconds", **WEB01)] == site.time()
    assert found[of("baton_servers", environment="production", state="up")] == 1
    assert found[of("baton_servers", environment="production", state="missing")] == 0
    assert found[of("baton_latency_seconds", environment="production", quantile="0.5")] > 0
    assert found[of("baton_pings_total")] == 1
    assert found[of("baton_pongs_total")] == 1
    assert found[of("baton_errors_total")] == 0
    assert found[of("baton_last_output_timestamp_seconds")] == site.time()


async def test_a_server_that_is_retired_has_no_series(
    browser: httpx2.AsyncClient, site: Site
) -> None:
    await site.say()
    assert of("baton_server_up", **WEB01) in await scrape(browser)
    site.services.fleet.retire(["web01.example.org"], "alice")
    assert not [labels for _, labels in await scrape(browser) if ("fqdn", WEB01["fqdn"]) in labels]


async def test_the_monitor_tells_of_itself(browser: httpx2.AsyncClient, site: Site) -> None:
    await site.say(kind="malformed", fqdn="")
    found = await scrape(browser)
    assert found[of("baton_ready")] == 1
    assert found[of("baton_blind")] == 0
    assert found[of("baton_store_trouble")] == 0
    assert found[of("baton_open_streams")] == 0
    assert found[of("baton_malformed_total")] == 1
    assert of("process_resident_memory_bytes") in found
    site.state.blind("no broker", site.time())
    site.health.is_ready, site.health.trouble = False, "disk full"
    found = await scrape(browser)
    assert found[of("baton_ready")] == 0
    assert found[of("baton_blind")] == 1
    assert found[of("baton_store_trouble")] == 1


async def test_hostile_names_stay_labels(browser: httpx2.AsyncClient, site: Site) -> None:
    name = 'a"} 1\nbaton_server_up{fqdn="b\\'
    await site.say(name, environment='x"\n')
    found = await scrape(browser)
    assert found[of("baton_server_up", fqdn=name, environment='x"\n')] == 1
    assert len([key for key, _ in found if key == "baton_server_up"]) == 1


async def test_openmetrics_is_written_for_those_who_ask(browser: httpx2.AsyncClient) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    answer = await browser.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_the_slowest_of_a_share_of_the_servers(make_site: MakeSite) -> None:
    fleet = FleetState().view(0.0)
    servers = tuple(ServerView(f"s{n}", "e", (), State.UP, latency=n / 1000) for n in range(1, 101))
    moment = Moment(
        type(fleet)(now=0.0, servers=servers), is_ready=True, store_trouble=False, streams=0
    )
    family = next(each for each in series(moment) if each.name == "baton_latency_seconds")
    found = {sample.labels["quantile"]: sample.value for sample in family.samples}
    assert found == {"0.5": 0.05, "0.95": 0.095, "0.99": 0.099, "1": 0.1}


async def test_incidents_are_counted_by_environment(
    browser: httpx2.AsyncClient, site: Site
) -> None:
    await site.say()
    site.let_pings_pass()
    found = await scrape(browser)
    assert found[of("baton_incidents", environment="production")] == 1
    assert found[of("baton_server_up", **WEB01)] == 0
