from __future__ import annotations

import pytest

from bench.figures import FIGURES
from bench.goals import GOALS, SUBJECTS_OF_GOALS, Goal
from bench.plan import Plan
from bench.results import Results
from bench.start_up import EMPTY, HELP
from bench.subjects import BATON, PIKA_BLOCKING, PIKA_SELECT, RUBY_AMQP, SUBJECTS


def goal(start: str) -> Goal:
    return next(each for each in GOALS if each.text.startswith(start))


def test_a_goal_that_was_not_measured_has_no_value() -> None:
    assert [each.value(Results.begin(1, True)) for each in GOALS] == [None] * len(GOALS)


def test_the_better_one_of_pikas_connections_counts() -> None:
    results = Results.begin(1, True)
    results.add("rate_least", BATON, 300)
    results.add("rate_least", PIKA_BLOCKING, 100)
    assert goal("… beside the better one").value(results) == 3
    results.add("rate_least", PIKA_SELECT, 200)
    assert goal("… beside the better one").value(results) == 1.5


def test_at_least_once_stands_beside_at_most_once_in_ruby() -> None:
    results = Results.begin(1, True)
    results.add("rate_least", BATON, 660)
    results.add("rate_once", RUBY_AMQP, 330)
    assert goal("Baton's at least once beside at most once in Ruby").value(results) == 2


@pytest.mark.parametrize(("at_least", "met", "missed"), [(True, 2.0, 1.99), (False, 2.0, 2.01)])
def test_a_goal_is_met_on_its_own_side(at_least: bool, met: float, missed: float) -> None:
    tried = Goal("", 2, at_least, lambda _: None)
    assert tried.is_met(met)
    assert not tried.is_met(missed)


@pytest.mark.parametrize(("at_least", "same", "worse"), [(True, 7.5, 7.4), (False, 12.5, 12.6)])
def test_worse_is_beyond_the_tolerance(at_least: bool, same: float, worse: float) -> None:
    tried = Goal("", 2, at_least, lambda _: None, tolerance=0.25)
    assert not tried.is_worse(same, 10)
    assert tried.is_worse(worse, 10)


def test_what_is_wanted_has_its_unit() -> None:
    assert goal("Throughput").wanted == "≥ 6 ×"
    assert goal("A service's memory").wanted == "≤ 50 MiB"


def test_the_guard_measures_whatever_a_goal_needs() -> None:
    plan = Plan.quick(only=SUBJECTS_OF_GOALS)
    assert plan.wants(HELP)  # and so the part that starts commands has all of them
    results = Results.begin(1, True)
    for subject in (*(each.name for each in SUBJECTS if plan.wants(each.name)), EMPTY, HELP):
        for figure in FIGURES:
            results.add(figure, subject, 1)
    assert [each.text for each in GOALS if each.value(results) is None] == []
