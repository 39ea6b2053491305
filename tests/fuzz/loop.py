"""An event loop and dashboards for targets, which are plain functions: one of each a process."""

from __future__ import annotations

import asyncio
import atexit
import tempfile
from collections.abc import Coroutine, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

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


_USES: Final = 200
"""Times that a dashboard is used: its pages become longer with all that it has heard."""
_sites: Final[dict[bool, tuple[Site, Iterator[int]]]] = {}


def site(*, users: bool = False) -> Site:
    """The dashboard, with a login or without."""
    found, uses = _sites.get(users, (None, iter(())))
    if found is None or next(uses, None) is None:
        if found is not None:
            run(found.close())
        else:
            _runner()  # at the end, this is closed after the dashboard
            atexit.register(lambda: run(_sites[users][0].close()))
        found = run(_make(users))
        _sites[users] = found, iter(range(_USES))
    return found


async def _make(users: bool) -> Site:
    place = Path(tempfile.mkdtemp(dir=folder()))
    return Site(place, users=users)
