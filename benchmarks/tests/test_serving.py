from __future__ import annotations

import pytest

from bench.plan import Plan
from bench.serving import load_of, percentile


@pytest.mark.parametrize(
    ("rate", "count"), [(5000, 5000), (100, 1000), (90_000, 30_000), (1234.5, 1234)]
)
def test_a_load_takes_about_as_long_whatever_the_rate(rate: float, count: int) -> None:
    assert load_of(rate, Plan(load=1, warm_up=1000, most=30_000)) == count


def test_percentiles_lie_within_what_was_seen() -> None:
    values = [float(each) for each in range(1, 102)]
    assert (percentile(values, 50), percentile(values, 99)) == (51, 100)
    assert percentile([3.0], 99) == 3
