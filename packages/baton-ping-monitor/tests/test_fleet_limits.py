"""Where the lines are drawn."""

from __future__ import annotations

import pytest

from baton_ping_monitor.fleet.limits import Limits


@pytest.mark.parametrize(
    ("every", "patience", "quiet"),
    [(0.1, 2.0, 60.0), (5.0, 4.5, 60.0), (60.0, 10.0, 300.0), (None, 10.0, 60.0)],
)
def test_they_follow_the_pings(every: float | None, patience: float, quiet: float) -> None:
    limits = Limits.of(every, silent=5)
    assert (limits.patience, limits.quiet, limits.silent) == (patience, quiet, 5)
