"""What holds for any input: it costs a bounded time of the processor, and what is said of it can be
shown to a person."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_TRACED: Final = 6.0 if sys.gettrace() is not None else 1.0
"""How much longer everything takes while coverage is taken."""

LONGEST_STALL: Final = 1.0 * _TRACED
"""Seconds of the processor that a service may spend on one input. Not of a clock: other programs
run, too."""


@contextmanager
def no_stall(seconds: float = LONGEST_STALL) -> Iterator[None]:
    """Fail if what is done takes more than *seconds* of the processor, in this thread."""
    begin = time.thread_time()
    yield
    took = time.thread_time() - begin
    assert took < seconds, f"it took {took:.2f} s of the processor; {seconds:g} s are allowed"


def check_message(text: str, longest: int = 2000) -> None:
    """The text of an error can be sent to a person: it is no novel, and can be encoded."""
    assert 0 < len(text) <= longest, f"{len(text)} characters"
    text.encode()


def check_line(text: str, longest: int) -> None:
    """*text* is a line that may be shown on a terminal."""
    assert len(text) <= longest, f"{len(text)} characters"
    assert text == "" or text.isprintable(), repr(text)
