"""A run: servers, a monitor and a requester, to which a test does something.

::

    async with scenario("broker restart") as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(rabbitmq.restart)
        await run.answers_again(10)
        verdict = await run.verdict()
    assert verdict.violations == []
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit, urlunsplit

from baton import Configuration, Server
from baton.link import Phase
from faults.checker import Verdict, check
from faults.history import History, Kind
from faults.probes import answers, watch
from faults.requester import Order, Requester
from faults.server import ServerProcess
from faults.work import ENVIRONMENT, WorkMonitor, WorkService

QUICK = {"pulse": 2.0, "deadline": 3.0, "reconnect_max": 0.3}
"""Settings with which a test does not wait long for what only the pulse can tell. A shorter
deadline is missed by what is well, on a machine with much else to do."""
_BATCH = 10
"""Commands that are published together."""
_ACCOUNT = 90.0
"""Seconds within which the account of a run is complete, once it is asked for."""
_SETTLE = 10.0
"""Seconds after which the monitor has read all that is in its queue, if nothing more came."""
_LISTENING = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much there is to do: *commands* to *servers* in this process and *processes* of their own
    (``web00.example.org`` and so on, those in this process first), *under_way* at a time, each of
    which takes *takes* seconds at most and expires after *expires*."""

    commands: int = 1000
    servers: int = 10
    processes: int = 0
    under_way: int = 100
    takes: float = 0.1
    expires: float = 5.0

    @property
    def names(self) -> list[str]:
        """The names of all servers."""
        return [f"web{number:02}.example.org" for number in range(self.servers + self.processes)]


class MakeScenario(Protocol):
    """What the fixture ``scenario`` is: makes the scenario of a test."""

    def __call__(self, title: str, **options: Any) -> Scenario:
        """Called *title* in the table, with the options of a :class:`Scenario`."""


