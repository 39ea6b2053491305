"""The consumer manager: everything between a queue and a consumer.

It observes its consumer, knows the queue that is bound for it, dispatches each delivery to it,
publishes what it notifies, and acknowledges a delivery when its outputs are confirmed. Before that
it looks whether the command is for this server, and whether it is to wait. One needn't extend it,
unless to change how commands are dispatched.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from baton import audit
from baton.command_log import CommandLog, Told
from baton.consumer import Consumer, Outcome
from baton.errors import InvalidMessage, OutboxFull, Stopping, TooManyHeld
from baton.kept import Kept
from baton.message import (
    SPLAY_HEADER,
    WHERE_HEADER,
    encode_body,
    is_reply_key,
)
from baton.outbox import Outbox
from baton.outputs import Outputs
from baton.pace import TURN, Pace
from baton.remembered import Remembered
from baton.running import Command, Limits, Origin, Outlet, Source, stopping, too_often
from baton.splay import Held, draw
from baton.time_limit import TimeLimit
from baton.where import parse_header
from baton.worker import Mailbox, Worker

if TYPE_CHECKING:
    from baton.transports import Delivery

logger = logging.getLogger(__name__)
_said = CommandLog(logger, "output")

_WORKER_WINDOW: Final = 32

_current: ContextVar[Command | None] = ContextVar("baton_command", default=None)


class ConsumerManager:
    """Runs one consumer.

    *outbox* takes its outputs; *outlet* hears that some are to be sent, or something is logged;
    *source* hears what becomes of deliveries. Everything but :meth:`update` happens on the event
    loop.
    """

    def __init__(
        self,
        consumer: Consumer,
        queue: str,
        origin: Origin,
        outbox: Outbox,
        *,
        limits: Limits,
        outlet: Outlet,
        source: Source,
    ) -> None:
        self.consumer = consumer
        self.queue = queue
        self._extension = origin.app_id
        self._outbox = outbox
        self._outputs = Outputs(
            consumer, origin, outbox, flush=outlet.flush_soon, confirmed=self._confirmed
        )
        self._outlet = outlet
        self.durable = consumer.durable
        """Whether its commands wait while it is away."""
        self.returned: list[Delivery] = []
        """What is not to be started any more, and waits in the durable queue again."""
        self._limits = limits
        self._remembered = Remembered(limits.remembered)
        self.quiet = False
        """Whether nothing is logged of what the consumer does."""
        self._stopping = False
        self._stopped = False
        self._source = source
        self._buffer: deque[Delivery] = deque()
        self._held = Held[Command](self._released)
        self._due: deque[Command] = deque()
        self._running: set[Command] = set()
        self._unfinished = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._runners: list[Kept] = []
        self._worker: Worker[Command] | None = None
        self._mailbox: Mailbox | None = None
        consumer.add_observer(self)

    def start(self) -> None:
        """Begin to dispatch. Called once, on the event loop, before the first delivery."""
        self._mailbox = mailbox = Mailbox(self._outlet.flush)
        name = f"baton {self.consumer.consumer_name}"
        if self.consumer.blocking:
            worker = Worker[Command](
                name, lambda command: self._run_in_worker(command, mailbox), mailbox.hurry
            )
            self._worker = worker
            self._runners = [Kept(lambda: self._feed(worker, mailbox), name)]
        else:
            self._runners = [Kept(self._run, name) for _ in range(self.consumer.concurrency)]
        for runner in self._runners:
            runner.start()

    @property
    def prefetch(self) -> int | None:
        """How many deliveries it is to have in advance; None for as many as is set. What waits here
        behind a durable command would be counted as begun when that one ends the process."""
        if not self.durable:
            return None
        return 1 if self.consumer.blocking else self.consumer.concurrency

    def stop_holding(self) -> None:
        """From now on nothing waits for a splay: what does so is answered with an error. Of a
        durable consumer, nothing is started any more: that is returned, unless the broker would
        drop it."""
        self._stopping = True
        held = self._held.take_all()
        if self.durable:
            waiting = [*self._due, *held]
            self._due.clear()
            held = [command for command in waiting if command.would_expire]
            given_back = [command for command in waiting if not command.would_expire]
            self._running.difference_update(given_back)
            self.returned += [each for command in given_back for each in command.deliveries]
            self.returned += self._buffer
            self._buffer.clear()
            self._settle()
        for command in held:
            self._refuse(command, stopping())

    def stop(self) -> None:
        """Give up what is running. An async handler is cancelled; a thread is left behind. May be
        called again."""
        if not self._stopped:
            for command in self._running:
                if not command.finished:
                    self._audit(command, "abandoned")
        self._stopped = True
        self._held.take_all()
        for runner in self._runners:
            runner.cancel()
        if self._worker is not None:
            self._worker.stop()
        if self in self.consumer.observers:
            self.consumer.remove_observer(self)

    async def drain(self) -> None:
        """Wait until every delivery has been processed and its outputs are confirmed."""
        await self._idle.wait()

    @property
    def abandoned(self) -> int:
        """Commands that are not done with: running, waiting, or with outputs not confirmed."""
        return len(self._running) + len(self._buffer)

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        """Take *deliveries*, to be processed in order."""
        if self.durable and self._stopping:
            self.returned += deliveries
            return
        self._buffer.extend(deliveries)
        self._idle.clear()
        self._wake.set()

    def wake(self) -> None:
        """Look again: there may be room for outputs now."""
        self._wake.set()

    def channel_lost(self) -> None:
        """What was delivered comes again, if it comes: forget what was not started."""
        self._buffer.clear()
        self.returned.clear()
        self._remembered.interrupted(
            command.delivery for command in self._running if not command.acknowledged
        )
        for command in self._running:
            command.lose()
        self._settle()

    def update(self, message: Mapping[str, Any]) -> None:
        """Publish what the consumer notified. Called in the thread that notified it.

        Raises InvalidMessage for what has no type, TypeError or ValueError for what is not JSON,
        MessageTooLarge and OutboxFull.
        """
        command = _current.get()
        if not isinstance(message.get("type"), str):
            raise InvalidMessage("An output needs a type: in attributes, or in what is notified")
        body = encode_body(message)
        mailbox = self._mailbox
        if mailbox is None or mailbox.is_local:
            self._outbox.reserve(len(body), wait=False)
            self._log(message["type"], body)
            self._outputs.publish(command, body)
        else:
            self._outbox.reserve(len(body), wait=True)
            self._log(message["type"], body)
            mailbox.post(lambda: self._outputs.publish(command, body))

    def _log(self, type: str, body: bytes) -> None:
        """Log *body*, which is going to be said."""
        if self.quiet:
            return
        if type == "error":
            told = Told(body.decode())
            logger.error("%s", told, extra={"baton_output": told})
        else:
            _said.info(body.decode())

    async def _run(self) -> None:
        limit = TimeLimit(self._limits.timeout)
        try:
            while True:
                await self._do_what_came(limit)
                self._outlet.flush()
                self._settle()
                self._wake.clear()
                await self._wake.wait()
        finally:
            limit.close()

    async def _do_what_came(self, limit: TimeLimit) -> None:
        pace = Pace()
        while (self._due or self._buffer) and self._outbox.open:
            command = self._next()
            if command is not None:
                await self._do(command, limit)
            if pace.is_over:
                await pace.rest()

    async def _do(self, command: Command, limit: TimeLimit) -> None:
        _current.set(command)
        try:
            try:
                outcome = await self.consumer.handle_message(command.delivery, limit)
            except asyncio.CancelledError as error:
                if not self._stopped:
                    # The handler cancelled the task that it runs in, or somebody did: another goes
                    # on. If the service gives up on it, it is not concluded.
                    self.consumer.notify_failure(error)
                    self._conclude(command, Outcome(error))
                raise
            except BaseException as error:  # from what an extension overrides
                logger.exception("%s", self.consumer.consumer_name)
                outcome = Outcome(error, untold=self.consumer.notify_failure(error))
            self._conclude(command, outcome)
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._give_up(command)
            raise
        _current.set(None)

    async def _feed(self, worker: Worker[Command], mailbox: Mailbox) -> None:
        while True:
            batch: list[Command] = []
            turn = time.monotonic() + TURN
            while self._may_feed(batch) and time.monotonic() < turn:
                command = self._next()
                if command is not None:
                    batch.append(command)
            if batch:
                self._unfinished += len(batch)
                mailbox.look()
                worker.submit(batch)
            if self._may_feed(()):
                await asyncio.sleep(0)
                continue
            self._settle()
            self._wake.clear()
            await self._wake.wait()

    def _may_feed(self, batch: Sequence[Command]) -> bool:
        """Whether there is something for the worker, and it may be given more than *batch*."""
        has_room = self._unfinished + len(batch) < _WORKER_WINDOW
        return has_room and bool(self._due or self._buffer) and self._outbox.open

    def _run_in_worker(self, command: Command, mailbox: Mailbox) -> None:
        command.started = time.monotonic()
        if command.expired:
            mailbox.post(lambda: self._end_in_worker(command, None))
            return
        _current.set(command)
        try:
            outcome = self.consumer.handle_message_blocking(command.delivery)
        except BaseException as error:  # from what an extension overrides: its thread goes on
            logger.exception("%s", self.consumer.consumer_name)
            outcome = Outcome(error, untold=self.consumer.notify_failure(error))
        _current.set(None)
        mailbox.post(lambda: self._end_in_worker(command, outcome))

    def _end_in_worker(self, command: Command, outcome: Outcome | None) -> None:
        """The worker is done with *command*, which had expired if there is no *outcome*."""
        self._unfinished -= 1
        self._wake.set()  # it may be given more
        if outcome is None:
            self._expire(command)
        else:
            self._conclude(command, outcome)

    def _next(self) -> Command | None:
        """The command to run next; None if what came next is not to be run now, or not at all."""
        if not self._due:
            return self._begin(self._buffer.popleft())
        command = self._due.popleft()
        command.started = time.monotonic()
        if command.expired:
            self._expire(command)
            return None
        return command

    def _begin(self, delivery: Delivery) -> Command | None:
        """The command to run for *delivery*; None if it is not to be run now, or not at all."""
        envelope = delivery.envelope
        reply_to = envelope.reply_to
        if reply_to is not None and not is_reply_key(reply_to):
            reply_to = None
        command = Command(delivery, time.monotonic(), reply_to)
        if self.durable and self._is_stale(delivery):
            self._source.unbind(delivery)
            self._source.acknowledge(delivery)
            return None
        if self._remembered.ran_before(delivery):
            self._come_again(delivery)
            return None
        try:
            delay = self._delay(envelope.headers) if envelope.headers else 0.0
        except Exception as error:  # noqa: BLE001  (whatever a filter and facts do to each other)
            self._running.add(command)
            self._refuse(command, error)
            return None
        if delay is None:
            logger.debug("For other servers: %r", envelope.message_id)
            self._source.acknowledge(delivery)
            return None
        self._running.add(command)
        if command.expired:
            self._expire(command)
            return None
        if self.durable and delivery.delivery_count >= self._limits.deliveries:
            self._refuse(command, too_often(delivery.delivery_count))
            return None
        if delay:
            self._hold(command, delay)
            return None
        return command

    def _delay(self, headers: Mapping[str, Any]) -> float | None:
        """For how many seconds the server waits, as *headers* have it; None if what they ask for
        is for other servers. Raises InvalidFilter, InvalidMessage, and what facts do."""
        conditions, splay = headers.get(WHERE_HEADER), headers.get(SPLAY_HEADER)
        if conditions is not None and not parse_header(conditions).matches(self.consumer.server):
            return None
        return 0.0 if splay is None else draw(splay)

    def _is_stale(self, delivery: Delivery) -> bool:
        """Whether it came under a key that the consumer had once, and has not any more. A dead
        letter that is tried again comes straight to the queue, by its name."""
        try:
            return delivery.routing_key not in (*self.consumer.routing_keys, self.queue)
        except Exception:
            logger.exception("The routing keys of %s", self.consumer.consumer_name)
            return False

    def _come_again(self, delivery: Delivery) -> None:
        """*delivery* brings a command that ran, or still runs. That of a durable consumer is
        acknowledged when it is done, and not before."""
        logger.debug("Delivered again, not run again: %r", delivery.envelope.message_id)
        if self.durable:
            running = [command for command in self._running if command.is_in(delivery)]
            if running:
                max(running, key=lambda command: command.lost).come_again(delivery)
                return
        if self._remembered.was_rejected(delivery):
            self._source.reject(delivery)
        else:
            self._source.acknowledge(delivery)

    def _hold(self, command: Command, delay: float) -> None:
        """Have *command* wait. It is acknowledged, or a few would hold up all others; but a durable
        one is not, and does."""
        try:
            if self._stopping:
                raise stopping()
            self._held.hold(command, delay, len(command.delivery.body))
        except (Stopping, TooManyHeld) as error:
            self._refuse(command, error)
            return
        command.held = delay
        if not self.durable:
            command.acknowledged = True
            self._source.acknowledge(command.delivery)

    def _released(self, commands: Sequence[Command]) -> None:
        self._due.extend(commands)
        self._wake.set()

    def _refuse(self, command: Command, error: Exception) -> None:
        """Answer *command*, which is not run, with *error*."""
        command.started = time.monotonic()  # no time in the handler, whatever it has waited
        token = _current.set(command)
        try:
            self.consumer.notify_failure(error)
        finally:
            _current.reset(token)
        self._conclude(command, Outcome(error))

    def _expire(self, command: Command) -> None:
        logger.warning("Dropped a command that had expired: %s", command.delivery.envelope)
        self._end(command, "expired")

    def _conclude(self, command: Command, outcome: Outcome) -> None:
        """The handler has returned, or raised."""
        if outcome.error is not None and isinstance(outcome.untold, OutboxFull):
            # It has filled the outbox: whoever asked is to know, and this one is small.
            self._outputs.fail(command, outcome.error)
        command.rejected = self.durable and outcome.is_hopeless
        self._end(command, outcome.name, outcome.type)

    def _end(self, command: Command, outcome: str, type: str = "") -> None:
        command.finished = True
        try:
            self._outputs.end(command, outcome)
            self._audit(command, outcome, type)
            if not command.unconfirmed:
                self._done_with(command)
        except BaseException:
            self._give_up(command)
            raise

    def _audit(self, command: Command, outcome: str, type: str = "") -> None:
        if not self.quiet and audit.is_on():
            audit.record(
                command.delivery,
                type,
                outcome,
                time.monotonic() - command.started,
                self._extension,
                self.consumer.consumer_name,
            )
            self._outlet.flush_soon()

    def _confirmed(self, command: Command) -> None:
        """One of its outputs is, perhaps the last."""
        command.unconfirmed -= 1
        if command.finished and not command.unconfirmed:
            self._done_with(command)

    def _give_up(self, command: Command) -> None:
        """Something of ours failed (no memory is left, say): it must not be in the way."""
        command.finished = True
        command.rejected = self.durable  # kept among the dead letters
        self._done_with(command)

    def _done_with(self, command: Command) -> None:
        """Nothing more comes of *command*, if it was not given up, or given back, before."""
        if command not in self._running:
            return
        self._running.remove(command)
        for delivery in command.doubles:
            self._source.acknowledge(delivery)
        if command.rejected:
            self._remembered.note_rejected(command.delivery)
            self._source.reject(command.delivery)
        elif not command.acknowledged:
            self._source.acknowledge(command.delivery)
        self._settle()

    def _settle(self) -> None:
        if not self._running and not self._buffer:
            self._idle.set()
