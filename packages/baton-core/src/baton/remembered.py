"""What a consumer has run: a command that is delivered again is not run again."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baton.transports import Delivery


class Remembered:
    """Knows the last *most* message ids. A command without one is known by what it says, if it was
    interrupted by the loss of its channel."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._ids: OrderedDict[str, bool] = OrderedDict()
        self._interrupted: Counter[tuple[str, bytes]] = Counter()
        self._rejected: Counter[tuple[str, bytes]] = Counter()

    def __len__(self) -> int:
        return len(self._ids)

    def ran_before(self, delivery: Delivery) -> bool:
        """Whether *delivery* was run already; from now on it was."""
        message_id = delivery.envelope.message_id
        if message_id is None:
            identity = _identity(delivery)
            if not delivery.redelivered or not self._interrupted[identity]:
                return False
            self._interrupted[identity] -= 1
            return True
        if message_id in self._ids:
            return True
        self._ids[message_id] = False
        if len(self._ids) > self.most:
            self._ids.popitem(last=False)
        return False

    def note_rejected(self, delivery: Delivery) -> None:
        """*delivery* was rejected: it is to be again, if it comes again."""
        message_id = delivery.envelope.message_id
        if message_id is None:
            identity = _identity(delivery)
            if self._rejected[identity] < self._interrupted[identity]:
                self._rejected[identity] += 1
        elif message_id in self._ids:
            self._ids[message_id] = True

    def was_rejected(self, delivery: Delivery) -> bool:
        """Whether it was, as far as that is known. One without an id is asked for once."""
        message_id = delivery.envelope.message_id
        if message_id is not None:
            return self._ids.get(message_id, False)
        identity = _identity(delivery)
        if not self._rejected[identity]:
            return False
        self._rejected[identity] -= 1
        return True

    def interrupted(self, deliveries: Iterable[Delivery]) -> None:
        """The channel of *deliveries*, which run and are not acknowledged, is lost: they come
        again."""
        self._rejected.clear()
        self._interrupted = Counter(
            _identity(delivery) for delivery in deliveries if delivery.envelope.message_id is None
        )


def _identity(delivery: Delivery) -> tuple[str, bytes]:
    return delivery.routing_key, delivery.body
