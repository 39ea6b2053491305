"""Observers and what they observe.

A consumer is observable: its ConsumerManager observes it and publishes what it notifies. Anything
with an ``update`` method can be attached beside it, for instance to write an audit trail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Observer(Protocol):
    """Anything that wants to hear what an Observable notifies."""

    def update(self, message: Mapping[str, Any]) -> None:
        """Called with each message, in the thread that notified it; must not block."""


class Observable:
    """Notifies its observers, in the order in which they were added.

    Each ``notify`` method is a plain function. It may be called from an ``async def`` handler and
    from a worker thread, and what it notifies is on its way when it returns.

    >>> class Printer:
    ...     def update(self, message):
    ...         print(message)
    >>> class Disk(Observable):
    ...     @property
    ...     def attributes(self):
    ...         return {"fqdn": "web01"}
    >>> disk = Disk()
    >>> disk.add_observer(Printer())
    >>> disk.notify_info("half full")
    {'fqdn': 'web01', 'type': 'info', 'message': 'half full'}
    """

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What every notified message carries; empty by default."""
        return {}

    @property
    def observers(self) -> list[Observer]:
        """Those who are notified. A list of its own on each object, made at first use."""
        observers: list[Observer] = self.__dict__.setdefault("_observers", [])
        return observers

    def add_observer(self, observer: Observer) -> None:
        """From now on, *observer* is updated with every message."""
        self.observers.append(observer)

    def remove_observer(self, observer: Observer) -> None:
        """*observer* is updated no more; raises ValueError if it was not there."""
        self.observers.remove(observer)

    def notify(self, message: Mapping[str, Any]) -> None:
        """Notify ``attributes`` merged with *message*, whose values win."""
        merged = {**self.attributes, **message}
        for observer in tuple(self.observers):  # one may remove itself
            observer.update(merged)

    def notify_error(self, error_class: str | type[BaseException], error_message: str) -> None:
        """Notify an error: what kind, and what went wrong in words."""
        name = error_class if isinstance(error_class, str) else error_class.__name__
        self.notify({"type": "error", "error_class": name, "error_message": error_message})

    def notify_info(self, message: str) -> None:
        """Notify how far something is, while it runs."""
        self.notify({"type": "info", "message": message})

    def notify_success(self, message: str) -> None:
        """Notify that something is done."""
        self.notify({"type": "success", "message": message})

    def notify_log(self, attributes: Mapping[str, Any]) -> None:
        """Notify any *attributes*: the original's name for :meth:`notify`."""
        self.notify(attributes)
