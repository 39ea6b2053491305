"""The geometry of charts."""

from __future__ import annotations

import math
import re

import pytest

from baton_ping_monitor.fleet.view import State
from baton_ping_monitor.store.records import Point, Transition
from baton_ping_monitor.web.charts.band import state_band
from baton_ping_monitor.web.charts.bar import stacked
from baton_ping_monitor.web.charts.histogram import histogram
from baton_ping_monitor.web.charts.latency import latency_chart
from baton_ping_monitor.web.charts.scale import Scale, ceiling, time_ticks
from baton_ping_monitor.web.charts.sparkline import HEIGHT, WIDTH, sparkline

DAY = 86_400
MIDNIGHT = 20_000 * DAY


def numbers(path: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", path)]


class TestScale:
    @pytest.mark.parametrize("value", [1e-5, 0.0003, 0.0037, 0.01, 0.099, 1.0, 7.3, 42.0, 9_999.0])
    def test_a_ceiling_has_room_and_few_round_ticks(self, value: float) -> None:
        top, step = ceiling(value)
        assert value <= top * 1.0001
        assert top < value * 2.1
        assert 2 <= round(top / step) <= 6
        assert f"{step:e}"[0] in "125"

    @pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
    def test_nothing_has_a_ceiling_too(self, value: float) -> None:
        assert ceiling(value) == (1.0, 0.5)

    @pytest.mark.parametrize(
        ("width", "labels"),
        [
            (300, ["00:12", "00:13", "00:14", "00:15", "00:16"]),
            (3600, ["23:30", "23:45", "4 Oct", "00:15"]),
            (DAY, ["06:00", "12:00", "18:00", "4 Oct"]),
            (3 * DAY, ["12:00", "2 Oct", "12:00", "3 Oct", "12:00", "4 Oct"]),
            (7 * DAY, ["28 Sep", "29 Sep", "30 Sep", "1 Oct", "2 Oct", "3 Oct", "4 Oct"]),
            (90 * DAY, ["8 Jul", "22 Jul", "5 Aug", "19 Aug", "2 Sep", "16 Sep", "30 Sep"]),
        ],
    )
    def test_times_are_round(self, width: int, labels: list[str]) -> None:
        end = MIDNIGHT + 1000
        ticks = list(time_ticks(end - width, end))
        assert [tick.label for tick in ticks] == labels
        assert [0 <= tick.place <= 1 for tick in ticks] == [True] * len(labels)

    def test_weeks_begin_on_the_same_days_whenever_one_looks(self) -> None:
        first, later = (
            {tick.label for tick in time_ticks(end - 90 * DAY, end)}
            for end in (MIDNIGHT, MIDNIGHT + 7 * DAY)
        )
        assert len(first & later) >= 5

    def test_no_time_has_no_ticks(self) -> None:
        assert list(time_ticks(5, 5)) == []
        assert list(time_ticks(0, 1e12)) == []
        assert Scale(5, 5)(5) == 0.0


class TestSparkline:
    def test_the_latest_is_at_the_right_edge(self) -> None:
        drawn = sparkline([0.001, 0.002])
        assert drawn.line.startswith("M85.5 ")
        assert numbers(drawn.line)[-2] == 88.5
        assert drawn.missed == ""

    def test_it_stays_in_its_box(self) -> None:
        drawn = sparkline([0.001 * n for n in range(100)])
        places = numbers(drawn.line.replace("h0", ""))
        assert all(0 <= x <= WIDTH for x in places[::2])
        assert all(0 <= y <= HEIGHT for y in places[1::2])
        assert drawn.line.count("L") == 29

    def test_a_ping_that_passed_is_a_gap_and_a_tick(self) -> None:
        drawn = sparkline([0.001, 0.001, None, 0.001])
        assert drawn.line.count("M") == 2
        assert drawn.missed == "M85.5 15v5"

    def test_nothing_is_nothing(self) -> None:
        assert (sparkline([]).line, sparkline([]).missed) == ("", "")
        assert sparkline([None] * 3).line == ""
        assert sparkline([0.0]).line == "M88.5 17.5h0"


class TestBar:
    def test_parts_fill_it(self) -> None:
        parts = stacked({State.UP: 90, State.MISSING: 10, State.RETIRED: 50})
        assert [(part.state, part.left, part.width) for part in parts] == [
            (State.UP, 0.0, 90.0),
            (State.MISSING, 90.0, 10.0),
        ]

    def test_one_of_many_is_seen(self) -> None:
        parts = stacked({State.UP: 9_999, State.MISSING: 1})
        assert parts[1].width > 1.4
        assert sum(part.width for part in parts) == pytest.approx(100)

    def test_nobody(self) -> None:
        assert stacked({}) == ()
        assert stacked({State.UP: 0, State.RETIRED: 3}) == ()


def point(at: float, mean: float | None = 0.004, width: float = 0, missed: int = 0) -> Point:
    high = None if mean is None else mean * 2
    return Point(at, width, 1, missed, 0, mean and mean / 2, mean, high)


class TestLatency:
    def test_a_line_in_a_band(self) -> None:
        chart = latency_chart([point(0), point(50), point(100)], 0, 100)
        assert chart.line == "M0.0 90.0L500.0 90.0L1000.0 90.0"
        assert chart.range.startswith("M0.0 0.0L")
        assert chart.range.endswith("Z")
        assert [tick.label for tick in chart.latencies] == [
            "2.0 ms",
            "4.0 ms",
            "6.0 ms",
            "8.0 ms",
        ]

    def test_silence_breaks_the_line_and_is_marked(self) -> None:
        points = [point(n * 10) for n in range(10)]
        points += [point(100 + n * 10, None, 10, missed=1) for n in range(5)]
        points += [point(150 + n * 10) for n in range(10)]
        chart = latency_chart(points, 0, 250)
        assert chart.line.count("M") == 2
        assert [mark.place for mark in chart.missed] == pytest.approx([0.4, 0.44, 0.48, 0.52, 0.56])
        assert chart.missed[0].width == pytest.approx(0.04)

    def test_what_is_outside_is_left_out(self) -> None:
        chart = latency_chart([point(-5), point(5), point(500)], 0, 100)
        assert chart.line == "M50.0 90.0h0"
        assert chart.range == ""

    def test_nothing(self) -> None:
        chart = latency_chart([], 0, 3600)
        assert (chart.line, chart.range, chart.latencies) == ("", "", ())
        assert len(chart.times) > 3


class TestBand:
    def test_from_change_to_change(self) -> None:
        band = state_band(
            [Transition(75, "x", "missing", "up"), Transition(50, "x", "up", "missing")],
            "up",
            0,
            100,
        )
        assert [(it.state, it.left, it.width) for it in band] == [
            ("up", 0.0, 0.5),
            ("missing", 0.5, 0.25),
            ("up", 0.75, 0.25),
        ]

    def test_without_a_change_it_is_as_it_is(self) -> None:
        assert [(it.state, it.width) for it in state_band([], "late", 0, 100)] == [("late", 1.0)]

    def test_what_was_before_it_was_known(self) -> None:
        changes = [Transition(50, "x", "never seen", "up")]
        band = state_band(changes, "up", 0, 100, known_since=50)
        assert [(it.state, it.left, it.width) for it in band] == [("", 0.0, 0.5), ("up", 0.5, 0.5)]
        assert [it.state for it in state_band(changes, "up", 0, 100, known_since=-9)] == [
            "never seen",
            "up",
        ]

    def test_a_change_before_its_beginning(self) -> None:
        band = state_band([Transition(-5, "x", "up", "late")], "late", 0, 100)
        assert [it.state for it in band] == ["late"]


class TestHistogram:
    def test_each_is_counted_once(self) -> None:
        columns = histogram([0.0011, 0.0015, 0.004, 0.02])
        assert sum(column.count for column in columns) == 4
        assert [column.label for column in columns] == [
            "1.5 ms",
            "2.0 ms",
            "3.0 ms",
            "5.0 ms",
            "7.0 ms",
            "10 ms",
            "15 ms",
            "20 ms",
        ]
        assert columns[0].count == 2
        assert columns[0].height == 1.0
        assert columns[-1].left + columns[-1].width == pytest.approx(1)

    def test_widely_spread(self) -> None:
        columns = histogram([1e-6, 1e-3, 100.0])
        assert len(columns) <= 24
        assert sum(column.count for column in columns) == 3
        assert columns[-1].bound >= 100

    @pytest.mark.parametrize("times", [[], [0.0], [math.inf, math.nan, -1.0]])
    def test_nothing(self, times: list[float]) -> None:
        assert histogram(times) == []
