"""The messages: what may be asked, and what is answered."""

from __future__ import annotations

from typing import Any

import pytest
from baton import InvalidMessage

from {{ cookiecutter.__package }}.messages import LONGEST_PATH, Measure, Measured


def test_a_question_comes_back_as_it_was_sent() -> None:
    assert Measure("/var/log").to_message() == {"type": "measure", "path": "/var/log"}
    assert Measure.from_message(Measure("/var/log").to_message()) == Measure("/var/log")


def test_an_answer_comes_back_as_it_was_sent() -> None:
    answer = Measured("/var/log", files=2, size=7)
    assert answer.to_message() == {"type": "measured", "path": "/var/log", "files": 2, "size": 7}
    assert Measured.from_message(answer.to_message()) == answer


@pytest.mark.parametrize("path", ["", "var/log", "../etc", "~", None, 7, ["/"], "/\0"])
def test_a_wrong_path_is_refused(path: Any) -> None:
    with pytest.raises(InvalidMessage, match="path should be"):
        Measure.from_message({"type": "measure", "path": path})


def test_a_missing_path_and_a_long_one_are_refused() -> None:
    with pytest.raises(InvalidMessage, match="absolute"):
        Measure.from_message({"type": "measure"})
    with pytest.raises(InvalidMessage, match="4096"):
        Measure("/" * (LONGEST_PATH + 1))


@pytest.mark.parametrize("wrong", [{"files": "many"}, {"size": None}, {"path": 7}])
def test_a_wrong_answer_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage, match="how many files"):
        Measured.from_message(Measured("/", 1, 2).to_message() | wrong)
