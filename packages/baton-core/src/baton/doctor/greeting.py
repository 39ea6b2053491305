"""Who listens on a port: a broker is known by its first frame, before anybody has logged in."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from pamqp import frame
from pamqp.commands import Connection
from pamqp.exceptions import PAMQPException

from baton.broker_url import Endpoint
from baton.text import excerpt, printable, shorten

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_HEADER: Final = b"AMQP\x00\x00\x09\x01"
_FRAME_HEAD: Final = 7
_TLS_ALERT: Final = b"\x15\x03"
_SHOWN: Final = 40
"""Characters of a foreign greeting that are shown."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What came first. ``product`` and ``version`` are a broker's; of something else, ``fault``
    says what it is, and ``answered`` whether it said anything."""

    product: str = ""
    version: str = ""
    fault: str = ""
    answered: bool = True


@asynccontextmanager
async def connected(
    endpoint: Endpoint, context: ssl.SSLContext | None = None, name: str | None = None
) -> AsyncIterator[Stream]:
    """A connection to *endpoint*, encrypted with *context* to a host called *name*."""
    stream = await asyncio.open_connection(
        endpoint.host, endpoint.port, ssl=context, server_hostname=name
    )
    try:
        yield stream
    finally:
        stream[1].transport.abort()
        with suppress(OSError):
            await stream[1].wait_closed()


async def greet(stream: Stream, seconds: float) -> Greeting:
    """Begin to speak AMQP, and say what comes back within *seconds*.

    Raises ssl.SSLError if the other side refuses our certificate, which TLS 1.3 tells late.
    """
    reader, writer = stream
    # Something that speaks by lines may wait for one: its words tell more than its silence.
    for words in (_HEADER, b"\r\n\r\n"):
        try:
            async with asyncio.timeout(seconds / 2):
                writer.write(words)
                await writer.drain()
                return await _read(reader)
        except TimeoutError:
            continue
        except ssl.SSLError:
            raise
        except OSError:
            break
    else:
        return Greeting(fault=f"it says nothing for {seconds:g} s", answered=False)
    return Greeting(fault="it closes the connection without a word", answered=False)


async def speaks_amqp(endpoint: Endpoint, seconds: float) -> bool:
    """Whether a broker is there that wants no TLS."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(seconds), connected(endpoint) as stream:
            return not (await greet(stream, seconds)).fault
    return False


async def speaks_tls(endpoint: Endpoint, seconds: float) -> bool:
    """Whether something is there that wants TLS. Nothing is said to it, and nobody verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(seconds), connected(endpoint, context, endpoint.host):
            return True
    return False


def describe_loss(error: OSError) -> str:
    """What went wrong. asyncio joins what it met at several addresses into one text."""
    if reason := getattr(error, "reason", None):  # of TLS: an alert, by its name
        return str(reason).replace("_", " ").lower()
    if (
        error.errno is not None
        and error.errno in errno.errorcode
        and not isinstance(error, ssl.SSLError)
    ):
        return os.strerror(error.errno).lower()
    return shorten(" ".join(str(error).split()).lower()) or type(error).__name__


async def _read(reader: asyncio.StreamReader) -> Greeting:
    try:
        head = await reader.readexactly(_FRAME_HEAD)
    except asyncio.IncompleteReadError as error:
        head = error.partial
    if not head:
        return Greeting(fault="it closes the connection without a word", answered=False)
    if head.startswith(_TLS_ALERT):
        return Greeting(fault="it wants TLS")
    if head.startswith(b"HTTP/"):
        return Greeting(fault="it speaks HTTP, not AMQP")
    if head.startswith(b"AMQP"):
        return Greeting(fault="it speaks another version of AMQP than 0-9-1")
    if head[:3] == b"\x01\x00\x00" and len(head) == _FRAME_HEAD:
        with suppress(asyncio.IncompleteReadError, PAMQPException):
            rest = await reader.readexactly(int.from_bytes(head[3:]) + 1)
            start = frame.unmarshal(head + rest)[2]
            if isinstance(start, Connection.Start):
                return _of_broker(start)
    text = printable((head + await reader.read(_SHOWN)).decode("utf-8", "replace").strip())
    return Greeting(fault=f'it does not speak AMQP, but says "{shorten(text, _SHOWN)}"')


def _of_broker(start: Connection.Start) -> Greeting:
    properties = start.server_properties or {}
    product, version = (
        excerpt(str(properties.get(key, "unknown")), _SHOWN) for key in ("product", "version")
    )
    return Greeting(product, version)
