"""The harness: services, monitors and requesters on one event loop, and their orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, overload

from baton.api import API
from baton.configuration import Configuration
from baton.extension import Extension, find_extension
from baton.link import Phase, State
from baton.server import DEFAULT_ENVIRONMENT, Server
from baton.service import Service
from baton.testing.asking import answers, close
from baton.testing.failure import HarnessError
from baton.testing.reader import AsyncReader, M, OutputMonitor

if TYPE_CHECKING:
    from types import TracebackType

    from baton.channel import Abandoned
    from baton.fleet import Reply

TIMEOUT: Final = 10.0
"""Seconds that everything has to become ready, to answer, and to end, unless a test says so."""

A = TypeVar("A", bound=API)
S = TypeVar("S", bound=Service)


class Harness:
    """Runs an extension for a test, and stops what it started.

    ::

        async with Harness(configuration) as harness:
            await harness.start(DiskService, "web01.example.org")
            (reply,) = await harness.ask({"type": "usage"}, "web01.example.org")

    *timeout* is in seconds. The end raises HarnessError if a service had to abandon something, a
    monitor failed at a message, or nobody handled an error on the event loop.
    """

    def __init__(self, configuration: Configuration, timeout: float = TIMEOUT) -> None:
        self.configuration = configuration
        self.timeout = timeout
        self._configurations: dict[str, Configuration] = {}
        self._services: list[Service] = []
        self._complaints: list[str] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._stack.callback(loop.set_exception_handler, loop.get_exception_handler())
        loop.set_exception_handler(self._on_loop_error)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        await self._stack.aclose()
        if not self._complaints:
            return
        complaints = "\n".join(self._complaints)
        if error is None:
            raise HarnessError(complaints)
        error.add_note(complaints)

    async def start(
        self,
        kind: type[S],
        server: Server | str | None = None,
        *,
        timeout: float | None = None,
        **settings: Any,
    ) -> S:
        """Start a service, and return it when it is ready.

        *server* is a server or its name; without, the service finds out where it runs. *settings*
        are added to the configuration. Raises HarnessError if it is not ready within *timeout*
        seconds, and what ``setup_consumers`` raises.
        """
        __tracebackhide__ = True
        configuration = self._configured(kind.extension, self.configuration, settings)
        self._configurations[kind.extension] = configuration
        if isinstance(server, str):
            environment = configuration.environment or DEFAULT_ENVIRONMENT
            server = Server(server, environment, configuration.app_names)
        service = kind(configuration, server)
        readiness = _Readiness()
        try:
            await service.start()
            service.watch(readiness.hear)
            await readiness.wait(
                f"{service.extension} on {service.server.fqdn}",
                self._seconds(timeout),
                lambda: service.channel.state,
            )
        except BaseException:
            await service.stop(0)
            raise
        self._services.append(service)
        self._stack.push_async_callback(self._end, service)
        return service

    async def stop(self, service: Service, grace: float | None = None) -> Abandoned:
        """Stop *service* before the end, as :meth:`Service.stop` does. What it had to abandon is
        returned, and fails nothing."""
        self._services.remove(service)
        return await service.stop(grace)

    async def ask(
        self,
        message: Mapping[str, Any],
        keys: str | Sequence[str],
        *,
        extension: str | None = None,
        timeout: float | None = None,
    ) -> list[Reply]:
        """Send a command to *keys*, and return every output to it: see :meth:`stream`."""
        __tracebackhide__ = True
        stream = self.stream(message, keys, extension=extension, timeout=timeout)
        return [reply async for reply in stream]

    def stream(
        self,
        message: Mapping[str, Any],
        keys: str | Sequence[str],
        *,
        extension: str | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[Reply, None]:
        """Send a command to *keys*, and yield each output to it as it comes.

        Ends when every service of this harness that listens there has finished. Raises HarnessError
        if one has not within *timeout* seconds, Unroutable if nobody listens on one of *keys*, and
        what :meth:`Collector.send` does. *extension* is a name, needed if services of several were
        started, or none.
        """
        found = self._extension(extension)
        stream = answers(
            self._known(found.name),
            found,
            message,
            keys,
            [service for service in self._services if service.extension == found.name],
            self._seconds(timeout),
        )
        self._stack.push_async_callback(close, stream)  # a test may leave it half-way
        return stream

    @overload
    async def monitor(self, kind: type[M], **settings: Any) -> AsyncReader[M]: ...
    @overload
    async def monitor(
        self, kind: str | None = None, **settings: Any
    ) -> AsyncReader[OutputMonitor]: ...
    async def monitor(self, kind: Any = None, **settings: Any) -> AsyncReader[Any]:
        """Start a monitor, and return what keeps all that it reads from now on.

        *kind* is a Monitor of one's own, or the name of an extension, needed if services of several
        were started, or none. Raises HarnessError if it is not ready in time.
        """
        __tracebackhide__ = True
        own = isinstance(kind, type)
        name = kind.extension if own else self._extension(kind).name
        configuration = self._configured(name, self._known(name), settings)
        monitor = kind(configuration) if own else OutputMonitor(configuration, name)
        reader = AsyncReader(monitor, self.timeout)
        self._stack.push_async_callback(self._end_reading, reader)
        readiness = _Readiness()
        await monitor.start(readiness.hear)
        await readiness.wait(
            f"The monitor of {monitor.extension}", self.timeout, lambda: monitor.state
        )
        return reader

    def api(self, kind: type[A]) -> A:
        """An API that reaches the services; closed at the end. On a real broker it blocks the
        calling thread for as long as it publishes."""
        api = kind(self._known(kind.extension))
        self._stack.push_async_callback(asyncio.to_thread, api.close)
        return api

    def _seconds(self, timeout: float | None) -> float:
        return self.timeout if timeout is None else timeout

    def _known(self, name: str) -> Configuration:
        """The configuration of the service of the extension *name* that was started last."""
        return self._configurations.get(name, self.configuration)

    def _configured(
        self, name: str, base: Configuration, settings: Mapping[str, Any]
    ) -> Configuration:
        values = {key: getattr(base, key) for key in base.model_fields_set}
        configuration = Configuration(**{**values, **settings})
        for other, theirs in self._configurations.items():
            shared = {configuration.exchange, configuration.exchange_out} - {None}
            if other != name and shared & {theirs.exchange, theirs.exchange_out}:
                raise HarnessError(
                    f"{name} and {other} would share exchanges: on a real broker a test has one "
                    "pair, so give one of them another (exchange=…, exchange_out=…)"
                )
        return configuration

    def _extension(self, name: str | None) -> Extension:
        if name is None:
            if len(self._configurations) != 1:
                started = ", ".join(self._configurations) or "nothing"
                raise HarnessError(f"Name the extension that is meant: {started} was started")
            (name,) = self._configurations
        return find_extension(name)

    async def _end(self, service: Service) -> None:
        if service not in self._services:
            return
        abandoned = await self.stop(service, min(self.timeout, service.configuration.grace))
        if abandoned:
            where = f"{service.extension} on {service.server.fqdn}"
            self._complaints.append(f"{where} did not finish before it was stopped; {abandoned}")

    async def _end_reading(self, reader: AsyncReader[Any]) -> None:
        await reader.monitor.stop()
        self._complaints += [
            f"The monitor of {reader.monitor.extension} failed: {error!r}"
            for error in reader.failures
        ]

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        reason = "" if error is None else f": {error!r}"
        self._complaints.append(f"On the event loop: {context['message']}{reason}")
        loop.default_exception_handler(context)


class _Readiness:
    """Waits until something is connected and consumes."""

    def __init__(self) -> None:
        self._ready = asyncio.Event()

    def hear(self, state: State) -> None:
        if state.phase is Phase.READY:
            self._ready.set()

    async def wait(self, who: str, seconds: float, state: Callable[[], State]) -> None:
        __tracebackhide__ = True
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            raise HarnessError(f"{who} was not ready within {seconds:g} s: {state()}") from None
