"""What is run in the faults: a service that does what takes a moment, and a monitor of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from baton import Configuration, Consumer, Message, Monitor, Server, Service
from baton.errors import UnknownMessageType
from baton.health import Health
from baton.link import State
from baton.message import END_HEADER, SEQUENCE_HEADER
from baton.outbox import Outbox, Output
from baton.transports import Publication
from faults.history import History, Kind

EXTENSION = "baton-faults"
ENVIRONMENT = "production"
"""Of all servers."""


class WorkConsumer(Consumer):
    """Says that it begins and is at it, works for as long as it is told to, and says that it is
    done."""

    def __init__(self, server: Server, history: History, instance: str) -> None:
        super().__init__(server.fqdn, server)
        self._history = history
        self._instance = instance

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.server.attributes)

    async def process_message(self, message: Message) -> None:
        if message.type == "probe":
            self._note(Kind.HEARD, message)
            self.notify({"type": "heard"})
            return
        if message.type != "work":
            raise UnknownMessageType(message.type)
        self._note(Kind.STARTED, message)
        self._say("begun", message, 0)
        self._say("at it", message, 1)  # at once: their order can be seen
        await asyncio.sleep(message["takes"])
        self._say("done", message, 2)
        self._note(Kind.ENDED, message)

    def _say(self, what: str, message: Message, seq: int) -> None:
        self.notify({"type": "progress", "message": what})
        self._note(Kind.NOTIFIED, message, seq)

    def _note(self, kind: Kind, message: Message, seq: int = -1) -> None:
        self._history.add(
            kind, id=message.message_id, server=self.server.fqdn, seq=seq, detail=self._instance
        )


class WorkService(Service):
    """Runs the consumer, and writes down what its health says, what has expired, what the broker
    confirms, and what is sent again."""

    extension = EXTENSION

    def __init__(self, configuration: Configuration, server: Server, history: History) -> None:
        super().__init__(configuration, server)
        self.history = history
        self.health = Health([self])
        self.watch_pulse(lambda: self.health.went_round(0))
        self.watch(self._note_state)

    async def start(self) -> None:
        await super().start()
        self._watch_outbox(self.channel._outbox)

    def setup_consumers(self) -> None:
        consumer = WorkConsumer(self.server, self.history, self.instance)
        consumer.durable = bool(getattr(self.configuration, "durable", False))
        self.add_consumer(consumer)

    def note_drained(self) -> None:
        """It has stopped, and everything was finished."""
        self.history.add(Kind.DRAINED, server=self.server.fqdn, detail=self.instance)

    def _watch_outbox(self, outbox: Outbox) -> None:
        add, confirm, take = outbox.add, outbox.confirm, outbox.take

        def added(output: Output) -> None:
            end = output.headers.get(END_HEADER)
            if end is not None and end["outcome"] == "expired":
                self._note_output(Kind.EXPIRED, output, -1)
            add(output)

        def confirmed(numbers: Sequence[int]) -> None:
            for output in filter(None, map(outbox._outputs.get, numbers)):
                if END_HEADER in output.headers:
                    self._note_output(Kind.STORED, output, -1)
                self._note_progress(Kind.STORED, output)
            confirm(numbers)

        def taken() -> list[Publication]:
            for output in outbox._unsent:
                if output.sent:
                    self._note_progress(Kind.RESENT, output)
            return take()

        outbox.add = added  # type: ignore[method-assign]
        outbox.confirm = confirmed  # type: ignore[method-assign]
        outbox.take = taken  # type: ignore[method-assign]

    def _note_progress(self, kind: Kind, output: Output) -> None:
        if json.loads(output.publication.body)["type"] == "progress":
            self._note_output(kind, output, output.headers[SEQUENCE_HEADER])

    def _note_output(self, kind: Kind, output: Output, seq: int) -> None:
        self.history.add(
            kind,
            id=output.publication.envelope.correlation_id,
            server=self.server.fqdn,
            seq=seq,
            detail=self.instance,
        )

    def _note_state(self, state: State) -> None:
        detail = "ready" if self.health.is_ready else str(state.phase)
        self.history.add(Kind.STATE, server=self.server.fqdn, detail=detail)


class WorkMonitor(Monitor):
    """Writes down each output of a command."""

    extension = EXTENSION

    def __init__(self, configuration: Configuration, history: History) -> None:
        super().__init__(configuration, "faults")
        self._history = history
        self.seen = 0
        """How many outputs of commands it got."""
        self.arrived = asyncio.Event()
        """Set with each output."""

    def process_message(self, message: Message) -> None:
        if message.type == "progress":
            self._history.add(
                Kind.SEEN,
                id=message.correlation_id,
                server=message["fqdn"],
                output=message.message_id,
                seq=message.headers[SEQUENCE_HEADER],
            )
            self.seen += 1
            self.arrived.set()
