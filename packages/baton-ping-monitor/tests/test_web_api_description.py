"""The OpenAPI document says what there is: no more, no less, and no other than what is answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from starlette.routing import BaseRoute, Mount, Route

from baton_ping_monitor.store.records import RunRecord
from baton_ping_monitor.web.api.description import document
from baton_ping_monitor.web.pages import routes as page_routes

if TYPE_CHECKING:
    from conftest import MakeSite, Site

METHODS = {"get", "post", "put", "delete", "patch"}
EVENTS = {"Accept": "application/json"}


def routes_of(routes: list[BaseRoute], prefix: str = "") -> set[tuple[str, str]]:
    found = set()
    for route in routes:
        if isinstance(route, Mount):
            found |= routes_of(list(route.routes), prefix + route.path)
        elif isinstance(route, Route):
            for method in (route.methods or set()) - {"HEAD"}:
                found.add((method.lower(), prefix + route.path))
    return found


def test_it_is_one() -> None:
    validate(document())


async def test_each_route_is_in_it_and_nothing_else(site: Site) -> None:
    pages = routes_of(page_routes()) | {("get", "/login"), ("post", "/login"), ("post", "/logout")}
    described = {
        (method, path)
        for path, item in document()["paths"].items()
        for method in item
        if method in METHODS
    }
    assert described == routes_of(site.app.routes) - pages


async def test_it_is_served_with_the_prefix(make_site: MakeSite) -> None:
    site = make_site(prefix="/baton")
    async with site.client() as browser:
        served = (await browser.get("/baton/api/openapi.json")).json()
    assert served["servers"] == [{"url": "/baton"}]
    validate(served)
    assert served["paths"] == document()["paths"]


class Checker:
    """Asks *browser*, and holds each answer to what the document says of it."""

    def __init__(self, browser: httpx2.AsyncClient) -> None:
        self.checked: set[tuple[str, str, str]] = set()
        self._browser = browser

    async def ask(self, method: str, template: str, query: str = "", **more: Any) -> Any:
        names: dict[str, str] = more.pop("names", {})
        answer = await self._browser.request(method, template.format(**names) + query, **more)
        status = str(answer.status_code)
        responses = document()["paths"][template][method.lower()]["responses"]
        known = status if status in responses else "default"
        response = responses[known]
        if "$ref" in response:
            response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in response["content"], (template, status, kind)
        if kind == "application/json":
            schema = {**document(), **response["content"][kind]["schema"]}
            Draft202012Validator(schema).validate(answer.json())
        self.checked.add((method.lower(), template, known))
        return answer


@pytest.fixture
def checker(browser: httpx2.AsyncClient) -> Checker:
    return Checker(browser)


SERVER = "/api/servers/{fqdn}"
WEB01 = {"fqdn": "web01.example.org"}
NOBODY = {"fqdn": "nobody.example.org"}


async def test_each_answer_is_as_it_says(checker: Checker, site: Site) -> None:
    ask = checker.ask
    site.state.ping_sent({"*": "ping-1"}, site.time())
    site.time.now += 0.25
    await site.say(correlation_id="ping-1")
    await site.say("web02.example.org", "error", error="Boom")
    await site.say("web01.example.org", "facts", facts={"cpus": 8})
    await site.say("", "malformed", message_id=None, correlation_id=None, body="\0")
    await site.say("db.example.org", environment="staging")
    site.let_pings_pass()
    site.store.write_run(RunRecord("run-1", 1.0, "alice", ("*",), {"answered": 1, "expected": 2}))
    assert site.services.fleet.view().incidents

    for path in ("/api/openapi.json", "/api/fleet", "/api/servers", "/api/incidents", "/api/runs"):
        assert (await ask("GET", path)).status_code == 200
        assert (await ask("GET", path, "?wrong=1")).status_code == 400
    assert (await ask("GET", "/api/events", headers=EVENTS)).status_code == 200
    assert (await ask("GET", "/api/events", "?wrong=1")).status_code == 400
    for span in ("1h", "24h", "7d", "90d"):
        await ask("GET", SERVER, f"?span={span}", names=WEB01)
    assert (await ask("GET", SERVER, "?span=x", names=WEB01)).status_code == 400
    assert (await ask("GET", SERVER, names=NOBODY)).status_code == 404
    bodies: dict[str, Any] = {"maintenance": {"seconds": 60}, "retirement": {}}
    for what, body in bodies.items():
        path = f"{SERVER}/{what}"
        await ask("POST", path, names=WEB01, json=body)
        await ask("DELETE", path, names=WEB01)
        for method, more in (("POST", {"json": body}), ("DELETE", {})):
            assert (await ask(method, path, names=NOBODY, **more)).status_code == 404
            assert (await ask(method, path, "?x=1", names=WEB01, **more)).status_code == 400
    await ask("GET", "/api/runs/{run_id}", names={"run_id": "run-1"})
    await ask("GET", "/api/runs/{run_id}", names={"run_id": "nothing"})
    await ask("GET", "/api/runs/{run_id}", "?x=1", names={"run_id": "run-1"})
    begun = [await ask("POST", "/api/runs", json={"targets": ["*"]}) for _ in range(6)]
    assert [each.status_code for each in begun] == [202] * 5 + [429]
    await ask("GET", "/api/runs/{run_id}", names={"run_id": begun[0].json()["id"]})
    await ask("POST", "/api/runs", json={})
    await ask("GET", "/api/replies/{message_id}", names={"message_id": "ping-1"})
    await ask("GET", "/api/replies/{message_id}", names={"message_id": "nothing"})
    await ask("GET", "/api/replies/{message_id}", "?x=1", names={"message_id": "ping-1"})
    for path in ("/metrics", "/healthz", "/readyz"):
        await ask("GET", path)
    site.health.is_ready = False
    await ask("GET", "/readyz")
    site.state.blind("no broker", site.time())
    await ask("GET", "/api/fleet")
    await ask("GET", "/api/servers")
    await site.app.state.streams.close()
    assert (await ask("GET", "/api/events")).status_code == 503

    described = {
        (method, path, status)
        for path, item in document()["paths"].items()
        for method in item
        if method in METHODS
        for status in item[method]["responses"]
    }
    # Of these, what else can be answered is that nobody is logged in: for test_web_access.
    assert described - checker.checked == {("get", "/metrics", "default")}
    await asyncio.sleep(0)


async def test_an_answer_that_is_another_is_noticed(checker: Checker) -> None:
    properties = document()["components"]["schemas"]["Fleet"]["required"]
    properties.append("something else")
    try:
        with pytest.raises(Exception, match="'something else' is a required property"):
            await checker.ask("GET", "/api/fleet")
    finally:
        properties.remove("something else")


async def test_states_are_those_that_there_are(site: Site) -> None:
    from baton_ping_monitor.web.listing import COLUMNS, SLUGS  # noqa: PLC0415

    assert document()["components"]["schemas"]["State"]["enum"] == list(SLUGS)
    parameters = document()["paths"]["/api/servers"]["get"]["parameters"]
    sort = next(each for each in parameters if each["name"] == "sort")["schema"]["enum"]
    assert sort == [*COLUMNS, *(f"-{name}" for name in COLUMNS)]
