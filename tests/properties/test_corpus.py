"""Every input that fuzzing found worth keeping is tried again, without a fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.targets import TARGETS, load

CORPUS = Path(__file__).parent.parent / "fuzz" / "corpus"


@pytest.mark.parametrize("target", TARGETS)
def test_each_input(target: str) -> None:
    check = load(target)
    inputs = sorted((CORPUS / target).iterdir())
    assert inputs, "a target without a corpus"
    for path in inputs:
        try:
            check(path.read_bytes())
        except BaseException as error:
            error.add_note(f"The input is {path}")
            raise


def test_each_target_has_a_folder_and_a_module() -> None:
    modules = {path.stem for path in (CORPUS.parent / "targets").glob("*.py")} - {"__init__"}
    assert modules == set(TARGETS)
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
