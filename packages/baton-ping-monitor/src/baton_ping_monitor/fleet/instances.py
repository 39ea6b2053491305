"""Several services of one name: two servers that say that they are the same."""

from __future__ import annotations

from typing import Final

_MOST: Final = 8
_WINDOW: Final = 300.0
"""Seconds for which an instance counts after it was heard last."""


class Instances:
    """Knows how many services answer under one name.

    One that was started anew has another instance id, and the old one is not heard again: only an
    instance that comes back after another one was heard shows that there are two.
    """

    __slots__ = ("_current", "_rivals")

    def __init__(self) -> None:
        self._current = ""
        self._rivals: dict[str, tuple[float, bool]] | None = None
        """Each that was heard: when it was the current one for the last time, and whether it had
        come back by then."""

    def heard(self, instance: str, now: float) -> bool:
        """*instance* said something; whether that is another one than before."""
        if instance == self._current or not instance:
            return False
        before, self._current = self._current, instance
        if not before:
            return True
        rivals = self._rivals = self._rivals or {}
        came_back = instance in rivals
        rivals[instance] = (now, came_back)
        rivals[before] = (now, came_back or rivals.get(before, (now, False))[1])
        if len(rivals) > _MOST:
            del rivals[min(rivals, key=lambda each: rivals[each][0])]
        return True

    def count(self, now: float) -> int:
        """How many there are: 1 unless several are heard in turn."""
        if self._rivals is None:
            return 1
        self._rivals = {
            each: (at, again) for each, (at, again) in self._rivals.items() if now - at < _WINDOW
        } or None
        return max(1, sum(again for _, again in (self._rivals or {}).values()))