@dataclass(kw_only=True)
class Scenario:
    """One run, with *settings* of the configuration. What it needs of chance comes from *seed*;
    what a test does, from :attr:`random`.

    *deletes* says that the fault deletes what holds messages: what is lost is counted. With
    *durable*, the commands are, and none may be lost. *notice* is
    how long a service may be deaf without knowing, in seconds; by default a pulse and deadlines.
    """

    title: str
    url: str
    seed: int
    history: History
    load: Load = Load()
    settings: dict[str, Any] = field(default_factory=lambda: dict(QUICK))
    service_settings: dict[str, Any] | None = None
    """Settings of the services, if theirs are not those of the requester, the monitor and the
    probes; without ``rabbit_user`` they take the user of the URL."""
    deletes: bool = False
    durable: bool = False
    notice: float | None = None
    on_verdict: Callable[[Verdict], None] = lambda _: None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.own = Configuration(rabbit_url=self.url, **self.settings)
        self.configuration = Configuration(**self._given())
        self.services: dict[str, WorkService] = {}
        self.processes: dict[str, ServerProcess] = {}
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start everything; the commands begin to flow when every server has answered."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def orders(self) -> list[Order]:
        """The commands that are given, which the seed decides."""
        chance, load = random.Random(self.seed), self.load
        return [
            Order(chance.choice(load.names), chance.uniform(0, load.takes))
            for _ in range(load.commands)
        ]

    async def in_flight(self, share: float = 1 / 3) -> None:
        """Wait until *share* of the commands are finished, and so as many as may are under way."""
        await self._within(_ACCOUNT, self._requester.until(self._has_settled(share)))

    @contextmanager
    def fault(self, what: str = "") -> Iterator[None]:
        """Something is wrong within the block; it is healed at its end."""
        self.history.add(Kind.FAULT, detail=what or self.title)
        try:
            yield
        finally:
            self.history.add(Kind.HEALED, detail=what or self.title)

    async def answers_again(self, timeout: float = 60.0) -> float:
        """Probe until every server answers, and say after how many seconds. Fails after
        *timeout* seconds."""
        return await answers(self.own, self.history, self.load.names, timeout)

    async def reach(
        self, phase: Phase, timeout: float, *, away: bool = False, one: bool = False
    ) -> float:
        """Wait until the state of every service in this process, or of *one*, is *phase* (or, with
        *away*, is not any more), and say after how many seconds."""
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        began = loop.time()
        for service in self.services.values():
            service.watch(lambda _: changed.set())
        async with asyncio.timeout(timeout):
            enough = any if one else all
            while not enough((s.state.phase is phase) is not away for s in self.services.values()):
                changed.clear()
                await changed.wait()
        return loop.time() - began

    async def verdict(self) -> Verdict:
        """Wait until every command is finished or missing, stop the services in good order, have
        the monitor read what is left, and judge."""
        # What nobody knows of is given up after twice its expiry.
        await self._within(_ACCOUNT + 2 * self.load.expires, self._sending)
        await self._within(_ACCOUNT + 2 * self.load.expires, self._requester.complete())
        await self._cancel(self._watching)
        await self._stop_services()
        with suppress(TimeoutError):
            await self._seen_all()
        verdict = self.judge()
        self.on_verdict(verdict)
        return verdict

    def judge(self) -> Verdict:
        """What the history tells up to now."""
        settings = self.configuration
        notice = 1.1 * settings.pulse + 2 * settings.deadline
        return check(
            self.history,
            expires=self.load.expires,
            title=self.title,
            seed=self.seed,
            notice=notice if self.notice is None else self.notice,
            deletes=self.deletes,
            durable=self.durable,
        )

    async def _start(self) -> None:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        for number, name in enumerate(self.load.names):
            if number < self.load.servers:
                await self._start_service(name)
            else:
                self._start_process(name, Path(folder))
        await self.reach(Phase.READY, _LISTENING)
        # The queue of the monitor is there before anything is said.
        self._monitor = WorkMonitor(self.own, self.history)
        await self._monitor.start(lambda _: None)
        self._stack.push_async_callback(self._monitor.stop)
        await self._until_monitoring()
        await self.answers_again(_LISTENING)
        load = self.load
        self._requester = Requester(self.own, self.history, load.expires, load.under_way)
        self._stack.push_async_callback(self._requester.stop)
        await self._within(_LISTENING, self._requester.start())
        self._watching = self._task(watch(self.own, self.history, self.load.names))
        self._sending = self._task(self._send())

    async def _send(self) -> None:
        orders = self.orders()
        for at in range(0, len(orders), _BATCH):
            await self._requester.give(orders[at : at + _BATCH])

    async def _start_service(self, name: str) -> None:
        service = WorkService(self.configuration, Server(name, ENVIRONMENT), self.history)
        self.services[name] = service
        await service.start()
        self._stack.push_async_callback(service.stop, 0)

    def _start_process(self, name: str, folder: Path) -> None:
        process = ServerProcess(name, self._given(), folder, self.history)
        self.processes[name] = process
        process.start()
        self._stack.push_async_callback(asyncio.to_thread, process.end)

    def _given(self) -> dict[str, Any]:
        """The settings of the services."""
        settings = self.settings if self.service_settings is None else self.service_settings
        url = self.url
        if "rabbit_user" in settings:  # what the URL says would win
            url = urlunsplit(urlsplit(url)._replace(netloc=urlsplit(url).netloc.split("@")[-1]))
        return {"rabbit_url": url, "durable": self.durable, **settings}

    async def _stop_services(self) -> None:
        ended = [asyncio.to_thread(process.end) for process in self.processes.values()]
        stopped = await asyncio.gather(*(service.stop() for service in self.services.values()))
        for service, abandoned in zip(self.services.values(), stopped, strict=True):
            if not abandoned:
                service.note_drained()
            else:
                self._note_abandoned(service.server.fqdn, str(abandoned))
        codes = await asyncio.gather(*ended)
        for process, code in zip(self.processes.values(), codes, strict=True):
            if code != 0:
                self._note_abandoned(process.fqdn, f"exit code {code}")
            for path in process.histories:
                if path.exists():
                    self.history.merge(path)

    def _note_abandoned(self, server: str, what: str) -> None:
        self.history.add(Kind.ABANDONED, server=server, detail=what)

    async def _seen_all(self) -> None:
        """Wait until the monitor has seen all that it is to see. Raises TimeoutError when nothing
        more comes."""
        while lost := len(self.judge().lost_outputs):
            enough = self._monitor.seen + lost  # to judge takes as long as to read many
            while self._monitor.seen < enough:
                self._monitor.arrived.clear()
                await self._within(_SETTLE, self._monitor.arrived.wait())

    async def _until_monitoring(self) -> None:
        ready = asyncio.Event()
        self._monitor.watch(lambda state: ready.set() if state.phase is Phase.READY else None)
        if self._monitor.state.phase is not Phase.READY:
            await self._within(_LISTENING, ready.wait())

    def _has_settled(self, share: float) -> Callable[[], bool]:
        return lambda: self._requester.settled >= share * self.load.commands

    async def _within(self, timeout: float, awaitable: Any) -> None:
        async with asyncio.timeout(timeout):
            await awaitable

    def _task(self, coroutine: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._stack.push_async_callback(self._cancel, task)
        return task

    async def _cancel(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
