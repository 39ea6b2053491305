"""The tally, reply by reply."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from baton import Message
from baton.fleet import Duplicate, Failure, Reply
from baton.fleet import tally as tally_module
from baton.fleet.tally import Tally

DONE = {"outcome": "done"}


def say(
    tally: Tally,
    fqdn: str,
    *,
    instance: str = "",
    end: dict[str, Any] | None = DONE,
    elapsed: float = 0.01,
    original: bool = False,
    **body: Any,
) -> None:
    message = Message({"type": "pong", **({"fqdn": fqdn} if fqdn else {}), **body})
    reply = Reply(message, elapsed, instance or f"i-{fqdn}", end, original)
    tally.add(reply, [key for key in (fqdn, body.get("environment", "")) if key])


@pytest.fixture
def tally() -> Tally:
    return Tally()


def test_a_server_that_says_much_is_counted_once(tally: Tally) -> None:
    tally.waiting = {"a", "b"}
    for number in range(5):
        say(tally, "a", end=None, elapsed=0.01 * (number + 1))
        assert tally.waiting == {"a", "b"}
        assert tally.is_busy({"a"})
        assert not tally.is_busy({"b"})
    say(tally, "a")
    assert tally.waiting == {"b"}
    assert (tally.answered, tally.replies) == (1, 6)
    assert not tally.is_busy({"a"})
    latency = tally.latency()
    assert latency is not None
    assert (latency.count, latency.maximum) == (1, 0.01)


def test_an_end_alone_is_no_output(tally: Tally) -> None:
    say(tally, "a", type="end")
    assert (tally.answered, tally.replies) == (1, 0)


def test_two_instances_of_one_name_are_a_duplicate_that_is_counted_once(tally: Tally) -> None:
    for instance in ("1", "2", "2", "3"):
        say(tally, "a", instance=instance)
    say(tally, "b")
    assert tally.answered == 2
    assert tally.duplicates() == (Duplicate("a", 3),)


def test_a_name_that_is_learned_later_counts_for_what_came_before(tally: Tally) -> None:
    say(tally, "", instance="1", end=None)
    assert tally.is_busy(set())
    say(tally, "", instance="1")
    assert (tally.answered, tally.finished) == (1, set())
    say(tally, "a", instance="1", end=None)
    assert (tally.answered, tally.finished) == (1, {"a"})
    say(tally, "", instance="1")
    assert (tally.answered, tally.finished) == (1, {"a"})


def test_those_without_a_name_are_counted_by_instance(tally: Tally) -> None:
    for instance in ("1", "2", "2"):
        say(tally, "", instance=instance)
    assert tally.answered == 2
    assert tally.duplicates() == ()


def test_a_failure_is_told_once_with_its_reason(tally: Tally) -> None:
    say(tally, "a", end=None, type="error", error_class="Oops", error_message="x" * 999)
    say(tally, "a", end={"outcome": "failed"}, type="end")
    say(tally, "a", instance="second", end={"outcome": "failed"}, type="end")
    say(tally, "b", end={"outcome": "expired"}, type="end")
    say(tally, "", instance="1", end={"outcome": "odd"})
    say(tally, "c")
    assert tally.failures() == (
        Failure("a", "failed", "Oops", "x" * 199 + "…"),
        Failure("b", "expired"),
        Failure("", "failed"),
    )
    assert tally.failed_names() == {"a", "b", "1"}


def test_what_an_error_says_is_made_fit_to_be_shown(tally: Tally) -> None:
    say(tally, "a", type="error", error_class=["\x1b[2J"], error_message="a\nb")
    (failure,) = tally.failures()
    assert failure.error_class.isprintable()
    assert failure.error_message == "a�b"


def test_an_original_is_not_waited_for(tally: Tally) -> None:
    tally.waiting = {"ruby"}
    say(tally, "ruby", original=True, end=None)
    say(tally, "", original=True, end=None)
    assert tally.waiting == set()
    assert tally.originals == {"ruby"}
    assert tally.has_finished("ruby")
    assert tally.answered == 0
    assert not tally.is_busy({"ruby"})


def test_targets_are_silent_until_somebody_there_says_something(tally: Tally) -> None:
    tally.ask(["production", "staging", "web01", "nowhere"])
    tally.give_up(["nowhere"])
    say(tally, "web02", environment="production", end=None)
    assert list(tally.silent) == ["staging", "web01"]
    say(tally, "web01")
    assert list(tally.silent) == ["staging"]


def test_of_who_does_not_say_where_it_is_nobody_knows_which_target_it_is(tally: Tally) -> None:
    tally.ask(["production", "staging"])
    say(tally, "web01")
    assert tally.silent == ()


def test_of_who_listens_on_a_key_of_its_own_nobody_knows_which_target_it_is(tally: Tally) -> None:
    tally.ask(["restart.web01"])
    say(tally, "web01", environment="production")
    assert tally.silent == ()


def test_a_ruby_server_may_answer_somebody_else(tally: Tally) -> None:
    tally.ask(["staging"])
    say(tally, "ruby", environment="production", original=True, end=None)
    assert list(tally.silent) == ["staging"]


def test_targets_that_are_servers_can_all_have_finished(tally: Tally) -> None:
    tally.ask(["a", "b", "nowhere"])
    say(tally, "a")
    say(tally, "b", end=None)
    tally.give_up(["nowhere"])
    states = [tally.targets_finished]
    say(tally, "b")
    states.append(tally.targets_finished)
    tally.ask(["production"])
    states.append(tally.targets_finished)
    assert states == [False, True, False]


def test_ten_thousand_servers_take_little_memory(tally: Tally) -> None:
    tracemalloc.start()
    try:
        for number in range(10_000):
            say(tally, f"web{number:05}.example.org", instance=f"{number:032x}")
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tally.answered == 10_000
    assert size < 6 * 1024 * 1024


def test_what_a_server_says_after_its_end_does_not_begin_it_again(tally: Tally) -> None:
    tally.ask(["a"])
    say(tally, "a")
    say(tally, "a", end=None)
    assert not tally.is_busy({"a"})
    assert tally.targets_finished
    assert tally.replies == 2


def test_a_service_is_on_one_server(tally: Tally) -> None:
    for number in range(100):
        say(tally, f"a{number}", instance="1")
    assert tally.finished == {"a0"}
    assert tally.answered == 1
    assert tally.duplicates() == ()


def test_who_makes_up_services_without_end_fills_no_memory(
    tally: Tally, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that are waited for are counted all the same."""
    monkeypatch.setattr(tally_module, "MOST_INSTANCES", 10)
    tally.waiting = {"a", "ruby"}
    for number in range(50):
        say(tally, f"x{number}", error_class="E", type="error")
        say(tally, "", instance=f"n{number}")
        say(tally, "a", instance=f"a{number}", end=None)
        say(tally, f"r{number}", instance=f"original r{number}", end=None, original=True)
    assert len(tally.names()) + len(tally.finished) + len(tally.originals) <= 30
    assert len(tally.failures()) <= 10
    assert tally.replies == 200
    say(tally, "a", instance="another")
    say(tally, "ruby", instance="original ruby", end=None, original=True)
    assert tally.waiting == set()
    assert tally.has_finished("a")
    assert tally.has_finished("ruby")
    latency = tally.latency()
    assert latency is not None
    assert latency.count <= 12
    assert caplog.text.count("not all are counted") == 1


def test_the_reasons_of_so_many_failures_are_kept(
    tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally_module, "_MOST_REASONS", 2)
    for name in "abc":
        say(tally, name, end={"outcome": "failed"}, type="error", error_class="E")
    assert [each.error_class for each in tally.failures()] == ["E", "E", ""]


def test_a_server_of_both_kinds_has_answered_once(tally: Tally) -> None:
    for name, original in [("a", True), ("a", False), ("b", False), ("b", True), ("c", True)]:
        for _ in range(2):
            instance = f"{name}{original}"
            say(tally, name, instance=instance, end=None if original else DONE, original=original)
    say(tally, "", instance="nameless")
    assert (tally.answered, tally.answered_at_all) == (3, 4)
    assert tally.answered_at_all == 1 + len(tally.finished | tally.originals)
