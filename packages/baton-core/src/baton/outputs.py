"""What a consumer says: its outputs, and the ends of its commands, on their way to the outbox."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from baton.consumer import error_text
from baton.message import (
    BCC_HEADER,
    CONTENT_TYPE,
    END_HEADER,
    END_TYPE,
    INSTANCE_HEADER,
    SEQUENCE_HEADER,
    VERSION_HEADER,
    WIRE_VERSION,
    Envelope,
    encode_body,
)
from baton.outbox import Outbox, Output
from baton.transports import Publication

if TYPE_CHECKING:
    from baton.consumer import Consumer
    from baton.errors import MessageTooLarge
    from baton.running import Command, Origin

logger = logging.getLogger(__name__)


class Outputs:
    """Puts what *consumer* says into *outbox*; *flush* is called when there is something to send,
    *confirmed* with the command whose output was confirmed. All on the event loop."""

    def __init__(
        self,
        consumer: Consumer,
        origin: Origin,
        outbox: Outbox,
        *,
        flush: Callable[[], None],
        confirmed: Callable[[Command], None],
    ) -> None:
        self._consumer = consumer
        self._origin = origin
        self._outbox = outbox
        self._flush = flush
        self._confirmed = confirmed
        # From one random number on, and not each of its own: that took 1 µs of an output.
        self._ids = map("{:032x}".format, count(secrets.randbits(127)))

    def publish(self, command: Command | None, body: bytes) -> None:
        """Say *body*, for which room in the outbox is reserved, to all monitors and to whoever sent
        *command*, if it belongs to one."""
        headers: dict[str, Any] = {}
        if command is not None and command.reply_to is not None:
            headers[BCC_HEADER] = [command.reply_to]
        output = self._send(command, "", body, headers)
        if command is not None:
            command.last = output
            command.outputs += 1

    def fail(self, command: Command, error: BaseException) -> None:
        """Say that *command* ended with *error*, though there is no room."""
        body = self._body(_error(error, error_text(error)))
        self._outbox.reserve_beyond(len(body))
        self.publish(command, body)

    def end(self, command: Command, outcome: str) -> None:
        """Tell the requester that *command* is finished: on its last output, if that is still here,
        else with one more message that only the requester sees."""
        end = {
            "outcome": outcome,
            "outputs": command.outputs,
            "duration": int((time.monotonic() - command.started) * 1_000_000),
            "fqdn": self._consumer.server.fqdn,
        }
        if command.last is not None and not command.last.sent:
            command.last.headers[END_HEADER] = end
        elif command.reply_to is not None:
            body = self._body({"type": END_TYPE})
            self._outbox.reserve_beyond(len(body))
            self._send(command, command.reply_to, body, {END_HEADER: end})

    def _body(self, message: Mapping[str, Any]) -> bytes:
        """*message* with who says it, whatever is wrong with the consumer's own attributes."""
        try:
            return encode_body({**self._consumer.attributes, **message})
        except BaseException:
            logger.exception("The attributes of %s", self._consumer.consumer_name)
            return encode_body({**self._consumer.server.attributes, **message})

    def _too_large(self, error: MessageTooLarge) -> bytes:
        return self._body(_error(error, str(error)))

    def _send(
        self, command: Command | None, key: str, body: bytes, headers: dict[str, Any]
    ) -> Output:
        headers[VERSION_HEADER] = WIRE_VERSION
        headers[INSTANCE_HEADER] = self._origin.instance
        correlation_id = None
        if command is not None:
            headers[SEQUENCE_HEADER] = command.outputs
            correlation_id = command.delivery.envelope.message_id
            command.unconfirmed += 1
        origin = self._origin
        # By position: a keyword of a class costs a dictionary, 1 µs of an envelope's 1.5.
        envelope = Envelope(
            next(self._ids),
            correlation_id,
            None,  # nobody replies to an output
            time.time(),
            None,  # nor does it expire
            origin.user_id,
            origin.app_id,
            CONTENT_TYPE,
            True,  # persistent
            headers,
        )
        number = next(self._outbox.numbers)
        output = Output(
            Publication(number, origin.exchange_out, key, body, envelope),
            headers,
            None if command is None else partial(self._confirmed, command),
            self._too_large,
        )
        self._outbox.add(output)
        self._flush()
        return output


def _error(error: BaseException, text: str) -> dict[str, Any]:
    return {"type": "error", "error_class": type(error).__name__, "error_message": text}
