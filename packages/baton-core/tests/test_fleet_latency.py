"""Percentiles and histograms."""

from __future__ import annotations

import random
from array import array
from itertools import pairwise

import pytest

from baton.fleet.latency import latency_of


def test_of_nothing_there_is_none() -> None:
    assert latency_of(array("d")) is None


def test_the_percentiles_are_times_that_were_met() -> None:
    times = [number / 1000 for number in range(1, 101)]
    random.Random(1).shuffle(times)
    latency = latency_of(array("d", times))
    assert latency is not None
    assert (latency.minimum, latency.p50, latency.p95, latency.p99, latency.maximum) == (
        0.001,
        0.05,
        0.095,
        0.099,
        0.1,
    )
    assert latency.average == pytest.approx(0.0505)


def test_of_one_time_all_are_the_same() -> None:
    latency = latency_of(array("d", [0.25]))
    assert latency is not None
    assert {latency.minimum, latency.average, latency.p50, latency.p99, latency.maximum} == {0.25}
    assert latency.histogram == ((0.5, 1),)


@pytest.mark.parametrize("times", [[0.001, 0.002, 0.3], [0.0, 1e-7, 5000.0], [0.01] * 7])
def test_the_histogram_covers_every_time_without_a_gap(times: list[float]) -> None:
    latency = latency_of(array("d", times))
    assert latency is not None
    bounds = [bound for bound, _ in latency.histogram]
    assert sum(count for _, count in latency.histogram) == len(times)
    assert latency.histogram[0][1] > 0
    assert latency.histogram[-1][1] > 0
    assert bounds[-1] >= max(times)
    assert all(1.9 < b / a < 2.6 for a, b in pairwise(bounds))


def test_a_time_on_a_bound_is_within_it() -> None:
    latency = latency_of(array("d", [0.001, 0.0010001, 0.005]))
    assert latency is not None
    assert latency.histogram == ((0.001, 1), (0.002, 1), (0.005, 1))
