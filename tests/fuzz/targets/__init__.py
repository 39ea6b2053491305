"""The targets: each a module with a function ``check(data)``, which raises if its oracle does not
hold. None of them needs a fuzzer."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

TARGETS: Final = (
    "configuration",
    "environment",
    "expected",
    "facts",
    "http",
    "message",
    "output",
    "properties",
    "reply",
    "run",
    "stream",
    "url",
    "where",
)
"""Their names, in order."""


def load(name: str) -> Callable[[bytes], None]:
    """The function of the target *name*."""
    check: Callable[[bytes], None] = import_module(f"fuzz.targets.{name}").check
    return check
