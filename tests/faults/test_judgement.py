"""What is made of a soak."""

from __future__ import annotations

import pytest

from faults.judgement import BOUNDS, Fault, Ping, Record, Sample, judge
from faults.soak import report

pytestmark = pytest.mark.quick


@pytest.fixture
def good() -> Record:
    """A soak of 100 s in which all went well: one fault, which lasted from 50 to 55 s, and all
    answered again at 57 s."""
    run = Record(servers=3, seconds=100, warm_up=20, seed=7)
    run.code = 0
    run.faults = [Fault("line cut", 50, 55, 57)]
    for second in range(100):
        wrong = 50 <= second < 57
        run.pings.append(Ping(second, second + 0.1, 0 if wrong else 3))
        run.samples.append(Sample(second, not wrong, dict.fromkeys(BOUNDS, 40.0)))
    return run


def test_a_good_one(good: Record) -> None:
    judgement = judge(good)
    assert judgement.complaints == []
    text = report(good, judgement, "soak-7")
    assert "**Good.**" in text
    assert "| line cut | 1 | 2.0 / 2.0 |" in text
    assert "| threads | 40.0 | 40.0 | +0.0 | 2.0 |" in text


def test_what_grows(good: Record) -> None:
    good.samples = [
        Sample(each.at, each.quiet, each.values | {"file descriptors": 40 + each.at / 10})
        for each in good.samples
    ]
    (complaint,) = judge(good).complaints
    assert complaint.startswith("it grows: file descriptors: 42.0 to 49.9")


def test_what_is_high_during_a_fault_alone_does_not_grow(good: Record) -> None:
    good.samples = [
        each if each.quiet else Sample(each.at, False, dict.fromkeys(BOUNDS, 4000.0))
        for each in good.samples
    ]
    assert judge(good).complaints == []


def test_a_ping_that_no_fault_explains(good: Record) -> None:
    good.pings[70] = Ping(70, 75, 2)
    assert judge(good).complaints == ["a ping at 70 s: 2 of 3 answered, and no fault"]
    assert "but for 1." in report(good, judge(good), "soak-7")


def test_a_ping_before_the_fleet_is_there_is_explained(good: Record) -> None:
    good.pings[0] = Ping(0, 5, 0)
    assert judge(good).complaints == []


def test_a_fleet_that_does_not_come_back(good: Record) -> None:
    good.faults[0].recovered = None
    assert judge(good).complaints == ["line cut at 50 s: not all answered within 60 s"]
    assert "| line cut | 1 | never |" in report(good, judge(good), "soak-7")


def test_a_process_that_ended_badly_and_no_fault(good: Record) -> None:
    good.code = -11
    good.faults = []
    for number in range(50, 57):
        good.pings[number] = Ping(number, number + 0.1, 3)
    assert judge(good).complaints == [
        "there was no fault at all",
        "the fleet's process ended with -11",
    ]


def test_nothing_was_measured(good: Record) -> None:
    good.samples = []
    assert len(judge(good).complaints) == len(BOUNDS)
