"""Which publication an answer of the broker means."""

from __future__ import annotations

import pytest

from baton.message import Envelope
from baton.transports import Publication
from baton.transports.amqp.confirms import Confirms


def publication(
    number: int, key: str = "a", id: str | None = None, *, mandatory: bool = False
) -> Publication:
    return Publication(number, "ex", key, b"{}", Envelope(message_id=id), mandatory)


@pytest.fixture
def confirms() -> Confirms:
    """Five are under way, whose numbers are 10 to 50."""
    confirms = Confirms()
    for number in range(10, 60, 10):
        confirms.sent(publication(number))
    return confirms


def test_one_by_one_in_any_order(confirms: Confirms) -> None:
    assert [confirms.settled(tag, False) for tag in (2, 1, 5)] == [[20], [10], [50]]
    assert len(confirms) == 2


def test_all_up_to_one_that_are_not_answered_yet(confirms: Confirms) -> None:
    confirms.settled(2, False)
    assert confirms.settled(3, True) == [10, 30]
    assert confirms.settled(3, True) == []
    confirms.sent(publication(60))
    assert confirms.settled(6, True) == [40, 50, 60]


def test_zero_means_all(confirms: Confirms) -> None:
    assert confirms.settled(0, True) == [10, 20, 30, 40, 50]


def test_what_was_never_sent_is_no_answer(confirms: Confirms) -> None:
    assert confirms.settled(6, False) == []
    assert confirms.settled(0, False) == []
    assert confirms.settled(2**64 - 1, True) == [10, 20, 30, 40, 50]
    confirms.sent(publication(60))
    assert confirms.settled(6, False) == [60]


def test_several_mandatory_ones_are_under_way_at_once() -> None:
    confirms = Confirms()
    for number, key in ((1, "a"), (2, "b"), (3, "a"), (4, "c")):
        confirms.sent(publication(number, key, "same", mandatory=True))
    assert confirms.returned("ex", "b", "same") == 2
    assert confirms.returned("ex", "a", "same") == 1
    assert confirms.returned("ex", "a", "same") == 3, "the first that has not come back yet"
    assert confirms.returned("ex", "a", "same") is None
    assert confirms.settled(4, True) == [1, 2, 3, 4], "they are answered, too"
    assert confirms.returned("ex", "c", "same") is None, "that had been taken by a queue"


def test_of_those_that_look_the_same_the_answered_ones_did_not_come_back() -> None:
    confirms = Confirms()
    for number in (1, 2, 3):
        confirms.sent(publication(number, "a", "same", mandatory=True))
    confirms.settled(1, False)
    assert confirms.returned("ex", "a", "same") == 2


def test_without_an_id_an_empty_one_is_the_same() -> None:
    confirms = Confirms()
    confirms.sent(publication(1, id="", mandatory=True))
    assert confirms.returned("ex", "a", None) == 1


def test_what_was_not_mandatory_does_not_come_back(confirms: Confirms) -> None:
    assert confirms.returned("ex", "a", None) is None
    assert confirms.returned("other", "", "m") is None
