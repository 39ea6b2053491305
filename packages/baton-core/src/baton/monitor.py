"""Monitors: what reads the output of an extension."""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from baton.consumer import decode
from baton.errors import ConfigurationError, InstanceTaken, InvalidMessage, Locked
from baton.exchanges import output_exchange
from baton.extension import Extension, find_extension
from baton.kept import Kept
from baton.link import Link, State
from baton.message import Message
from baton.names import LONGEST_INSTANCE, check_name
from baton.pace import Pace
from baton.runner import run_services
from baton.text import shorten
from baton.transports import Binding, Queue, Topology, Transport
from baton.watched import Watched

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.transports import Delivery

logger = logging.getLogger(__name__)

_DAY_IN_MS: Final = 24 * 60 * 60 * 1000
_MINUTE_IN_MS: Final = 60_000
_BATCH_BYTES: Final = 4 * 1024 * 1024
"""After which a batch has no more messages. In memory each byte of them may take thirty."""
_MAX_LENGTH: Final = 1_000_000
_MAX_BYTES: Final = 512 * 1024 * 1024
_LOCK_HEARTBEATS: Final = 3
_LOCK_CLUSTER: Final = 90.0
"""Seconds for which a node that does not answer may hold a lock, before the others of its cluster
give it up: RabbitMQ's net_ticktime, 60 by default, and a quarter; with time to spare."""


