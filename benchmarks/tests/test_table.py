from __future__ import annotations

import pytest

from bench.results import Results
from bench.subjects import BATON, FASTSTREAM, RUBY_AMQP
from bench.table import markdown, text


@pytest.fixture
def results() -> Results:
    found = Results.begin(5, False)
    for rate in (9000.4, 12000.0, 15000.0):
        found.add("rate_least", BATON, rate)
    found.add("rate_least", FASTSTREAM, 3000)
    found.add("cpu_least", FASTSTREAM, 372.25)
    found.missing["nameko"] = "the package nameko is not installed"
    return found


def test_a_goal_tells_whether_it_is_met(results: Results) -> None:
    lines = markdown(results).splitlines()
    assert "| Throughput, at least once, beside FastStream | ≥ 6 × | 4 × | **not met** |" in lines
    assert "| Round trip, p50, beside C | ≤ 1.4 × | not measured |  |" in lines


def test_each_peer_has_a_line_the_quickest_first(results: Results) -> None:
    found = [line for line in markdown(results).splitlines() if line.count("|") == 9]
    assert found[2:] == [
        "| Baton | 12,000 | 9,000 – 15,000 | – | – | – | – | – |",
        "| FastStream | 3,000 | 3,000 – 3,000 | – | 372.2 | – | – | – |",
    ]


def test_a_peer_without_at_least_once_comes_last(results: Results) -> None:
    results.add("rate_once", FASTSTREAM, 4000)
    results.add("rate_once", RUBY_AMQP, 30_000)
    results.add("memory_load", RUBY_AMQP, 30)
    found = [line for line in markdown(results).splitlines() if line.count("|") == 9]
    assert found[3:] == [
        "| FastStream | 3,000 | 3,000 – 3,000 | 4,000 | 372.2 | – | – | – |",
        "| Ruby on amqp, as the original | – | – | 30,000 | – | – | – | 30.0 |",
    ]


def test_what_is_missing_is_said(results: Results) -> None:
    reason = "nameko (the package nameko is not installed)"
    assert f"Not measured there: {reason}." in markdown(results)
    assert "missing: nameko: the package nameko is not installed" in text(results)


def test_a_terminal_sees_ratio_and_spread(results: Results) -> None:
    lines = text(results).splitlines()
    assert "  FastStream                          3,000      4.00 ×   3,000 – 3,000" in lines
    assert "  Baton                              12,000      1.00 ×   9,000 – 15,000" in lines
    assert "  ✘ Throughput, at least once, beside FastStream: 4 × (wanted: ≥ 6 ×)" in lines
