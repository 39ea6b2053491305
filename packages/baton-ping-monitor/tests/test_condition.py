"""How a server is, in a word."""

from __future__ import annotations

from baton_ping_monitor.fleet.view import ServerView, State
from baton_ping_monitor.terminal.condition import (
    STYLES,
    Condition,
    condition,
    counts,
    in_order,
    shape,
)


def server(state: State, fqdn: str = "web01", *, is_failing: bool = False) -> ServerView:
    return ServerView(fqdn, "production", (), state, is_failing=is_failing)


def test_one_that_answers_with_errors_is_failing_unless_it_is_worse() -> None:
    assert condition(server(State.UP)) is Condition.UP
    assert condition(server(State.UP, is_failing=True)) is Condition.FAILING
    assert condition(server(State.MISSING, is_failing=True)) is Condition.MISSING
    assert condition(server(State.MAINTENANCE, is_failing=True)) is Condition.MAINTENANCE


def test_every_state_is_told_by_word_shape_and_colour() -> None:
    assert {condition(server(state)) for state in State} == set(Condition) - {Condition.FAILING}
    for plain in (True, False):
        assert len({shape(each, plain=plain) for each in Condition}) == len(Condition)
    assert set(STYLES) == set(Condition)


def test_trouble_comes_first() -> None:
    servers = [
        server(State.QUIET, "quiet"),
        server(State.UP, "up"),
        server(State.UP, "failing", is_failing=True),
        server(State.MISSING, "missing"),
    ]
    assert [each.fqdn for each in in_order(servers)] == ["missing", "failing", "quiet", "up"]
    assert list(counts(servers)) == [
        Condition.MISSING,
        Condition.FAILING,
        Condition.QUIET,
        Condition.UP,
    ]
