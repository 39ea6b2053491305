"""Waits for a condition that nothing announces."""

import time
from collections.abc import Callable

INTERVAL = 0.05


def wait_until(condition: Callable[[], object], timeout: float) -> bool:
    """Ask *condition* until it is true; False if it is not within *timeout* seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(INTERVAL)
    return True
