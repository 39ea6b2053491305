"""Connecting to one host of the pool, whichever takes us."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from baton.errors import AuthenticationFailed, BrokerUnavailable, CertificateRefused
from baton.transports import Transport, TransportListener, open_transport

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration


async def connect(
    configuration: Configuration, listener: TransportListener, name: str
) -> Transport:
    """An open transport to one of the hosts, each tried once, in a random order; the broker shows
    it as *name*.

    Raises BrokerUnavailable if none can be reached, AuthenticationFailed if one refuses us,
    CertificateRefused only if each does for its certificate or ours.
    """
    endpoints = configuration.endpoints
    failures: list[BrokerUnavailable] = []
    for endpoint in random.sample(endpoints, len(endpoints)):
        try:
            return await _open(configuration, endpoint, listener, name)
        except CertificateRefused as error:
            # Another host may have a better one, but it has the same users.
            failures.append(error)
        except AuthenticationFailed:
            raise
        except BrokerUnavailable as error:
            failures.append(error)
        except TimeoutError:
            reason = f"{endpoint} (no answer in {configuration.deadline:g} s)"
            failures.append(BrokerUnavailable(reason))
    if all(isinstance(failure, CertificateRefused) for failure in failures):
        raise CertificateRefused(", ".join(map(str, failures)))
    raise BrokerUnavailable(f"No broker could be reached: {', '.join(map(str, failures))}")


async def disconnect(transport: Transport, deadline: float) -> None:
    """Close *transport*, within *deadline* seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(deadline):
            await transport.close()


@asynccontextmanager
async def patience(transport: Transport, seconds: float) -> AsyncIterator[None]:
    """A deadline for what is asked of *transport*: so many *seconds* for each of the answers.
    Raises TimeoutError."""
    async with asyncio.timeout(seconds) as limit:
        transport.answered = partial(_extend, limit, seconds)
        try:
            yield
        finally:
            transport.answered = _nothing


async def _open(
    configuration: Configuration, endpoint: Endpoint, listener: TransportListener, name: str
) -> Transport:
    transport = open_transport(configuration, endpoint, listener, name)
    try:
        async with patience(transport, configuration.deadline):
            await transport.open()
    except BaseException:
        await disconnect(transport, configuration.deadline)
        raise
    return transport


def _nothing() -> None: ...


def _extend(limit: asyncio.Timeout, seconds: float) -> None:
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time() + seconds)
