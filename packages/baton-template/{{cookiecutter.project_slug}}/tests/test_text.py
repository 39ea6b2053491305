"""What a line says of an answer."""

from __future__ import annotations

from typing import Any

import pytest
from baton import Message, Reply

from {{ cookiecutter.__package }}.messages import Measured
from {{ cookiecutter.__package }}.text import answer, contents


def reply(**said: Any) -> Reply:
    return Reply(Message(said), 0.01, "one")


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (Measured("/", files=0, size=0), "0 files, 0 bytes"),
        (Measured("/", files=1, size=7), "1 file, 7 bytes"),
        (Measured("/", files=1000, size=10**6), "1,000 files, 1,000,000 bytes"),
    ],
)
def test_how_much_a_folder_holds(found: Measured, line: str) -> None:
    assert contents(found) == line
    assert answer(reply(**found.to_message())) == line


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"type": "info", "message": "measuring /"}, "measuring /"),
        ({"type": "info", "message": ["odd"]}, ""),
        ({"type": "info"}, ""),
    ],
)
def test_how_far_it_is(said: dict[str, Any], line: str) -> None:
    assert answer(reply(**said)) == line


def test_what_is_wrong_or_endless_is_a_line_too() -> None:
    assert "how many files" in answer(reply(type="measured", files="many"))
    assert len(answer(reply(type="info", message="x" * 10_000))) == 200
    assert len(answer(reply(type="measured", path="/", files=10**300, size=1))) == 200
