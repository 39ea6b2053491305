"""Answers about health over HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from baton import health_server
from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.health import Health
from baton.health_server import HealthServer, health_sockets
from baton.link import Phase, State


class Known:
    """A service of which the state is known."""

    name = "baton-disk"
    configuration = Configuration()

    def __init__(self) -> None:
        self.state = State(Phase.READY)


@pytest.fixture
def service() -> Known:
    return Known()


@pytest.fixture
def health(service: Known) -> Health:
    return Health([service])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.sock"


@pytest.fixture
def port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
async def server(health: Health, path: Path) -> AsyncIterator[HealthServer]:
    """One that answers on *path*."""
    with health_sockets(Configuration(), path) as sockets:
        server = HealthServer(health, sockets)
        await server.start()
        yield server
        await server.close()


async def exchange(path: Path, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Send *request*; the status, the headers and the body of what comes."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines if line), body


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def get(target: str, method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.mark.usefixtures("server")
async def test_ready(path: Path, health: Health) -> None:
    status, headers, body = await exchange(path, get("/readyz"))
    assert status == "HTTP/1.1 200 OK"
    assert headers["Content-Type"] == "application/json"
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Connection"] == "close"
    assert json.loads(body) == health.report()


@pytest.mark.usefixtures("server")
async def test_not_ready(path: Path, service: Known) -> None:
    service.state = State(Phase.DISCONNECTED, reason="mq1 (refused)")
    status, _, body = await exchange(path, get("/readyz"))
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert json.loads(body)["services"][0]["reason"] == "mq1 (refused)"
    status, _, _ = await exchange(path, get("/healthz"))
    assert status == "HTTP/1.1 200 OK"


@pytest.mark.usefixtures("server")
async def test_not_alive(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Health, "is_alive", False)
    for target in ("/healthz", "/readyz"):
        status, _, body = await exchange(path, get(target))
        assert status == "HTTP/1.1 503 Service Unavailable"
        assert json.loads(body)["alive"] is False


@pytest.mark.usefixtures("server")
async def test_head(path: Path) -> None:
    status, headers, body = await exchange(path, get("/healthz", "HEAD"))
    assert (status, body) == ("HTTP/1.1 200 OK", b"")
    assert int(headers["Content-Length"]) > 0


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("/"), "404 Not Found"),
        (get("/readyz?verbose"), "200 OK"),
        (get("/readyz", "POST"), "405 Method Not Allowed"),
        (b"GET /readyz\r\n\r\n", "400 Bad Request"),
        (b"GET /readyz SIP/2.0\r\n\r\n", "400 Bad Request"),
        (b"\x16\x03\x01\x02\xff\r\n\r\n", "400 Bad Request"),
        (b"\r\n\r\n", "400 Bad Request"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", "431 Request Header Fields Too Large"),
    ],
)
async def test_requests(path: Path, request_: bytes, status: str) -> None:
    assert (await exchange(path, request_))[0] == f"HTTP/1.1 {status}"


@pytest.mark.usefixtures("server")
async def test_one_who_sends_too_much_is_not_listened_to(path: Path) -> None:
    async def send_without_end() -> None:
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    _, writer = await asyncio.open_unix_connection(path)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        await send_without_end()
    writer.close()


@pytest.mark.usefixtures("server")
async def test_one_who_says_nothing_is_not_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_server, "_DEADLINE", 0.05)
    assert await exchange(path, b"GET /readyz HT") == ("", {}, b"")


@pytest.mark.usefixtures("server")
async def test_one_who_goes_away(path: Path) -> None:
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(b"GET /readyz HT")
    writer.transport.abort()
    assert (await exchange(path, get("/readyz")))[0] == "HTTP/1.1 200 OK"


@pytest.mark.usefixtures("server")
async def test_the_oldest_connection_gives_way(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_server, "_MOST", 2)
    idle = [await asyncio.open_unix_connection(path) for _ in range(3)]
    assert await idle[0][0].read() == b""
    assert (await exchange(path, get("/readyz")))[0] == "HTTP/1.1 200 OK"
    assert await idle[1][0].read() == b""
    for _, writer in idle:
        writer.close()
        await writer.wait_closed()


async def test_a_burst_of_connections_is_bounded(health: Health, port: int) -> None:
    number, most = 300, 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, open_descriptors())
            await asyncio.sleep(0)

    with ExitStack() as stack:
        sockets = stack.enter_context(health_sockets(Configuration(health_port=port)))
        server = HealthServer(health, sockets)
        for _ in range(number):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        before = open_descriptors()
        watching = asyncio.create_task(watch())
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get("/readyz"))
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        watching.cancel()
        writer.close()
        await writer.wait_closed()
        await server.close()
    assert before < most <= before + health_server._MOST + 3


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(24, "Too many open files"), "Too many open files"), (MemoryError(), "no memory")],
    ids=["descriptors", "memory"],
)
async def test_when_none_can_be_accepted(
    path: Path,
    health: Health,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    reason: str,
) -> None:
    loop, failures = asyncio.get_running_loop(), 3
    accept = loop.sock_accept

    async def sock_accept(listener: socket.socket) -> tuple[socket.socket, object]:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise error
        return await accept(listener)

    monkeypatch.setattr(loop, "sock_accept", sock_accept)
    monkeypatch.setattr(health_server, "_PAUSE", 0.01)
    with health_sockets(Configuration(), path) as sockets:
        server = HealthServer(health, sockets)
        await server.start()
        assert (await exchange(path, get("/readyz")))[0] == "HTTP/1.1 200 OK"
        await server.close()
    (record,) = caplog.records
    assert record.getMessage().startswith(f"Nobody can be told how it is: {reason}")
    assert record.exc_info is None


async def test_who_cancels_every_task_is_answered_all_the_same(
    path: Path, server: HealthServer
) -> None:
    await exchange(path, get("/readyz"))
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    assert (await exchange(path, get("/readyz")))[0] == "HTTP/1.1 200 OK"


async def test_closing_ends_the_connections(path: Path, server: HealthServer) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    assert (await exchange(path, get("/readyz")))[0] == "HTTP/1.1 200 OK"
    await server.close()
    assert await reader.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_unix_connection(path)
    writer.close()
    await writer.wait_closed()


async def test_a_port(health: Health, port: int) -> None:
    with health_sockets(Configuration(health_port=port)) as sockets:
        assert sockets[0].getsockname() == ("127.0.0.1", port)
        server = HealthServer(health, sockets)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get("/readyz"))
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        await writer.wait_closed()
        await server.close()


def test_each_address_of_a_name(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may have some twice, and some that this machine has not."""
    tcp = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    hosts = ("192.0.2.1", "127.0.0.1", "127.0.0.1", "127.0.0.2")
    found = [(*tcp, (host, port)) for host in hosts]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with health_sockets(Configuration(health_port=port)) as sockets:
        assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1", "127.0.0.2"]


