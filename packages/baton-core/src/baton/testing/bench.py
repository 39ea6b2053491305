"""The bench: a harness whose every call blocks, while its services run in a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, overload

from baton.testing.asking import close
from baton.testing.background import BackgroundLoop
from baton.testing.harness import TIMEOUT, A, Harness, S
from baton.testing.reader import AsyncReader, M, OutputMonitor

if TYPE_CHECKING:
    from types import TracebackType

    from baton.channel import Abandoned
    from baton.configuration import Configuration
    from baton.fleet import Reply
    from baton.message import Message
    from baton.server import Server

T = TypeVar("T")

_DEADLINES: Final = 4
"""Times the setting DEADLINE that a call of the harness may take beyond its own timeout: to
connect, to listen, to publish, to close."""


class Bench:
    """Runs an extension for a test that has no event loop; used as a context manager.

    ``service``, ``client`` and ``monitor`` are what the fixtures ``baton_service``,
    ``baton_client`` and ``baton_monitor`` are. Whatever a :class:`Harness` raises is raised here.
    """

    def __init__(self, configuration: Configuration, timeout: float = TIMEOUT) -> None:
        self.harness = Harness(configuration, timeout)
        self.service = ServiceFactory(self)
        self.client = Client(self)
        self.monitor = MonitorFactory(self)
        self._loop = BackgroundLoop()

    def __enter__(self) -> Self:
        self._loop.start()
        self.run(self.harness.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        try:
            self.run(self.harness.__aexit__(kind, error, traceback))
        finally:
            self._loop.stop(self.harness.timeout)

    @property
    def is_open(self) -> bool:
        """Whether the loop of the services runs."""
        return self._loop.is_running

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """What *coroutine* returns, run on the loop of the services. Raises HarnessError if it
        takes longer than *timeout* seconds and what connecting may take."""
        __tracebackhide__ = True
        seconds = self.harness.timeout if timeout is None else timeout
        patience = seconds + _DEADLINES * self.harness.configuration.deadline
        return self._loop.run(coroutine, patience)


class ServiceFactory:
    """Starts services, and returns each when it is ready."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def __call__(
        self,
        kind: type[S],
        server: Server | str | None = None,
        *,
        timeout: float | None = None,
        **settings: Any,
    ) -> S:
        """Start the service *kind* on *server*: see :meth:`Harness.start`."""
        __tracebackhide__ = True
        harness = self._bench.harness
        start = harness.start(kind, server, timeout=timeout, **settings)
        return self._bench.run(start, timeout)

    def stop(self, service: S, grace: float | None = None) -> Abandoned:
        """Stop *service* before the end of the test: see :meth:`Harness.stop`."""
        __tracebackhide__ = True
        return self._bench.run(self._bench.harness.stop(service, grace))


class Client:
    """Sends commands to the services that were started, and waits for what they say."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def ask(
        self,
        message: Mapping[str, Any],
        keys: str | Sequence[str],
        *,
        extension: str | None = None,
        timeout: float | None = None,
    ) -> list[Reply]:
        """Send a command to *keys*, and return every output to it, when all who listen there have
        finished: see :meth:`Harness.stream`."""
        __tracebackhide__ = True
        harness = self._bench.harness
        asked = harness.ask(message, keys, extension=extension, timeout=timeout)
        return self._bench.run(asked, timeout)

    def stream(
        self,
        message: Mapping[str, Any],
        keys: str | Sequence[str],
        *,
        extension: str | None = None,
        timeout: float | None = None,
    ) -> Iterator[Reply]:
        """Send a command to *keys*, and yield each output to it as it comes: see
        :meth:`Harness.stream`."""
        __tracebackhide__ = True
        harness = self._bench.harness
        replies = harness.stream(message, keys, extension=extension, timeout=timeout)
        try:
            while (reply := self._bench.run(_next(replies), timeout)) is not None:
                yield reply
        finally:
            if self._bench.is_open:  # whoever kept the iterator for longer
                self._bench.run(close(replies))

    def api(self, kind: type[A]) -> A:
        """An API that publishes to the services that were started; closed at the end."""
        return self._bench.harness.api(kind)


class MonitorFactory:
    """Starts monitors, and returns what keeps all that each reads."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @overload
    def __call__(self, kind: type[M], **settings: Any) -> Reader[M]: ...
    @overload
    def __call__(self, kind: str | None = None, **settings: Any) -> Reader[OutputMonitor]: ...
    def __call__(self, kind: Any = None, **settings: Any) -> Reader[Any]:
        """Start the monitor *kind*: see :meth:`Harness.monitor`."""
        __tracebackhide__ = True
        return Reader(self._bench, self._bench.run(self._bench.harness.monitor(kind, **settings)))


class Reader(Generic[M]):
    """What a monitor reads, for a test that blocks: see :class:`AsyncReader`."""

    def __init__(self, bench: Bench, reader: AsyncReader[M]) -> None:
        self.monitor = reader.monitor
        self.messages = reader.messages
        self._bench = bench
        self._reader = reader

    def next(self, timeout: float | None = None) -> Message:
        """The next message; raises HarnessError if none comes within *timeout* seconds."""
        __tracebackhide__ = True
        return self._bench.run(self._reader.next(timeout), timeout)


async def _next(replies: AsyncIterator[Reply]) -> Reply | None:
    return await anext(replies, None)
