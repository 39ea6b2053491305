"""Who listens on a port, by real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trustme
from pamqp import frame
from pamqp.commands import Connection

from baton.broker_url import Endpoint
from baton.doctor.greeting import Greeting, connected, greet, speaks_amqp, speaks_tls

Listen = Callable[..., Awaitable[int]]
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter

LONG = 10.0


def saying(words: bytes) -> Callable[[Reader, Writer], Awaitable[None]]:
    """A server that says *words* to whoever says something."""

    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.read(1)
        writer.write(words)

    return talk


async def silent(reader: Reader, writer: Writer) -> None:
    await reader.read()


async def by_lines(reader: Reader, writer: Writer) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def start(**properties: str) -> bytes:
    """The first frame of a broker."""
    return bytes(frame.marshal(Connection.Start(server_properties=dict(properties)), 0))


async def greeted(port: int, seconds: float = LONG) -> Greeting:
    async with connected(Endpoint("127.0.0.1", port)) as stream:
        return await greet(stream, seconds)


async def test_a_broker(listen: Listen) -> None:
    port = await listen(saying(start(product="RabbitMQ", version="4.1.2")))
    assert await greeted(port) == Greeting("RabbitMQ", "4.1.2")
    assert await speaks_amqp(Endpoint("127.0.0.1", port), LONG)


async def test_a_broker_that_does_not_say_which(listen: Listen) -> None:
    assert await greeted(await listen(saying(start()))) == Greeting("unknown", "unknown")


@pytest.mark.parametrize(
    ("words", "fault", "answered"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "it speaks HTTP, not AMQP", True),
        (b"\x15\x03\x03\x00\x02\x02\x46", "it wants TLS", True),
        (b"AMQP\x00\x01\x00\x00", "it speaks another version of AMQP than 0-9-1", True),
        (b"SSH-2.0-OpenSSH\x1b[2J", 'it does not speak AMQP, but says "SSH-2.0-OpenSSH�[2J"', True),
        (b"\x01\x00\x00\x00\x00\x00\x01x", "it does not speak AMQP, but says", True),
        (b"", "it closes the connection without a word", False),
    ],
)
async def test_something_else(listen: Listen, words: bytes, fault: str, answered: bool) -> None:
    port = await listen(saying(words))
    greeting = await greeted(port)
    assert greeting.fault.startswith(fault)
    assert greeting.answered is answered
    assert not await speaks_amqp(Endpoint("127.0.0.1", port), LONG)


async def test_something_that_says_nothing(listen: Listen) -> None:
    greeting = await greeted(await listen(silent), 0.1)
    assert greeting == Greeting(fault="it says nothing for 0.1 s", answered=False)


async def test_something_that_waits_for_a_line(listen: Listen) -> None:
    assert (await greeted(await listen(by_lines), 2)).fault == "it speaks HTTP, not AMQP"


async def test_whether_it_wants_tls(listen: Listen) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("mq1.example.org").configure_cert(context)
    assert await speaks_tls(Endpoint("127.0.0.1", await listen(silent, context)), LONG)
    assert not await speaks_tls(Endpoint("127.0.0.1", await listen(saying(b"AMQP"))), LONG)
