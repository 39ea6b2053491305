"""Outputs as they were kept, and the stream of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from baton.fleet.monitor_api import MonitorAPI
from baton_ping_monitor.web.api import outputs
from baton_ping_monitor.web.server import WebServer

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from conftest import MakeSite, Site

PATIENCE = 15.0


async def test_replies_are_as_requesters_expect_them(
    browser: httpx2.AsyncClient, site: Site
) -> None:
    await site.say("web01.example.org", correlation_id="ping-1")
    await site.say("web02.example.org", correlation_id="ping-2")
    answer = await browser.get("/api/replies/ping-1")
    assert answer.json() == {
        "replies": [
            {
                "message_id": "output-1",
                "fqdn": "web01.example.org",
                "instance": "instance of web01.example.org",
                "type": "pong",
                "received": site.time(),
                "body": {
                    "type": "pong",
                    "fqdn": "web01.example.org",
                    "environment": "production",
                },
            }
        ]
    }


async def test_of_a_command_that_is_not_known_nothing_was_seen(
    browser: httpx2.AsyncClient,
) -> None:
    answer = await browser.get("/api/replies/nothing")
    assert answer.status_code == 404
    assert answer.json() == {"error": "Nothing was seen of a command of that id."}


@pytest.mark.parametrize("body", ["", "no JSON", "[1]", '"text"', '{"a": ', "[" * 50_000])
async def test_a_body_that_is_no_document_is_null(
    browser: httpx2.AsyncClient, site: Site, body: str
) -> None:
    await site.say(body=body, correlation_id="ping-1")
    answer = await browser.get("/api/replies/ping-1")
    assert [each["body"] for each in answer.json()["replies"]] == [None]


@pytest.mark.parametrize(
    "body",
    [
        '{"a": 1e999}',
        '{"a": NaN}',
        '{"a": [-Infinity]}',
        '{"a": "\\ud800"}',
        '{"\\udfff": 1}',
        *('{"a":' * depth + "1" + "}" * depth for depth in (600, 930, 960, 5000)),
    ],
)
async def test_a_body_that_no_reader_would_take_is_null(
    browser: httpx2.AsyncClient, site: Site, body: str
) -> None:
    await site.say(kind="malformed", body=body, correlation_id="ping-1")
    replies = await browser.get("/api/replies/ping-1")
    assert [each["body"] for each in replies.json()["replies"]] == [None]
    listed = await browser.get("/api/events", headers={"Accept": "application/json"})
    assert [each["body"] for each in listed.json()["events"]] == [None]


async def test_a_body_may_be_nested_and_have_any_letters(
    browser: httpx2.AsyncClient, site: Site
) -> None:
    body = '{"a": ' + "[" * 200 + '"\\ud83d\\ude00"' + "]" * 200 + ', "b": "\\\\ud800"}'
    await site.say(body=body)
    listed = await browser.get("/api/events", headers={"Accept": "application/json"})
    assert [each["body"] for each in listed.json()["events"]] == [json.loads(body)]


async def test_a_document_stays_shorter_than_requesters_take(
    browser: httpx2.AsyncClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_BODIES", 250)
    for _ in range(5):
        await site.say(correlation_id="ping-1")
    replies = (await browser.get("/api/replies/ping-1")).json()["replies"]
    assert [each["body"] is None for each in replies] == [False, False, False, True, True]


async def test_those_kept_are_listed_the_latest_first(
    browser: httpx2.AsyncClient, site: Site
) -> None:
    for number in range(5):
        await site.say(f"web{number}.example.org")

    async def listed(query: str) -> list[int]:
        answer = await browser.get(f"/api/events{query}", headers={"Accept": "application/json"})
        assert answer.status_code == 200
        return [event["id"] for event in answer.json()["events"]]

    first, *_, last = sorted(await listed(""))
    assert await listed("") == list(range(last, first - 1, -1))
    assert await listed("?limit=2") == [last, last - 1]
    assert await listed(f"?before={last}&limit=1") == [last - 1]
    assert await listed(f"?after={first}&limit=1") == [first + 1]
    assert await listed("?server=web3.example.org") == [first + 3]
    assert await listed("?type=error") == []
    assert await listed("?q=of%20web4") == [last]
    assert await listed("?extension=baton-other") == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?after=x", "after must be a whole number"),
        ("?after=" + "9" * 25, "after must be"),
        ("?limit=1", "There is no parameter"),
        ("?kind=pong", "There is no parameter"),
    ],
)
async def test_a_stream_that_cannot_be(browser: httpx2.AsyncClient, query: str, says: str) -> None:
    answer = await browser.get(f"/api/events{query}")
    assert answer.status_code == 400
    assert says in answer.json()["error"]


async def test_an_id_to_resume_from_is_a_number(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/api/events", headers={"Last-Event-ID": "x"})
    assert (answer.status_code, "Last-Event-ID must be" in answer.text) == (400, True)


class Stream:
    """A stream as it is read, event by event."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> dict[str, Any]:
        """The next event, whose id is that of its data."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if not line and "data" in fields:
                    data: dict[str, Any] = json.loads(fields["data"])
                    assert (fields["event"], fields["id"]) == ("output", str(data["id"]))
                    return data
                fields[name] = value
        raise EOFError


Open = Callable[..., "AbstractAsyncContextManager[Stream]"]


@pytest.fixture
async def open_stream(site: Site) -> AsyncIterator[Open]:
    """Opens streams of *site*, over real sockets."""
    async with streams_of(site) as open_one:
        yield open_one


@asynccontextmanager
async def streams_of(site: Site) -> AsyncIterator[Open]:
    server = WebServer(site.app, type(site.services.settings.web)(port=0))
    await server.start()

    @asynccontextmanager
    async def open_one(query: str = "", **headers: str) -> AsyncIterator[Stream]:
        async with (
            httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE) as client,
            client.stream("GET", f"/api/events{query}", headers=headers) as answer,
        ):
            assert answer.status_code == 200
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            yield Stream(lines)

    yield open_one
    await server.stop()


async def until_it_follows(site: Site, stream: Stream) -> int:
    """Say something until the stream tells of it: then it has begun to follow."""

    async def say() -> None:
        while True:
            await site.say("first.example.org")
            await asyncio.sleep(0.05)

    saying = asyncio.create_task(say())
    try:
        return int((await stream.next())["id"])
    finally:
        saying.cancel()


async def test_outputs_are_told_as_they_come(site: Site, open_stream: Open) -> None:
    await site.say("before.example.org")
    async with open_stream() as stream:
        await until_it_follows(site, stream)
        await site.say("web01.example.org", "error", error="Boom")
        event = await stream.next()
        while event["fqdn"] == "first.example.org":
            event = await stream.next()
        assert (event["fqdn"], event["type"], event["error"]) == (
            "web01.example.org",
            "error",
            "Boom",
        )
        assert event["body"]["type"] == "error"


async def test_a_stream_resumes_without_a_gap(
    site: Site, open_stream: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_AT_ONCE", 50)
    for number in range(120):
        await site.say(f"web{number}.example.org")
    async with open_stream("?after=0") as stream:
        seen = [await stream.next() for _ in range(3)]
    assert [each["fqdn"] for each in seen] == [f"web{n}.example.org" for n in range(3)]
    async with open_stream(**{"Last-Event-ID": str(seen[-1]["id"])}) as stream:
        # More than are read at once: the order and the number stay right.
        assert [(await stream.next())["fqdn"] for _ in range(117)] == [
            f"web{n}.example.org" for n in range(3, 120)
        ]
        await site.say("last.example.org")
        assert (await stream.next())["fqdn"] == "last.example.org"


async def test_what_does_not_match_is_passed_over(
    site: Site, open_stream: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_AT_ONCE", 3)
    for number in range(20):
        await site.say(f"web{number}.example.org", "error" if number % 7 == 0 else "pong")
    async with open_stream("?after=0&type=error") as stream:
        assert [(await stream.next())["fqdn"] for _ in range(3)] == [
            f"web{n}.example.org" for n in (0, 7, 14)
        ]
        await site.say("one.example.org")
        await site.say("two.example.org", "error")
        assert (await stream.next())["fqdn"] == "two.example.org"
    async with open_stream("?after=0&server=web3.example.org") as stream:
        assert (await stream.next())["fqdn"] == "web3.example.org"


async def test_hostile_text_stays_one_event(site: Site, open_stream: Open) -> None:
    evil = "x\n\nevent: output\ndata: {}\n\n"
    await site.say(evil, summary=evil, body=json.dumps({"type": "pong", "a": evil}))
    async with open_stream("?after=0") as stream:
        event = await stream.next()
        assert event["fqdn"] == evil
        assert event["body"]["a"] == evil
        await site.say("next.example.org")
        assert (await stream.next())["fqdn"] == "next.example.org"


async def test_so_many_streams_are_open_at_most(site: Site, open_stream: Open) -> None:
    site.app.state.streams._most = 1
    async with open_stream("?after=0") as stream:
        await site.say()
        await stream.next()
        async with site.client() as browser:
            answer = await browser.get("/api/events")
    assert answer.status_code == 503
    assert answer.json() == {"error": "Too many streams are open."}


async def test_who_is_no_user_any_more_hears_no_more(guarded: Site) -> None:
    file = guarded.services.settings.web.users_file
    assert file is not None
    async with (
        streams_of(guarded) as open_stream,
        open_stream("?after=0", Authorization=f"Bearer {guarded.token}") as stream,
    ):
        await guarded.say("web01.example.org")
        assert (await stream.next())["fqdn"] == "web01.example.org"
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(each for each in lines if ":token$" not in each))
        await guarded.say("web02.example.org")
        with pytest.raises(EOFError):
            await stream.next()


async def test_requesters_read_what_it_says(make_site: MakeSite, users: str) -> None:
    site = make_site(users=users)
    await site.say("web01.example.org", correlation_id="ping-1")
    await site.say("web02.example.org", correlation_id="ping-1")
    await site.say("db01.example.org", environment="staging", app_names=("db",))
    server = WebServer(site.app, type(site.services.settings.web)(port=0))
    await server.start()
    try:
        url = server.url.replace("://", "://victor:view%20only@")
        monitor = MonitorAPI(url)
        seen = await asyncio.to_thread(monitor.replies, "ping-1")
        assert [each.fqdn for each in seen] == ["web01.example.org", "web02.example.org"]
        assert await asyncio.to_thread(monitor.replies, "unknown") == []
        for targets, expected in (
            (["*"], 3),
            (["production"], 2),
            (["db.staging"], 1),
            (["web01.example.org", "staging"], 2),
        ):
            assert len(await asyncio.to_thread(monitor.servers, targets)) == expected
    finally:
        await server.stop()
