from __future__ import annotations

import sys

import pytest

from bench.plan import Plan
from bench.process import Process
from bench.results import Results
from bench.serving import Line, load_of, measure, percentile
from bench.subjects import LEAST, ONCE, Subject


@pytest.mark.parametrize(
    ("rate", "count"), [(5000, 5000), (100, 1000), (90_000, 30_000), (1234.5, 1234)]
)
def test_a_load_takes_about_as_long_whatever_the_rate(rate: float, count: int) -> None:
    assert load_of(rate, Plan(load=1, warm_up=1000, most=30_000)) == count


def test_percentiles_lie_within_what_was_seen() -> None:
    values = [float(each) for each in range(1, 102)]
    assert (percentile(values, 50), percentile(values, 99)) == (51, 100)
    assert percentile([3.0], 99) == 3


class Answered(Line):
    """As if all were answered at once."""

    def __init__(self) -> None:
        pass

    def load(self, dialect: str, count: int, padding: int = 0) -> float:
        return count / 1000

    def trips(self, dialect: str, count: int, answers: int = 1) -> list[float]:
        return [0.001] * count


@pytest.mark.parametrize(
    ("guarantees", "guarantee", "measured"),
    [
        ((ONCE, LEAST), LEAST, True),
        ((ONCE, LEAST), ONCE, False),
        ((ONCE,), ONCE, True),
    ],
)
def test_memory_is_measured_with_the_strictest_guarantee(
    guarantees: tuple[str, ...], guarantee: str, measured: bool
) -> None:
    results = Results.begin(1, True)
    subject = Subject("peer", guarantees=guarantees)
    code = "import time; print('is ready', flush=True); time.sleep(60)"
    with Process([sys.executable, "-c", code], "is ready") as process:
        measure(Answered(), subject, guarantee, process, Plan.quick(), results)
    assert results.median(f"rate_{guarantee}", "peer") == pytest.approx(1000)
    assert ("memory_rest" in results.samples) is measured
    assert ("memory_load" in results.samples) is measured
