"""Times and numbers as people read them; the rest is in the docstrings."""

from __future__ import annotations

import pytest

from baton_ping_monitor.web import words


@pytest.mark.parametrize("at", [-1e18, 0.0, 1e18])
def test_times_beyond_any_calendar(at: float) -> None:
    assert words.moment(at).endswith(" UTC")
    assert words.iso(at).endswith("Z")


def test_a_factor_has_no_sign_of_which_way() -> None:
    assert words.factor(float("inf")) == "inf×"
    assert words.factor(0.0) == "0.0×"
