"""An event loop and dashboards for targets, which are plain functions: one of each a process."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

from fuzz.files import folder
from fuzz.site import Site

T = TypeVar("T")


@cache
def _runner() -> asyncio.Runner:
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """What *coroutine* returns."""
    return _runner().run(coroutine)


def site(*, users: bool = False) -> Site:
    """The dashboard, with a login or without."""
    return _site(users)


@cache
def _site(users: bool) -> Site:
    place = folder() / f"site-{users}"
    place.mkdir()

    async def make() -> Site:
        return Site(place, users=users)

    made = run(make())
    atexit.register(lambda: run(made.close()))
    return made
