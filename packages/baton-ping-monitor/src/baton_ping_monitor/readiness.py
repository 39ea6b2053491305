"""Whether the dashboard does its work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from baton.link import Phase

if TYPE_CHECKING:
    from baton.monitor import Monitor
    from baton_ping_monitor.store.recorder import Recorder


class Readiness:
    """It does if each of *monitors* hears its extension, and *recorder* keeps what they hear."""

    def __init__(self, monitors: Sequence[Monitor], recorder: Recorder) -> None:
        self._monitors = monitors
        self._recorder = recorder

    @property
    def is_ready(self) -> bool:
        """Whether all of it is so."""
        return not self.reason

    @property
    def reason(self) -> str:
        """What is not so, for people; empty when it is ready."""
        for monitor in self._monitors:
            if monitor.state.phase is not Phase.READY:
                return f"{monitor.name} is {monitor.state}"
        return self.trouble

    @property
    def trouble(self) -> str:
        """Why the store cannot keep what is seen; empty when it can."""
        trouble = self._recorder.trouble
        return "" if trouble is None else f"What is heard cannot be kept: {trouble.reason}"
