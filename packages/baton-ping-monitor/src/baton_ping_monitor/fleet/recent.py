"""The last few of something: a memory with an end."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Remembers the last *limit* keys, each with a value; the oldest is forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[str, Value] = OrderedDict()

    def add(self, key: str, value: Value) -> bool:
        """Remember *key*; false if it was known."""
        if key in self._values:
            return False
        self._values[key] = value
        if len(self._values) > self._limit:
            self._values.popitem(last=False)
        return True

    def get(self, key: str | None) -> Value | None:
        """What was remembered with *key*, None if it is not known (any more)."""
        return None if key is None else self._values.get(key)
