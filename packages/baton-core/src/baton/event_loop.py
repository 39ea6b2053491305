"""Which event loop a process runs on: Python's own, or uvloop where EVENT_LOOP says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from baton.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio

ASYNCIO: Final = "asyncio"
UVLOOP: Final = "uvloop"


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes an event loop of the kind *name*; None, which means asyncio's own, for any but
    ``uvloop``.

    Raises ConfigurationError if that cannot be imported.
    """
    if name != UVLOOP:
        return None
    try:
        import uvloop  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"EVENT_LOOP: uvloop cannot be imported ({error}): "
            "pip install 'baton-core[uvloop]', or set EVENT_LOOP to asyncio"
        ) from None
    return uvloop.new_event_loop
