"""What one call waits for, and what becomes of it."""

from __future__ import annotations

from baton.errors import PublishTimeout, Unroutable
from baton.message import Envelope
from baton.transports import Publication
from baton.transports.pending import Batch


def batch(count: int) -> Batch:
    return Batch([Publication(0, "in", str(at), b"", Envelope()) for at in range(count)], 1.0)


def test_is_done_with_the_last_outcome() -> None:
    two = batch(2)
    finished: list[Batch] = []
    two.finished = finished.append
    error = ValueError()

    seen = [(two.is_settled, two.done.is_set())]
    for outcome, pending in ((error, two.pending[1]), (None, two.pending[0])):
        pending.settle(outcome)
        seen.append((two.is_settled, two.done.is_set()))

    assert seen == [(False, False), (False, False), (True, True)]
    assert finished == [two]
    assert two.outcomes == [None, error]


def test_the_first_outcome_stands() -> None:
    one = batch(1)
    error = ValueError()
    one.pending[0].settle(error)
    one.pending[0].settle(None)
    one.pending[0].refuse(KeyError())
    assert one.outcomes == [error]


def test_a_refusal_is_an_outcome() -> None:
    one = batch(1)
    error = Unroutable(["0"], "in")
    one.pending[0].refuse(error)
    assert one.outcomes == [error]


def test_a_refusal_says_nothing_of_what_may_have_been_taken_before() -> None:
    one = batch(1)
    one.pending[0].doubtful = True
    one.pending[0].refuse(Unroutable(["0"], "in"))
    (outcome,) = one.outcomes
    assert isinstance(outcome, PublishTimeout)
    assert str(outcome).endswith('not taken: No server listens on "0" (exchange in)')


def test_nothing_is_settled_from_the_start() -> None:
    assert batch(0).is_settled