def test_every_address() -> None:
    with socket.create_server(("0.0.0.0", 0)) as free:
        port = free.getsockname()[1]
    configuration = Configuration(health_host="0.0.0.0", health_port=port)
    with health_sockets(configuration) as (listener,):
        assert listener.getsockname()[0] == "0.0.0.0"


def test_nowhere() -> None:
    with health_sockets(Configuration()) as sockets:
        assert sockets == []


def test_a_port_that_is_in_use(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ConfigurationError) as caught,
        health_sockets(Configuration(health_port=port)),
    ):
        pass
    assert str(caught.value) == (
        f"HEALTH_PORT: port {port} of 127.0.0.1 cannot be opened: Address already in use"
    )


def test_a_host_that_is_not_ours(port: int) -> None:
    configuration = Configuration(health_host="192.0.2.1", health_port=port)
    with (
        pytest.raises(ConfigurationError, match=r"of 192\.0\.2\.1 cannot be opened: "),
        health_sockets(configuration),
    ):
        pass


def test_a_socket_is_for_the_user_and_the_group(path: Path) -> None:
    with health_sockets(Configuration(), path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_socket_that_was_left_behind_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with health_sockets(Configuration(), path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_on_which_somebody_listens_is_left_alone(
    path: Path, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_UNIX, kind) as another:
        another.bind(str(path))
        if kind is socket.SOCK_STREAM:
            another.listen(0)
        with pytest.raises(ConfigurationError) as caught, health_sockets(Configuration(), path):
            pass
        assert path.is_socket()
    assert str(caught.value) == (
        f"PID_FILE: the socket beside it, {path}, cannot be opened: Address already in use"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no/x.sock", "No such file or directory"),
        ("x" * 200 + ".sock", "AF_UNIX path too long"),
        ("file", "Address already in use"),
    ],
)
def test_a_socket_that_cannot_be_made(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / name
    with pytest.raises(ConfigurationError) as caught, health_sockets(Configuration(), path):
        pass
    assert str(caught.value) == (
        f"PID_FILE: the socket beside it, {path}, cannot be opened: {reason}"
    )
    assert (tmp_path / "file").exists()
