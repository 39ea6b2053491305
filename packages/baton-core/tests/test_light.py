"""Values that are made for every message."""

from __future__ import annotations

from dataclasses import field, fields, replace

import pytest

from baton.light import light
from baton.message import Envelope
from baton.transports import Delivery, Publication


@light()
class Point:
    x: int
    names: list[str] = field(default_factory=list)


@light(eq=False)
class Thing:
    x: int


def test_it_is_a_dataclass() -> None:
    point = Point(1, ["a"])
    assert point == Point(x=1, names=["a"])
    assert replace(point, x=2) == Point(2, ["a"])
    assert [each.name for each in fields(Point)] == ["x", "names"]
    assert Point(1).names is not Point(1).names


def test_it_has_slots() -> None:
    with pytest.raises(AttributeError, match="y"):
        setattr(Point(1), "y", 2)  # noqa: B010  (a type checker would not let it pass)


def test_it_may_be_equal_to_itself_alone() -> None:
    assert Thing(1) != Thing(1)
    assert len({Thing(1), Thing(1)}) == 2


def test_python_does_not_keep_its_fields_but_a_type_checker_does() -> None:
    point = Point(1)
    point.x = 2  # type: ignore[misc]
    assert point.x == 2


@pytest.mark.parametrize("kind", [Envelope, Publication, Delivery])
def test_what_a_message_is_made_of_has_slots(kind: type) -> None:
    assert "__dict__" not in dir(kind)
