"""What can be watched: its state, and the pulse that shows that something is done for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from baton.link import State

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")


class Watched:
    """Tells its watchers, on the event loop. One that fails is logged, and harms nothing."""

    def __init__(self) -> None:
        self._watchers: list[Callable[[State], None]] = []
        self._pulse_watchers: list[Callable[[], None]] = []

    def watch(self, callback: Callable[[State], None]) -> None:
        """Have *callback* called, on the loop, with each new state of the connection. May be
        called before the start."""
        self._watchers.append(callback)

    def watch_pulse(self, callback: Callable[[], None]) -> None:
        """Have *callback* called, on the loop, whenever every connection has gone round: it was
        found to be well, or was tried to be mended. May be called before the start."""
        self._pulse_watchers.append(callback)

    def tell_state(self, state: State) -> None:
        """It is *state* now."""
        _tell(self._watchers, state)

    def tell_pulse(self) -> None:
        """Every connection has gone round."""
        _tell(self._pulse_watchers)


class Rounds:
    """Knows when all of several parts have gone round."""

    def __init__(self) -> None:
        self._gone: set[object] = set()

    def complete(self, part: object, of: int) -> bool:
        """*part*, one of *of*, went round. Whether each has, since this was true before."""
        self._gone.add(part)
        if len(self._gone) < of:
            return False
        self._gone.clear()
        return True


def _tell(
    watchers: Iterable[Callable[Arguments, None]],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> None:
    for watcher in watchers:
        try:
            watcher(*args, **kwargs)
        except Exception:
            logger.exception("A watcher failed")
