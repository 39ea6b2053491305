"""One connection of a publisher to one broker: opened once, lost once.

All of it runs on the I/O thread.
"""

from __future__ import annotations

import logging
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.exceptions import ChannelClosedByBroker
from pika.spec import Basic

from baton.errors import (
    BrokerUnavailable,
    MessageError,
    Unroutable,
)
from baton.text import shorten
from baton.transports.amqp import outgoing
from baton.transports.amqp.frames import OVERHEAD
from baton.transports.base import ANSWERS
from baton.transports.pending import Pending
from baton.transports.pika_errors import broker_said, is_loss, loss, sort_out, unreachable
from baton.transports.pika_terms import connection_parameters
from baton.transports.refusals import ALERT, SpeaksTLS, not_stored

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

logger = logging.getLogger(__name__)

CHUNK: Final = 200
"""Publications written in one turn of the loop: between two chunks confirms are read."""
WINDOW: Final = 2_000
"""Publications in flight. This and WINDOW_BYTES bound pika's output buffer, and how many have an
unknown outcome when the broker stops answering."""
WINDOW_BYTES: Final = 4 * 1024 * 1024
PIECE: Final = 128 * 1024
"""Bytes that pika is given at once: of what a socket does not take it makes a copy each time."""


class SessionOwner(Protocol):
    """Who opened a session, and hears from it."""

    waiting: deque[Pending]
    """What is to be sent: the session takes from its left."""

    def opened(self) -> None:
        """The session takes publications: at first, and again after each :meth:`requeue`."""

    def unreachable(self, error: BrokerUnavailable) -> None:
        """The session could not be opened. Last call."""

    def confirmed(self) -> None:
        """The broker answered a publication: the connection works."""

    def requeue(self, pending: list[Pending]) -> None:
        """These have to be sent again, in this order."""

    def lost(self, reason: str | None) -> None:
        """The connection has gone; without a reason if :meth:`PikaSession.close` closed it. Last
        call. Before it what was in flight was requeued."""


class _Connection(SelectConnection):  # type: ignore[misc]  # pika has no types
    """One that knows an answer in TLS, which pika takes for the beginning of a frame, that takes
    many frames at once, and that can be dropped without its loop."""

    _was_answered = False
    heard: Callable[[], None] = staticmethod(lambda: None)
    """Called whenever something was read."""

    @property
    def frame_limit(self) -> int:
        """Bytes that a frame may carry, as agreed with the broker."""
        return int(self.params.frame_max) - OVERHEAD

    def send(self, frames: Sequence[bytes]) -> None:
        """Send *frames* of publications."""
        # basic_publish() makes three writes to the socket of each message, and its properties
        # cost it twice what ours do. pika has no public place for more at once.
        data = b"".join(frames)
        for at in range(0, len(data), PIECE):
            self._output_marshaled_frames([data[at : at + PIECE]])

    def drop(self) -> None:
        """Close its socket at once, in whatever state it is; nobody is told."""
        # pika closes one in a later turn of the loop, and has no public place for less. Should
        # this fail, the socket is left to the garbage collector.
        with suppress(Exception):
            if self._transport is not None:
                self._transport._close_and_finalize()
            elif self._connection_workflow is not None:
                connector = self._connection_workflow._connector
                if connector is not None:
                    connector._close()

    def _on_data_available(self, data_in: bytes) -> None:
        # pika has no public place for it. Should it go, only the words for it go with it.
        is_first, self._was_answered = not self._was_answered, True
        if is_first and data_in.startswith(ALERT):
            self._terminate_stream(SpeaksTLS())
        else:
            self.heard()
            super()._on_data_available(data_in)


