"""Waiting between two tries of a database that fails."""

from __future__ import annotations

import asyncio

from baton_ping_monitor.store.pause import pause


async def test_it_ends_after_its_time_whatever_else_is_new() -> None:
    news = asyncio.Event()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    loop.call_soon(news.set)
    await pause(0.05, news, lambda: False)
    assert loop.time() - begun >= 0.05


async def test_it_ends_at_once_when_it_is_closed() -> None:
    news = asyncio.Event()
    closed: list[bool] = []

    def close() -> None:
        closed.append(True)
        news.set()

    asyncio.get_running_loop().call_soon(close)
    async with asyncio.timeout(10):
        await pause(3600, news, lambda: bool(closed))
