from __future__ import annotations

from bench.guard import compare
from bench.results import Results
from bench.subjects import BATON, C_CLIENT, FASTSTREAM, RUBY_AMQP


def results(rate: float, trip: float, memory: float = 40) -> Results:
    found = Results.begin(1, True)
    found.add("rate_least", BATON, rate)
    found.add("rate_least", FASTSTREAM, 100)
    found.add("p50_least", BATON, trip)
    found.add("p50_least", C_CLIENT, 100)
    found.add("memory_rest", BATON, memory)
    return found


def test_the_same_is_no_regression() -> None:
    verdict = compare(results(600, 140), results(600, 140))
    assert (verdict.compared, verdict.regressions) == (2, ())


def test_what_got_better_is_no_regression() -> None:
    assert compare(results(2000, 50), results(600, 140)).regressions == ()


def test_what_got_worse_is_named_with_both_ratios() -> None:
    verdict = compare(results(400, 140), results(600, 140))
    assert [str(each) for each in verdict.regressions] == [
        (
            "Throughput, at least once, beside FastStream: 4 ×, in the baseline 6 ×;"
            " 25% worse is tolerated"
        )
    ]


def test_a_longer_time_is_worse() -> None:
    found = compare(results(600, 200), results(600, 140)).regressions
    assert [each.goal.text for each in found] == ["Round trip, p50, beside C"]


def test_a_slower_machine_is_no_regression() -> None:
    slow = results(600, 140)
    for subjects in slow.samples.values():
        for samples in subjects.values():
            samples[:] = [each / 3 for each in samples]
    assert compare(slow, results(600, 140)).regressions == ()


def test_absolute_figures_are_not_compared() -> None:
    assert compare(results(600, 140, memory=400), results(600, 140)).regressions == ()


def test_a_peer_that_the_baseline_does_not_know_is_not_compared() -> None:
    now = results(600, 140)
    now.add("rate_once", RUBY_AMQP, 100_000)
    verdict = compare(now, results(600, 140))
    assert (verdict.compared, verdict.regressions) == (2, ())


def test_what_only_one_has_is_not_compared() -> None:
    nothing = Results.begin(1, True)
    assert compare(nothing, results(600, 140)).compared == 0
    assert compare(results(600, 140), nothing).compared == 0