class PikaSession:
    """A connection with one channel, in confirm mode.

    ``blocked`` says why the broker takes no publications, None while it does. *patience* is how
    long each answer may take while it is opened, in seconds. Raises ConfigurationError for a file
    of the configuration.
    """

    def __init__(
        self,
        configuration: Configuration,
        endpoint: Endpoint,
        name: str,
        loop: IOLoop,
        owner: SessionOwner,
        patience: float,
    ) -> None:
        self.endpoint = endpoint
        self.blocked: str | None = None
        self.is_open = False
        self._name = name
        self._configuration = configuration
        self._deadline = configuration.deadline
        self._patience = patience
        self._loop = loop
        self._owner = owner
        self._channel: Any = None
        self._tag = 0
        self._in_flight: dict[int, Pending] = {}
        self._in_flight_bytes = 0
        self._next_return = 1
        self._alone = False
        self._pump_is_due = False
        self._watching = False
        self._closing = False
        self._lost_because: str | None = None
        self._connection = _Connection(
            connection_parameters(configuration, endpoint, name, patience),
            on_open_callback=self._on_connection_open,
            on_open_error_callback=self._on_open_error,
            on_close_callback=self._on_connection_closed,
            custom_ioloop=loop,
        )
        self._connection.add_on_connection_blocked_callback(self._on_blocked)
        self._connection.add_on_connection_unblocked_callback(self._on_unblocked)
        # pika has its own limits for the socket and for the handshake, but none for the
        # resolution of the name and for the channel.
        self._timer: object = loop.call_later(patience, partial(self._abort, "no answer"))
        self._answers_left = ANSWERS
        self._connection.heard = self._on_heard

    def schedule_pump(self) -> None:
        """Send what waits, as far as it may be sent, in the next turn of the loop."""
        if not self._pump_is_due:
            self._pump_is_due = True
            self._loop.add_callback_threadsafe(self.pump)

    def close(self) -> None:
        """Close in good order, within the deadline; the owner hears when it is done."""
        if self._closing:
            return
        self._closing = True
        self._loop.remove_timeout(self._timer)
        if self._channel is None:
            self._abort("closed")
        else:
            self._timer = self._loop.call_later(self._deadline, partial(self._abort, "no answer"))
            self._connection.close()

    def drop(self) -> list[Pending]:
        """Close at once, though the loop has failed, and return what was in flight. The owner
        hears nothing more."""
        self.is_open = False
        self._connection.drop()
        return self._abandon()

    def _abandon(self) -> list[Pending]:
        """Give up what is in flight, and return it: the broker may have taken it."""
        in_flight = self._take_in_flight()
        for pending in in_flight:
            pending.doubtful = True
        return [pending for pending in in_flight if not pending.settled]

    def _abort(self, because: str) -> None:
        # The stream is dropped without a word to the broker, which may not be listening any more.
        # pika does so itself when heartbeats fail, but has no public name for it: its close()
        # waits for the broker's answer.
        if self._lost_because is None and not self._connection.is_closed:
            self._lost_because = because
            self._connection._terminate_stream(BrokerUnavailable(because))

    # Opening

    def _on_heard(self) -> None:
        """A broker that answers, however slowly, is not given up while it is connected to."""
        if self._answers_left and not (self.is_open or self._closing):
            self._answers_left -= 1
            self._loop.remove_timeout(self._timer)
            self._timer = self._loop.call_later(self._patience, partial(self._abort, "no answer"))

    def _on_connection_open(self, _connection: object) -> None:
        logger.info("%s connected to %s", self._name, self.endpoint)
        self._open_channel()

    def _open_channel(self) -> None:
        self._tag = 0
        self._next_return = 1
        self._channel = self._connection.channel(on_open_callback=self._on_channel_open)
        self._channel.add_on_close_callback(self._on_channel_closed)
        self._channel.add_on_return_callback(self._on_return)

    def _on_channel_open(self, channel: Any) -> None:
        channel.confirm_delivery(self._on_confirm, callback=self._on_ready)

    def _on_ready(self, _frame: object) -> None:
        self._loop.remove_timeout(self._timer)
        self.is_open = not self._closing
        if self.is_open:
            self._owner.opened()

    def _on_open_error(self, _connection: object, error: BaseException) -> None:
        self._loop.remove_timeout(self._timer)
        if self._closing:
            self._owner.lost(None)
        elif self._lost_because is not None:
            self._owner.unreachable(BrokerUnavailable(self._lost_because))
        else:
            self._owner.unreachable(unreachable(error, self.endpoint, self._configuration))

    # Sending

    def pump(self) -> None:
        """Send what waits, as far as it may be sent, in one write."""
        self._pump_is_due = False
        waiting = self._owner.waiting
        now = time.monotonic()
        frames: list[bytes] = []
        while self.is_open and self.blocked is None and waiting and self._has_room(waiting[0]):
            if len(frames) == CHUNK:
                self.schedule_pump()
                break
            pending = waiting.popleft()
            # One whose deadline is over is settled in a moment, by its timer.
            if not pending.settled and pending.batch.deadline > now:
                data = self._encode(pending)
                if data:
                    self._note_sent(pending)
                    frames.append(data)
        if frames:
            self._connection.send(frames)

    def _has_room(self, pending: Pending) -> bool:
        if not self._in_flight:
            return True
        if pending.suspect or self._alone:
            return False
        return len(self._in_flight) < WINDOW and self._in_flight_bytes < WINDOW_BYTES

    def _encode(self, pending: Pending) -> bytes:
        """Its frames; none, and it is settled, if AMQP cannot say it."""
        number, limit = self._channel.channel_number, self._connection.frame_limit
        try:
            return outgoing.publish(number, pending.publication, limit)
        except (TypeError, ValueError, ArithmeticError, struct.error) as error:
            what = shorten(f"{type(error).__name__}: {error}")
            pending.settle(MessageError(f"The message cannot be encoded for AMQP: {what}"))
            return b""

    def _note_sent(self, pending: Pending) -> None:
        self._tag += 1
        self._in_flight[self._tag] = pending
        self._in_flight_bytes += len(pending.publication.body)
        self._alone = pending.suspect
        pending.sent = True
        if not self._watching:
            self._watch()

    # What the broker answers

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tag = method.delivery_tag
        if method.multiple:
            tags = []
            for each in self._in_flight:  # in the order of tags
                if each > tag:
                    break
                tags.append(each)
        else:
            tags = [tag]
        is_ack = isinstance(method, Basic.Ack)
        for each in tags:
            pending = self._in_flight.pop(each, None)
            if pending is not None:
                self._in_flight_bytes -= len(pending.publication.body)
                pending.settle(None if is_ack else not_stored())
        self._owner.confirmed()
        if self._owner.waiting:
            self.schedule_pump()

    def _on_return(self, _channel: object, method: Any, properties: Any, _body: bytes) -> None:
        # A return does not say which publication it answers, and several may share a message_id.
        # But the broker handles a channel's publications one after another, and sends the return
        # of one before it looks at the next, and before it confirms it. So returns come in the
        # order of sending, and the one meant is the first behind the last one returned that looks
        # like it and is not confirmed yet. Only its double could be mistaken for it: same
        # exchange, key and message_id, which is the same command to the same servers.
        name = (method.exchange, method.routing_key, properties.message_id)
        while self._next_return <= self._tag:
            pending = self._in_flight.get(self._next_return)
            self._next_return += 1
            if pending is not None and pending.publication.mandatory:
                publication = pending.publication
                envelope = publication.envelope
                if (publication.exchange, publication.routing_key, envelope.message_id) == name:
                    pending.refuse(Unroutable([publication.routing_key], publication.exchange))
                    return

    def _on_blocked(self, _connection: object, frame: Any) -> None:
        # "low on memory", "low on disk" or "low on memory & disk"
        self.blocked = f"{frame.method.reason.removeprefix('low on ')} alarm"

    def _on_unblocked(self, _connection: object, _frame: object) -> None:
        self.blocked = None
        self.schedule_pump()

    # Losing

    def _on_channel_closed(self, _channel: object, error: BaseException) -> None:
        self.is_open = False
        if isinstance(error, ChannelClosedByBroker):
            again = sort_out(self._take_in_flight(), error.reply_code, error.reply_text)
            self._owner.requeue(again)
            if not self._closing:
                self._timer = self._loop.call_later(
                    self._patience, partial(self._abort, "no answer")
                )
                self._open_channel()

    def _on_connection_closed(self, _connection: object, error: BaseException) -> None:
        self.is_open = False
        self._loop.remove_timeout(self._timer)
        said = broker_said(error)
        if said is not None and not is_loss(error):
            again = sort_out(self._take_in_flight(), *said)
        else:
            again = self._abandon()
        self._owner.requeue(again)
        because = self._lost_because or str(loss(error, self.endpoint, self._configuration))
        self._owner.lost(None if self._closing else because)

    def _take_in_flight(self) -> list[Pending]:
        in_flight = list(self._in_flight.values())
        self._in_flight.clear()
        self._in_flight_bytes = 0
        for pending in in_flight:
            pending.sent = False
        return in_flight

    def _watch(self) -> None:
        # A broker that is frozen, or behind a cut cable, is noticed by its heartbeats only after
        # many publications have timed out. One that says nothing at all for as long as something
        # is in flight is given up sooner. Except a blocked one: it does not read, and says so.
        self._watching = bool(self._in_flight)
        if self._watching:
            received = self._connection.bytes_received
            self._loop.call_later(self._deadline, partial(self._check, received))

    def _check(self, received: int) -> None:
        silent = self._connection.bytes_received == received
        if silent and self._in_flight and self.blocked is None:
            self._abort(f"no answer in {self._deadline:g} s")
        else:
            self._watch()
