"""Many services in processes of their own, as on many machines, that say when they are ready.

Run as a program it is one of those processes; :class:`Fleet` starts them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from baton import Configuration, Server
from baton.link import Phase, State
from baton_ping.service import PingService

_ENDING = 20.0


class Fleet:
    """*count* ping services with default settings, which connect to *url*, in some *processes*."""

    def __init__(self, url: str, count: int, processes: int) -> None:
        self.names = [f"web{number:03}.example.org" for number in range(count)]
        self._url = url
        self._shares = [self.names[start::processes] for start in range(processes)]
        self._ready: dict[str, float | None] = dict.fromkeys(self.names)
        self._changed = asyncio.Event()
        self._processes: list[asyncio.subprocess.Process] = []
        self._readers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for share in self._shares:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, __file__, self._url, *share), stdout=asyncio.subprocess.PIPE
            )
            self._processes.append(process)
            self._readers.append(asyncio.create_task(self._read(process)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.kill()
        async with asyncio.timeout(_ENDING):
            await asyncio.gather(*(process.wait() for process in self._processes))
            await asyncio.gather(*self._readers)

    async def away(self, timeout: float) -> None:
        """Wait until no service says that it is ready."""
        await self._until(lambda: not any(self._ready.values()), timeout)

    async def ready(self, timeout: float) -> list[float]:
        """Wait until every service says that it is; when each did, by ``time.monotonic()``, the
        first of them first."""
        await self._until(lambda: all(self._ready.values()), timeout)
        return sorted(at for at in self._ready.values() if at is not None)

    async def _until(self, condition: Callable[[], bool], timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            at, name, phase = json.loads(line)
            self._ready[name] = at if phase == Phase.READY else None
            self._changed.set()


def percentile(ordered: list[float], share: float) -> float:
    """The smallest of *ordered* that so large a *share* of them does not exceed."""
    return ordered[math.ceil(share * len(ordered)) - 1]


async def _run(url: str, names: list[str]) -> None:
    services = [PingService(Configuration(rabbit_url=url), Server(name, "fleet")) for name in names]
    for service, name in zip(services, names, strict=True):

        def tell(state: State, name: str = name) -> None:
            line = json.dumps([time.monotonic(), name, state.phase])
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

        service.watch(tell)
        await service.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(_run(sys.argv[1], sys.argv[2:]))
