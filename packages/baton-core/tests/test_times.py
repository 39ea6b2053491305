"""Times as they are written."""

from __future__ import annotations

import pytest

from baton.times import from_iso, to_iso


def test_a_time_is_written_and_read() -> None:
    assert from_iso(to_iso(1750000000.123)) == pytest.approx(1750000000.123, abs=0.001)
    assert from_iso("2025-06-15T17:06:40+02:00") == 1750000000.0
    assert to_iso(from_iso("9999-12-31T23:59:59Z")) == "9999-12-31T23:59:59.000Z"


def test_a_time_that_could_not_be_written_again_is_none() -> None:
    with pytest.raises(ValueError, match="is no time like"):
        from_iso("9999-12-31T23:59:59.999999Z")
