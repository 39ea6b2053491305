"""Times as they are written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from baton.times import from_iso, to_iso


def test_a_time_is_written_and_read() -> None:
    assert from_iso(to_iso(1750000000.123)) == pytest.approx(1750000000.123, abs=0.001)
    assert from_iso("2025-06-15T17:06:40+02:00") == 1750000000.0
    assert to_iso(from_iso("9999-12-31T23:59:59Z")) == "9999-12-31T23:59:59.000Z"


@pytest.mark.parametrize("seconds", [0.0, -0.25, -1.0005, 1750000000.9999999, 253402300799.5])
def test_it_is_written_as_the_library_does(seconds: float) -> None:
    library = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    assert to_iso(seconds) == library.removesuffix("+00:00") + "Z"


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e20])
def test_what_is_no_time(seconds: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        to_iso(seconds)


def test_a_time_that_could_not_be_written_again_is_none() -> None:
    with pytest.raises(ValueError, match="is no time like"):
        from_iso("9999-12-31T23:59:59.999999Z")
