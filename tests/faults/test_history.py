"""The history: written by several processes, read as one."""

import time
from pathlib import Path

from faults.history import Event, History, Kind, read


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with History(tmp_path / "a.jsonl") as history:
        before = time.monotonic()
        event = history.add(Kind.SEEN, id="1", server="web01", output="o", seq=2, detail="x")
    assert before <= event.at <= time.monotonic()
    assert list(read(tmp_path / "a.jsonl")) == list(history) == [event]


def test_histories_are_merged_in_the_order_of_time(tmp_path: Path) -> None:
    with History(tmp_path / "a.jsonl") as one, History(tmp_path / "b.jsonl") as other:
        started = other.add(Kind.STARTED, id="1")
        sent = one.add(Kind.SENT, id="1")
        one.merge(tmp_path / "b.jsonl")
    assert one.of(Kind.STARTED, Kind.SENT) == [started, sent]
    assert list(read(tmp_path / "a.jsonl")) == [sent, started]


def test_a_line_that_a_killed_process_left_half_done(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with History(path) as history:
        event = history.add(Kind.SENT, id="1")
    with path.open("a") as file:
        file.write('{"at": 1.5, "ki')
    assert list(read(path)) == [event]


def test_in_memory_alone() -> None:
    history = History(events=[Event(1.0, Kind.SENT, "1")])
    history.close()
    history.add(Kind.CONFIRMED, id="1")
    assert [event.kind for event in history] == [Kind.SENT, Kind.CONFIRMED]
