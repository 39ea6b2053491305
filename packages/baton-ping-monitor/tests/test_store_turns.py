"""Turns are had in the order in which threads came."""

from __future__ import annotations

import threading

import pytest

from baton_ping_monitor.store.turns import Turns

PATIENCE = 10.0


def test_who_came_first_is_first_and_who_has_had_a_turn_is_last() -> None:
    turns = Turns()
    order: list[str] = []
    waiting = []
    for name in ("first", "second"):
        thread = threading.Thread(target=_have, args=(turns, order, name))
        waiting.append(thread)
    with turns.turn():
        for number, thread in enumerate(waiting, start=1):
            thread.start()
            while turns.waiting < number:
                thread.join(0.001)
    with turns.turn():
        order.append("again")
    for thread in waiting:
        thread.join(PATIENCE)
    assert order == ["first", "second", "again"]


def test_a_turn_ends_with_an_error() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.turn():
        _ = 1 / 0
    with turns.turn():
        assert turns.waiting == 0


def test_who_waits_for_idleness_is_let_go_in_time_and_harms_nobody() -> None:
    turns = Turns()
    assert turns.idle(0)
    with turns.turn():
        assert not turns.idle(0.01)
        assert turns.waiting == 0
    assert turns.idle(0)
    with turns.turn():
        thread = threading.Thread(target=turns.idle, args=(PATIENCE,))
        thread.start()
        while turns.waiting < 1:
            thread.join(0.001)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    with turns.turn():
        assert turns.waiting == 0


def _have(turns: Turns, order: list[str], name: str) -> None:
    with turns.turn():
        order.append(name)
