"""Serving on this process's event loop, over real sockets."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from baton.errors import ConfigurationError
from baton_ping_monitor.settings import WebSettings
from baton_ping_monitor.web import server as server_module
from baton_ping_monitor.web.server import WebServer
from baton_ping_monitor.web.streams import Streams

PATIENCE = 10.0


async def forever() -> AsyncIterator[str]:
    yield "data: 1\n\n"
    await asyncio.Event().wait()


async def where(request: Request) -> Response:
    client = request.client.host if request.client else ""
    return PlainTextResponse(f"{client} {request.url.scheme}")


async def stream(request: Request) -> Response:
    streams: Streams = request.app.state.streams
    return streams.respond(request, forever())


def app() -> Starlette:
    found = Starlette(routes=[Route("/", where), Route("/stream", stream)])
    found.state.streams = Streams()
    return found


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    running = WebServer(app(), WebSettings(port=0))
    await running.start()
    yield running
    await running.stop()


async def test_it_answers_at_its_address(server: WebServer) -> None:
    async with httpx2.AsyncClient(base_url=server.url) as browser:
        answer = await browser.get("/")
    assert answer.text == "127.0.0.1 http"
    assert "server" not in answer.headers
    assert server.url.startswith("http://127.0.0.1:")


async def test_a_proxy_on_this_machine_is_believed(server: WebServer) -> None:
    headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    async with httpx2.AsyncClient(base_url=server.url) as browser:
        assert (await browser.get("/", headers=headers)).text == "192.0.2.7 https"


async def test_signals_are_left_to_the_process() -> None:
    before = signal.getsignal(signal.SIGTERM)
    running = WebServer(app(), WebSettings(port=0))
    await running.start()
    assert signal.getsignal(signal.SIGTERM) is before
    await running.stop()


async def test_streams_end_soon_when_it_stops() -> None:
    running = WebServer(app(), WebSettings(port=0))
    await running.start()
    loop = asyncio.get_running_loop()
    async with (
        httpx2.AsyncClient(base_url=running.url, timeout=PATIENCE) as browser,
        browser.stream("GET", "/stream") as answer,
    ):
        lines = answer.aiter_lines()
        while await anext(lines) != "data: 1":
            pass
        begun = loop.time()
        stopping = asyncio.create_task(running.stop())
        assert [each async for each in lines if each] == []
        await asyncio.wait_for(stopping, PATIENCE)
    assert loop.time() - begun < 3
    with pytest.raises(OSError, match="failed"):
        await asyncio.open_connection("127.0.0.1", httpx2.URL(running.url).port)


async def test_a_port_that_is_taken_is_said_in_one_sentence(server: WebServer) -> None:
    port = httpx2.URL(server.url).port
    assert port is not None
    with pytest.raises(
        ConfigurationError, match=f"port {port} of 127.0.0.1: Address already in use"
    ):
        WebServer(app(), WebSettings(port=port))


@pytest.mark.parametrize("host", ["192.0.2.1", "nobody.invalid"])
async def test_an_address_that_cannot_be_had(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"of {host}: .*DASHBOARD_HOST"):
        WebServer(app(), WebSettings(host=host, port=0))


async def test_one_that_never_started_gives_its_address_back() -> None:
    first = WebServer(app(), WebSettings(port=0))
    port = httpx2.URL(first.url).port
    assert port is not None
    first.close()
    WebServer(app(), WebSettings(port=port)).close()


async def test_the_address_has_the_prefix() -> None:
    found = WebServer(app(), WebSettings(port=0, prefix="/baton"))
    assert found.url.endswith("/baton/")
    found.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
async def test_who_does_not_finish_a_request_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, server: WebServer, sent: bytes
) -> None:
    monkeypatch.setattr(server_module, "_HEAD_DEADLINE", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(server.url).port)
    writer.write(sent)
    await asyncio.wait_for(_until_closed(reader), PATIENCE)
    writer.close()


async def test_who_does_not_finish_another_request_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, server: WebServer
) -> None:
    monkeypatch.setattr(server_module, "_HEAD_DEADLINE", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(server.url).port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await asyncio.wait_for(reader.readuntil(b"127.0.0.1 http"), PATIENCE)
    writer.write(b"GET / HTTP/1.1\r\nHo")
    await asyncio.wait_for(_until_closed(reader), PATIENCE)
    writer.close()


async def test_so_many_connections_are_kept(
    monkeypatch: pytest.MonkeyPatch, server: WebServer
) -> None:
    monkeypatch.setattr(server_module, "_MOST_CONNECTIONS", 2)
    port = httpx2.URL(server.url).port
    kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.wait_for(_until_closed(reader), PATIENCE)
    writer.close()
    kept[0][1].write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"200" in await asyncio.wait_for(kept[0][0].readline(), PATIENCE)
    for _, each in kept:
        each.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\0\r\n\r\n",
        b"GET " + b"x" * 100_000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0" * 100,
    ],
)
async def test_what_is_no_request_does_no_harm(server: WebServer, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", httpx2.URL(server.url).port or 0)) as connection:
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, sent)
    async with httpx2.AsyncClient(base_url=server.url) as browser:
        assert (await browser.get("/")).status_code == 200


async def _until_closed(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65_536):
            pass
    except ConnectionError:
        pass
