"""Connecting to one host of the pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from baton import Configuration
from baton.errors import AuthenticationFailed, BrokerUnavailable, CertificateRefused
from baton.fleet import pool
from baton.transports import Transport, TransportListener
from baton.transports.memory import MemoryBroker, MemoryTransport

HOSTS = ("a.example.org", "b.example.org")


class Host(MemoryTransport):
    """A session with a host that does as *opens* says."""

    def __init__(self, name: str, opens: Exception | str) -> None:
        super().__init__(MemoryBroker(), TransportListener())
        self.name = name
        self.is_closed = False
        self._opens = opens

    async def open(self) -> None:
        if isinstance(self._opens, Exception):
            raise self._opens
        if self._opens == "never":
            await asyncio.Event().wait()
        if self._opens == "slowly":  # longer than a deadline, in all
            for _ in range(5):
                await asyncio.sleep(0.5)
                self.answered()
        await super().open()

    async def close(self) -> None:
        self.is_closed = True
        await super().close()


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Host]]:
    """Says what each host does; gives those that were tried."""

    def tried(**opens: Exception | str) -> list[Host]:
        found: list[Host] = []

        def open_transport(_: Any, endpoint: Any, *__: Any) -> Host:
            name = str(endpoint.host)
            found.append(Host(name, opens[name[0]]))
            return found[-1]

        monkeypatch.setattr(pool, "open_transport", open_transport)
        return found

    return tried


async def connect(deadline: float = 0.1) -> Transport:
    configuration = Configuration(rabbit_host=",".join(HOSTS), deadline=deadline)
    return await pool.connect(configuration, TransportListener(), "x requester")


@pytest.mark.parametrize(
    "failure", [BrokerUnavailable("down"), CertificateRefused("expired"), "never"]
)
async def test_another_host_is_taken_when_one_does_not_take_us(
    tried: Callable[..., list[Host]], failure: Exception | str
) -> None:
    for _ in range(60):  # the order is random
        hosts = tried(a=failure, b="at once")
        transport = await connect()
        assert isinstance(transport, Host)
        assert transport.name == "b.example.org"
        assert not transport.is_closed
        assert all(host.is_closed for host in hosts if host is not transport)
        if len(hosts) == 2:
            return
    raise AssertionError("a.example.org was never tried first")


async def test_a_host_that_answers_slowly_is_not_given_up(
    tried: Callable[..., list[Host]],
) -> None:
    hosts = tried(a="slowly", b="slowly")
    assert await connect(2) is hosts[0]
    assert len(hosts) == 1


async def test_a_wrong_password_is_wrong_everywhere(tried: Callable[..., list[Host]]) -> None:
    refused = AuthenticationFailed("no such user")
    hosts = tried(a=refused, b=refused)
    with pytest.raises(AuthenticationFailed, match="no such user"):
        await connect()
    assert len(hosts) == 1
    assert hosts[0].is_closed


async def test_each_certificate_is_refused(tried: Callable[..., list[Host]]) -> None:
    tried(a=CertificateRefused("a expired"), b=CertificateRefused("b expired"))
    with pytest.raises(CertificateRefused, match="a expired") as caught:
        await connect()
    assert "b expired" in str(caught.value)


async def test_no_host_can_be_reached(tried: Callable[..., list[Host]]) -> None:
    hosts = tried(a=CertificateRefused("a expired"), b="never")
    with pytest.raises(BrokerUnavailable, match="No broker could be reached: ") as caught:
        await connect()
    assert type(caught.value) is BrokerUnavailable
    assert "b.example.org" in str(caught.value)
    assert "no answer in 0.1 s" in str(caught.value)
    assert all(host.is_closed for host in hosts)
