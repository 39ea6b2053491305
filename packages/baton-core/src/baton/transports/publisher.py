"""The synchronous publisher, for web applications and scripts, on pika.

One daemon thread a process owns the connection (:mod:`~baton.transports.pika_worker`), so that
heartbeats go on while the program does something else, many publications are under way at once,
and every wait has an end. pika's own BlockingConnection can do none of this.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from baton.errors import BrokerUnavailable, MessageTooLarge, PublishTimeout
from baton.transports.base import MAX_MESSAGE_SIZE, Publication, Publisher
from baton.transports.pending import Batch
from baton.transports.pika_worker import GRACE, PikaWorker

if TYPE_CHECKING:
    from baton.configuration import Configuration


class PikaPublisher(Publisher):
    """Publishes to the hosts of *configuration*; the broker shows the connection as *name*.

    While its broker takes publications again within the timeout, a loss of the connection is not
    seen outside: what was not confirmed is sent again, under the same message_id, of which a
    server takes one.
    """

    def __init__(self, configuration: Configuration, name: str) -> None:
        self._configuration = configuration
        self._name = name
        self._closed = False
        self._workers: dict[int, PikaWorker] = {}

    def publish(
        self, publications: Sequence[Publication], timeout: float
    ) -> list[Exception | None]:
        batch = Batch(publications, timeout)
        for pending in batch.pending:
            size = len(pending.publication.body)
            if size > MAX_MESSAGE_SIZE:
                pending.settle(MessageTooLarge(size, MAX_MESSAGE_SIZE))
        if not batch.is_settled:
            worker = self._worker()
            if self._closed or not worker.submit(batch):
                for pending in batch.pending:
                    pending.settle(BrokerUnavailable("The publisher is closed"))
            self._wait(batch, worker)
        # The batch and its publications refer to each other: untied, they go at once.
        batch.pending.clear()
        return batch.outcomes

    def close(self) -> None:
        self._closed = True
        self._worker().close()

    def _worker(self) -> PikaWorker:
        # A forked child inherits neither the thread, nor a lock that may be held, nor the right to
        # say anything on the connection. So each process has a worker of its own, and leaves its
        # parent's as it is, reachable, since to collect it would close sockets. setdefault is
        # atomic: two threads get the same worker without a lock.
        process = os.getpid()
        worker = self._workers.get(process)
        if worker is None:
            worker = PikaWorker(self._configuration, self._name)
            worker = self._workers.setdefault(process, worker)
        return worker

    def _wait(self, batch: Batch, worker: PikaWorker) -> None:
        try:
            # The I/O thread settles the batch at its deadline.
            left = max(0.0, batch.deadline - time.monotonic())
            settled = batch.done.wait(left + GRACE)
        except BaseException:  # Ctrl-C, say
            worker.withdraw(batch)
            raise
        if not settled:
            for pending in batch.pending:
                pending.settle(PublishTimeout("The publisher's thread does not answer"))
