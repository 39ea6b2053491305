"""A process that is signalled, and never another one that has its number by then."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress


class Process:
    """The process *number*. Raises ProcessLookupError if there is none.

    Where the system has descriptors of processes it stays this one; elsewhere it is whoever has
    the number.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._descriptor: int | None = None
        try:
            self._descriptor = os.pidfd_open(number)
        except ProcessLookupError:
            raise
        except (AttributeError, OSError):
            pass  # this system has none

    @property
    def runs(self) -> bool:
        """Whether it goes on; false, too, if the system does not tell."""
        return self._descriptor is not None and not select.select([self._descriptor], [], [], 0)[0]

    def signal(self, what: signal.Signals) -> None:
        """Send it a signal. Raises PermissionError if it is not ours; it may have ended."""
        with suppress(ProcessLookupError):
            if self._descriptor is None:
                os.kill(self._number, what)
            else:
                signal.pidfd_send_signal(self._descriptor, what)

    def close(self) -> None:
        """Forget it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
