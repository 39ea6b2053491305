"""The account of a command to a fleet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from baton.fleet import Failure, Result

RESULT = Result(
    message_id="1f",
    extension="baton-ping",
    type="ping",
    targets=("production",),
    sent=0.0,
    timeout=2.0,
    took=0.1,
    answered=3,
)


def test_has_succeeded() -> None:
    assert RESULT.succeeded
    assert replace(RESULT, unexpected=("x",), late=("y",)).succeeded


@pytest.mark.parametrize("field", ["originals", "late"])
def test_whoever_answered_did_it(field: str) -> None:
    changes: dict[str, Any] = {field: ("x",)}
    assert replace(RESULT, answered=0, **changes).succeeded


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("answered", 0),
        ("missing_count", 1),
        ("errors", (Failure("x", "failed"),)),
        ("silent", ("x",)),
        ("unroutable", ("x",)),
        ("not_asked", ("x",)),
        ("interrupted", True),
    ],
)
def test_has_not_succeeded(field: str, value: Any) -> None:
    assert not replace(RESULT, **{field: value}).succeeded
