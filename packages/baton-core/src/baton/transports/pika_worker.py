"""The I/O thread of a publisher: what waits, until when, and the connection that takes it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pika.adapters.select_connection import IOLoop

from baton.errors import (
    AuthenticationFailed,
    BatonError,
    BrokerUnavailable,
    CertificateRefused,
    ConfigurationError,
    PublishTimeout,
)
from baton.transports.hosts import Hosts
from baton.transports.pending import Batch, Pending
from baton.transports.pika_session import PikaSession

if TYPE_CHECKING:
    from baton.configuration import Configuration

logger = logging.getLogger(__name__)

GRACE: Final = 1.0
"""Seconds that the I/O thread may be late before it is not waited for any longer."""
LEAST_PATIENCE: Final = 1.0


class PikaWorker:
    """Publishes batches from its own daemon thread, which the first batch starts.

    :meth:`submit` and :meth:`close` are for any thread; all else runs on the I/O thread. It
    connects when something waits, never for nothing.
    """

    def __init__(self, configuration: Configuration, name: str) -> None:
        self.waiting: deque[Pending] = deque()
        self._configuration = configuration
        self._name = name
        # Reentrant, since close() may be called from a signal handler.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._loop: Any = None  # an IOLoop, once the I/O thread runs
        self._inbox: deque[Batch] = deque()
        self._closed = False
        self._last_deadline = 0.0
        # The I/O thread's own
        self._timers: dict[Batch, object] = {}
        self._session: PikaSession | None = None
        self._hosts = Hosts(configuration.endpoints, configuration.reconnect_max)
        self._retry: object | None = None
        self._was_connected = False
        self._refusal: AuthenticationFailed | ConfigurationError | None = None
        endpoints = len(configuration.endpoints)
        # A host that does not answer must leave time to try the others.
        self._patience = min(
            configuration.deadline, max(LEAST_PATIENCE, configuration.deadline / endpoints)
        )

    # Any thread

    def submit(self, batch: Batch) -> bool:
        """Have *batch* published; False if this is closed."""
        with self._lock:
            if self._closed:
                return False
            self._last_deadline = max(self._last_deadline, batch.deadline)
            self._inbox.append(batch)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=f"baton-publisher-{self._name}", daemon=True
                )
                self._thread.start()
        self._wake()
        return True

    def withdraw(self, batch: Batch) -> None:
        """Nobody waits for *batch* any more: what was not sent of it is not sent."""
        batch.deadline = 0.0
        if self._loop is not None:
            self._loop.add_callback_threadsafe(partial(self._expire, batch))

    def close(self) -> None:
        """Wait until every batch has its outcome, then disconnect within the deadline."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._wake()
            left = max(0.0, self._last_deadline - time.monotonic())
            thread.join(left + self._configuration.deadline + GRACE)

    def _wake(self) -> None:
        # The thread sets its loop before it first looks into the inbox: what was put there before
        # is found then, and what is put there later meets a loop to wake.
        if self._loop is not None:
            self._loop.add_callback_threadsafe(self._take_inbox)

    # The I/O thread

    def _run(self) -> None:
        is_running = True
        while is_running:
            self._loop = loop = IOLoop()
            self._timers = {batch: self._start_timer(batch) for batch in self._timers}
            loop.add_callback_threadsafe(self._take_inbox)
            try:
                loop.start()
                is_running = False
            except Exception as error:  # noqa: BLE001
                # pika raises through the loop what it did not foresee. Its connection is beyond
                # repair then, and the next one gets a new loop; nobody may wait for a dead thread.
                self._recover(error)
            finally:
                loop.close()

    def _recover(self, error: Exception) -> None:
        self._retry = None
        if self._session is not None:
            self.requeue(self._session.drop())
            self._note_loss(f"unexpected {error!r}")
            self._session = None

    def _start_timer(self, batch: Batch) -> object:
        left = max(0.0, batch.deadline - time.monotonic())
        return self._loop.call_later(left, partial(self._expire, batch))

    def _take_inbox(self) -> None:
        while self._inbox:
            batch = self._inbox.popleft()
            if batch.is_settled:  # withdrawn
                continue
            batch.finished = self._finished
            self._timers[batch] = self._start_timer(batch)
            self.waiting.extend(pending for pending in batch.pending if not pending.settled)
        self._advance()

    def _advance(self) -> None:
        """Do what is to be done next: disconnect, send or connect."""
        if self._closed and not self._inbox and not self._timers:
            self._disconnect()
        elif self._session is not None:
            if self._session.is_open:
                self._session.pump()
        elif self.waiting and self._retry is None:
            delay = max(0.0, self._hosts.not_before - time.monotonic())
            self._retry = self._loop.call_later(delay, self._connect)

    def _disconnect(self) -> None:
        if self._session is None:
            self._loop.stop()
        else:
            self._session.close()

    def _connect(self) -> None:
        self._retry = None
        if not self.waiting:
            return
        endpoint = self._hosts.next
        try:
            self._session = PikaSession(
                self._configuration, endpoint, self._name, self._loop, self, self._patience
            )
        except ConfigurationError as error:
            self._hosts.refused(str(error))
            self._give_up(error)

    def _give_up(self, error: AuthenticationFailed | ConfigurationError) -> None:
        """No use to try again soon: whoever waits is told at once."""
        logger.info("%s cannot connect: %s", self._name, error)
        self._refusal = error
        self._fail_waiting()
        self._advance()

    # A batch comes to its end

    def _finished(self, batch: Batch) -> None:
        self._loop.remove_timeout(self._timers.pop(batch))
        if self._closed:
            self._loop.add_callback_threadsafe(self._advance)

    def _expire(self, batch: Batch) -> None:
        for pending in batch.pending:
            if not pending.settled:
                unknown = pending.sent or pending.doubtful
                pending.settle(self._timeout(batch) if unknown else self._unavailable())
        self._drop_settled()

    def _fail_waiting(self) -> None:
        for pending in self.waiting:
            pending.refuse(self._unavailable())
        self._drop_settled()

    def _drop_settled(self) -> None:
        unsettled = [pending for pending in self.waiting if not pending.settled]
        self.waiting.clear()
        self.waiting.extend(unsettled)

    def _timeout(self, batch: Batch) -> PublishTimeout:
        where = "The broker" if self._session is None else str(self._session.endpoint)
        return PublishTimeout(
            f"{where} did not confirm in {batch.timeout:g} s: the outcome is unknown, "
            "the command may still arrive"
        )

    def _unavailable(self) -> BatonError:
        session = self._session
        if session is None or not session.is_open:
            if self._refusal is not None:
                return type(self._refusal)(str(self._refusal))
            return BrokerUnavailable(self._hosts.explain(session.endpoint if session else None))
        if session.blocked is not None:
            return BrokerUnavailable(
                f"{session.endpoint} takes no publications, blocked: {session.blocked}"
            )
        return BrokerUnavailable(f"{session.endpoint} does not answer")

    # What the session says

    def opened(self) -> None:
        self._was_connected = True
        self._refusal = None
        self._advance()

    def confirmed(self) -> None:
        self._hosts.works()

    def requeue(self, pending: list[Pending]) -> None:
        self.waiting.extendleft(reversed(pending))

    def unreachable(self, error: BrokerUnavailable) -> None:
        self._session = None
        # Another host may have a better certificate, but it has the same users.
        is_certificate = isinstance(error, CertificateRefused)
        if isinstance(error, AuthenticationFailed) and not is_certificate:
            self._hosts.refused(str(error))
            self._give_up(error)
            return
        self._refusal = None
        if self._hosts.failed(str(error), refused=is_certificate):
            if self._hosts.all_refuse:
                self._give_up(CertificateRefused(self._hosts.explain(None)))
                return
            logger.info("%s: %s", self._name, self._hosts.explain(None))
            if not self._was_connected:
                # Most likely a wrong address, or a broker that does not run: say so at once. A
                # broker that was there before is most likely restarting: wait for it.
                self._fail_waiting()
        self._advance()

    def lost(self, reason: str | None) -> None:
        if reason is not None:
            self._note_loss(reason)
        self._session = None
        self._advance()

    def _note_loss(self, reason: str) -> None:
        if self._session is not None:
            endpoint = self._session.endpoint
            logger.warning("%s lost its connection to %s: %s", self._name, endpoint, reason)
            self._hosts.lost(reason)