class Monitor(Watched):
    """Reads every output of an extension.

    An extension names itself in :attr:`extension` and may override :meth:`process_message`, which
    logs by default; or :meth:`process_messages`, which is given at most :attr:`batch` messages
    that have arrived at once. With an *instance*, the queue is durable, and what was said while the
    monitor was away is not lost; only one process may be an instance. Without, the queue is its own
    and goes with it.
    """

    extension: str
    batch = 1

    def __init__(self, configuration: Configuration, instance: str | None = None) -> None:
        super().__init__()
        self.configuration = configuration
        self.instance = None if instance is None else _checked(instance)
        self._link: _MonitoringLink | None = None

    def process_message(self, message: Message) -> Awaitable[None] | None:
        """Do something with an output message; logs it by default.

        Called for one after the other, in order of arrival, on the event loop: as a plain ``def``
        it must not block. The message is acknowledged when this returns; it may come again, with
        the same ``message_id``, after a loss of the connection.
        """
        level = logging.ERROR if message.type == "error" else logging.INFO
        logger.log(level, "%s", dict(message), extra={"baton_output": dict(message)})
        return None

    async def process_messages(self, messages: Sequence[Message]) -> None:
        """Do something with output messages that arrived one after the other, at most
        :attr:`batch`; gives each to :meth:`process_message` by default.

        They are acknowledged together, when this returns. What it raises is logged, and they are
        acknowledged all the same. Until it returns, no other message is begun: as many as the
        setting ``PREFETCH`` says may wait here.
        """
        for message in messages:
            try:
                result = self.process_message(message)
                if inspect.isawaitable(result):
                    await result
            except Exception:  # a monitor goes on
                logger.exception("The monitor failed at %s", shorten(repr(message.raw)))

    def process_malformed(self, raw: bytes, error: InvalidMessage) -> Awaitable[None] | None:
        """Called for what arrives and is no message, before the messages of the same batch; logs
        it by default. It is acknowledged when this returns, as a message is."""
        logger.warning("No output message: %s: %s", error, shorten(repr(raw)))
        return None

    @property
    def name(self) -> str:
        """What it is called in logs and in answers about its health."""
        return f"the monitor of {self.extension}"

    @property
    def state(self) -> State:
        """How the connection is; connecting before :meth:`start`."""
        return self._link.state if self._link is not None else State()

    async def start(self, on_state: Callable[[State], None] | None = None) -> None:
        """Begin to connect. Returns at once; *on_state* is called with each new state, which is
        logged otherwise."""
        extension = find_extension(self.extension)
        self._watchers.insert(0, on_state or self._log_state)
        self._link = _MonitoringLink(self, extension)
        self._link.start()

    async def failed(self) -> None:
        """Wait until the monitor cannot go on, and raise why: InstanceTaken."""
        if self._link is None:
            raise RuntimeError("The monitor was not started")
        raise await self._link.failure

    async def stop(self) -> None:
        """Finish the message at hand, within the setting ``GRACE``, and disconnect. A durable
        queue stays, and collects."""
        if self._link is not None:
            await self._link.stop()

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; returns the exit code. Raises InstanceTaken."""
        return run_services([self], self.configuration, failed=self.failed)

    def _log_state(self, state: State) -> None:
        logger.info("The monitor of %s is %s", self.extension, state)


class _MonitoringLink(Link):
    """Declares the monitor's queue, and gives the monitor what comes, one after the other."""

    def __init__(self, monitor: Monitor, extension: Extension) -> None:
        settings = monitor.configuration
        super().__init__(settings, f"{extension.name}-monitor", monitor.tell_state)
        self.failure: asyncio.Future[InstanceTaken] = asyncio.get_running_loop().create_future()
        self._monitor = monitor
        self._exchange = output_exchange(settings, extension)
        self._extension = extension
        self._queue = _queue(extension, monitor.instance, cluster=settings.cluster)
        self._stopping = False
        self._held_lock = False
        self._patience_ends: float | None = None
        self._buffer: asyncio.Queue[Delivery | None] = asyncio.Queue()
        self._consuming = False
        self._runner = Kept(self._run, f"{self.name} reads")
        self._finished = asyncio.Event()

    def start(self) -> None:
        super().start()
        self._runner.start()

    async def stop(self) -> None:
        self._stopping = True
        self._forget_waiting()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._configuration.grace):
                await self._finished.wait()
        self._runner.cancel()
        await super().stop()

    def connected(self) -> None:
        # A queue of one's own gets a fresh name: the broker may still hold the old one.
        self._queue = _queue(
            self._extension, self._monitor.instance, cluster=self._configuration.cluster
        )

    def went_round(self) -> None:
        self._monitor.tell_pulse()

    async def establish(self, transport: Transport) -> None:
        if self._monitor.instance is not None:
            await self._lock(transport)
            self.progressed()
        await self.assert_topology(transport)
        self.progressed()
        if not self._consuming:
            self._consuming = True
            await transport.consume(self._queue.name, self._configuration.prefetch)

    async def assert_topology(self, transport: Transport) -> None:
        await transport.declare(
            Topology(
                exchanges=(self._exchange,),
                queues=(self._queue,),
                bindings=(Binding(self._queue.name, self._exchange.name, ""),),
            )
        )

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        self.overtaken()
        for delivery in deliveries:
            self._buffer.put_nowait(delivery)

    def cancelled(self, queue: str) -> None:
        self._consuming = False
        super().cancelled(queue)

    def detached(self) -> None:
        self._consuming = False
        self._forget_waiting()

    def _forget_waiting(self) -> None:
        """What is not begun comes again, here or in the next process."""
        while not self._buffer.empty():
            self._buffer.get_nowait()
        if self._stopping:
            self._buffer.put_nowait(None)

    async def _run(self) -> None:
        while (delivery := await self._buffer.get()) is not None:
            room = _BATCH_BYTES - len(delivery.body)
            deliveries = [delivery, *self._next(self._monitor.batch - 1, room)]
            try:
                await self._process(deliveries)
            except Exception:  # a monitor goes on
                logger.exception("The monitor failed at %s", shorten(repr(delivery.body)))
            except BaseException:
                if not self._stopping:
                    # The handler cancelled the task that it runs in, say: another one goes on.
                    logger.exception("The monitor failed at %s", shorten(repr(delivery.body)))
                    self._acknowledge(deliveries)
                raise
            self._acknowledge(deliveries)
        self._finished.set()

    def _next(self, most: int, room: int) -> Iterator[Delivery]:
        """What waits, *most* at most, until *room* bytes are filled; the end stays where it is."""
        for _ in range(min(most, self._buffer.qsize())):
            if room <= 0:
                return
            delivery = self._buffer.get_nowait()
            if delivery is None:
                self._buffer.put_nowait(None)
                return
            room -= len(delivery.body)
            yield delivery

    def _acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        if self.transport is not None:
            self.transport.acknowledge(deliveries)

    async def _process(self, deliveries: Iterable[Delivery]) -> None:
        messages: list[Message] = []
        malformed: list[tuple[bytes, InvalidMessage]] = []
        pace = Pace()
        for delivery in deliveries:
            try:
                messages.append(decode(delivery))
            except InvalidMessage as error:
                malformed.append((delivery.body, error))
            await pace.rest()
        await asyncio.gather(*(self._process_malformed(*each) for each in malformed))
        if messages:
            await self._monitor.process_messages(messages)

    async def _process_malformed(self, raw: bytes, error: InvalidMessage) -> None:
        try:
            result = self._monitor.process_malformed(raw, error)
            if inspect.isawaitable(result):
                await result
        except Exception:  # the messages beside it are processed
            logger.exception("The monitor failed at %s", shorten(repr(raw)))

    async def _lock(self, transport: Transport) -> None:
        """Be the only one of this instance: hold an exclusive queue. (An exclusive consumer would
        not do, it is ignored on quorum queues.)

        After a loss of the connection it may still be ours for as long as the broker believes in
        the old connection; so it may if its answer did not come.
        """
        lock = Queue(f"{self._queue.name}.lock", exclusive=True)
        held_before, self._held_lock = self._held_lock, True
        try:
            await transport.declare(Topology(queues=(lock,)))
        except Locked:
            self._held_lock = held_before
            if self._is_taken() and not self.failure.done():
                self.failure.set_result(
                    InstanceTaken(
                        f'Another process is the monitor instance "{self._monitor.instance}" '
                        f"(it holds the queue {lock.name}): choose another name with --instance"
                    )
                )
            raise
        self._patience_ends = None

    def _is_taken(self) -> bool:
        """Whether it is another who holds the lock, and no old connection of ours."""
        if not self._held_lock:
            return True
        now = time.monotonic()
        if self._patience_ends is None:
            patience = float(_LOCK_HEARTBEATS * self._configuration.rabbit_heartbeat)
            if self._configuration.cluster:
                patience = max(patience, _LOCK_CLUSTER)
            self._patience_ends = now + patience
        return now >= self._patience_ends


def _queue(extension: Extension, instance: str | None, *, cluster: bool) -> Queue:
    if instance is None and not cluster:
        return Queue(
            f"{extension.name}-monitor.{secrets.token_hex(8)}",
            arguments={"x-queue-type": "classic"},
        )
    # An exclusive queue may be left of a node that is dead, and have the broker refuse every output
    # of every service: in a cluster, one of one's own is forgotten a minute after its last use.
    return Queue(
        f"{extension.name}-monitor.{instance or secrets.token_hex(8)}",
        durable=True,
        exclusive=False,
        arguments={
            "x-queue-type": "quorum" if cluster else "classic",
            "x-expires": _DAY_IN_MS if instance else _MINUTE_IN_MS,
            "x-max-length": _MAX_LENGTH,
            "x-max-length-bytes": _MAX_BYTES,
        },
    )


def _checked(instance: str) -> str:
    try:
        return check_name(instance, LONGEST_INSTANCE)
    except ValueError as error:
        raise ConfigurationError(f"The monitor instance {error}") from None


def default_instance() -> str:
    """The name of a monitor instance when none is given: the host's."""
    return socket.gethostname()
