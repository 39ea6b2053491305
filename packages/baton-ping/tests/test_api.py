"""The API: what pings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from baton import Configuration, Server, Unroutable
from baton_ping.api import PingAPI
from baton_ping.service import PingService

Start = Callable[..., Awaitable[PingService]]


@pytest.fixture
async def api(configuration: Configuration) -> AsyncIterator[PingAPI]:
    with PingAPI(configuration) as api:
        yield api


@pytest.mark.parametrize("target", ["production", "web01.example.org", "shop.production", "*"])
async def test_a_ping_is_answered(
    api: PingAPI, start: Start, monitor: Any, web01: Server, target: str
) -> None:
    await start(web01)
    message_id = api.ping(target)
    pong = await monitor.next()
    assert pong.correlation_id == message_id
    assert dict(pong) == {"type": "pong", **web01.attributes}


async def test_nobody_is_there(api: PingAPI, start: Start, web01: Server) -> None:
    await start(web01)
    with pytest.raises(Unroutable) as caught:
        api.ping("staging")
    assert str(caught.value) == 'No server listens on "staging" (exchange baton_ping_in)'


async def test_no_service_has_connected_yet(api: PingAPI) -> None:
    with pytest.raises(Unroutable) as caught:
        api.ping("production")
    assert caught.value.missing
