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
        ticket = threading.Lock()
        ticket.acquire()
        with self._lock:
            if self._is_taken:
                self._waiting.append(ticket)
            else:
                self._is_taken = True
                ticket.release()
        ticket.acquire()
        try:
            yield
        finally:
            with self._lock:
                if self._waiting:
                    self._waiting.popleft().release()
                else:
                    self._is_taken = False
