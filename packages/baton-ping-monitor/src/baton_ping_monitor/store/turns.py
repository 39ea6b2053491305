"""A lock that is given to those who wait in the order in which they came.

With an ordinary one, a thread that takes it again at once, transaction after transaction, would
keep all others waiting.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Lets one thread at a time in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._is_taken = False

    @property
    def waiting(self) -> int:
        """How many threads wait for their turn."""
        return len(self._waiting)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for this thread's turn, and have it for the block."""
        self._take(-1)
        try:
            yield
        finally:
            self._pass_on()

    def idle(self, seconds: float) -> bool:
        """Wait until nobody has a turn who came before this; False if that takes longer."""
        if not self._take(seconds):
            return False
        self._pass_on()
        return True

    def _take(self, seconds: float) -> bool:
        ticket = threading.Lock()
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return True
            ticket.acquire()
            self._waiting.append(ticket)
        if ticket.acquire(timeout=seconds):
            return True
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                return False
        return True  # it came at the last moment

    def _pass_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False
