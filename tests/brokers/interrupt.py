"""Lets SIGTERM end a program as Ctrl-C does: everything that it began is cleaned up."""

import signal
from types import FrameType


def interrupt_on_sigterm() -> None:
    """Raise KeyboardInterrupt in the main thread at a SIGTERM."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
