"""Waiting between two tries of a database that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def pause(seconds: float, news: asyncio.Event, is_closing: Callable[[], bool]) -> None:
    """Wait so long, or until *is_closing*: whoever closes sets *news*, others may set it, too."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not is_closing():
        news.clear()
        try:
            async with asyncio.timeout_at(deadline):
                await news.wait()
        except TimeoutError:
            return
