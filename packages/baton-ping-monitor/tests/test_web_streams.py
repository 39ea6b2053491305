"""Streams of server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request

from baton_ping_monitor.web import streams
from baton_ping_monitor.web.streams import Streams, sse

PATIENCE = 10.0


class Reader:
    """Reads a response as a server does: what it was given, until it goes."""

    def __init__(self) -> None:
        self.got = asyncio.Queue[str]()
        self.gone = asyncio.Event()
        self.is_slow = False
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": "/api/events",
            "headers": [],
        }

    @property
    def request(self) -> Request:
        return Request(self.scope)

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.is_slow:
            await asyncio.Event().wait()
        if message["type"] == "http.response.start":
            self.scope["status"] = message["status"]
        else:
            end = "" if message.get("more_body") else "END"
            self.got.put_nowait(message["body"].decode() + end)

    async def next(self) -> str:
        return await asyncio.wait_for(self.got.get(), PATIENCE)


class Source:
    """Gives what it is told to, and knows when it was closed."""

    def __init__(self) -> None:
        self.items = asyncio.Queue[str | None]()
        self.closed = asyncio.Event()

    async def __call__(self) -> AsyncIterator[str]:
        try:
            while (item := await self.items.get()) is not None:
                yield item
        finally:
            self.closed.set()


def test_an_event_is_one_line_of_data_whatever_it_holds() -> None:
    assert sse({"a": "x\n\ny"}, event="output", id=7) == (
        'id: 7\nevent: output\ndata: {"a":"x\\n\\ny"}\n\n'
    )
    assert sse([1]) == "data: [1]\n\n"


async def test_what_the_source_gives_is_sent_until_it_ends() -> None:
    all_of_them, reader, source = Streams(), Reader(), Source()
    response = all_of_them.respond(reader.request, source())
    running = asyncio.create_task(response(reader.scope, reader.receive, reader.send))
    assert await reader.next() == "retry: 2000\n\n"
    assert all_of_them.number == 1
    for text in ("one", "two"):
        source.items.put_nowait(text)
        assert await reader.next() == text
    source.items.put_nowait(None)
    assert await reader.next() == "END"
    await asyncio.wait_for(running, PATIENCE)
    assert all_of_them.number == 0
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "content-length" not in response.headers


async def test_a_source_is_closed_when_its_reader_goes() -> None:
    all_of_them, reader, source = Streams(), Reader(), Source()
    response = all_of_them.respond(reader.request, source())
    running = asyncio.create_task(response(reader.scope, reader.receive, reader.send))
    await reader.next()
    reader.gone.set()
    await asyncio.wait_for(running, PATIENCE)
    assert source.closed.is_set()
    assert all_of_them.number == 0


async def test_a_silent_stream_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
    all_of_them, reader, source = Streams(), Reader(), Source()
    response = all_of_them.respond(reader.request, source())
    running = asyncio.create_task(response(reader.scope, reader.receive, reader.send))
    assert [await reader.next() for _ in range(3)][1:] == [": still here\n\n"] * 2
    source.items.put_nowait("news")
    while (text := await reader.next()) != "news":
        assert text == ": still here\n\n"
    reader.gone.set()
    await asyncio.wait_for(running, PATIENCE)


async def test_a_reader_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_SLOWEST", 0.01)
    all_of_them, reader, source = Streams(), Reader(), Source()
    response = all_of_them.respond(reader.request, source())
    running = asyncio.create_task(response(reader.scope, reader.receive, reader.send))
    await reader.next()
    reader.is_slow = True
    source.items.put_nowait("news")
    await asyncio.wait_for(source.closed.wait(), PATIENCE)
    await asyncio.wait_for(running, PATIENCE)
    assert all_of_them.number == 0


async def test_a_stream_ends_so_that_its_reader_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "_LONGEST", 0.0)
    all_of_them, reader, source = Streams(), Reader(), Source()
    response = all_of_them.respond(reader.request, source())
    await asyncio.wait_for(response(reader.scope, reader.receive, reader.send), PATIENCE)
    assert [await reader.next() for _ in range(2)] == ["retry: 2000\n\n", "END"]


async def test_a_silent_stream_ends_when_its_reader_may_not_read_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
    all_of_them, reader, source = Streams(), Reader(), Source()
    may = [True]
    request = reader.request
    request.state.stays = lambda: bool(may)
    response = all_of_them.respond(request, source())
    running = asyncio.create_task(response(reader.scope, reader.receive, reader.send))
    assert [await reader.next() for _ in range(2)][1:] == [": still here\n\n"]
    may.clear()
    while (text := await reader.next()) != "END":
        assert text == ": still here\n\n"
    await asyncio.wait_for(running, PATIENCE)
    assert source.closed.is_set()


async def test_all_end_together_and_no_other_begins() -> None:
    all_of_them = Streams()
    readers = [Reader() for _ in range(5)]
    sources = [Source() for _ in readers]
    running = []
    for reader, source in zip(readers, sources, strict=True):
        response = all_of_them.respond(reader.request, source())
        running.append(asyncio.create_task(response(reader.scope, reader.receive, reader.send)))
        await reader.next()
    assert all_of_them.number == 5
    await asyncio.wait_for(all_of_them.close(), PATIENCE)
    await asyncio.wait_for(asyncio.gather(*running), PATIENCE)
    assert [await reader.next() for reader in readers] == ["END"] * 5
    assert all(source.closed.is_set() for source in sources)
    assert all_of_them.respond(Reader().request, Source()()).status_code == 503


async def test_so_many_are_open_at_most() -> None:
    all_of_them, reader = Streams(most=1), Reader()
    response = all_of_them.respond(reader.request, Source()())
    running = asyncio.create_task(response(reader.scope, reader.receive, reader.send))
    await reader.next()
    refused = all_of_them.respond(Reader().request, Source()())
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "10"
    reader.gone.set()
    await asyncio.wait_for(running, PATIENCE)
    assert all_of_them.respond(Reader().request, Source()()).status_code == 200


async def test_what_a_source_raises_is_not_hidden() -> None:
    async def broken() -> AsyncIterator[str]:
        yield "one"
        raise RuntimeError("broken")

    reader = Reader()
    response = Streams().respond(reader.request, broken())
    with pytest.raises(RuntimeError, match="broken"):
        await asyncio.wait_for(response(reader.scope, reader.receive, reader.send), PATIENCE)


async def test_the_head_of_a_stream_is_enough_for_head() -> None:
    reader, source = Reader(), Source()
    reader.scope["method"] = "HEAD"
    response = Streams().respond(reader.request, source())
    await asyncio.wait_for(response(reader.scope, reader.receive, reader.send), PATIENCE)
    assert await reader.next() == "END"
