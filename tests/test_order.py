"""The order of the test files."""

from pathlib import Path

import pytest

from order import LONG, in_order

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", LONG)
def test_what_takes_long_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


def test_long_ones_come_first_and_those_with_a_rabbitmq_are_spread_among_the_others() -> None:
    given = [
        "tests/integration/test_stop.py",
        "tests/integration/test_daemon.py",
        "packages/baton-core/tests/test_text.py",
        "docs/usage.md",
        "packages/baton-core/tests/test_cli_process.py",
    ]
    ordered = in_order([ROOT / name for name in given], ROOT)
    assert [str(file.relative_to(ROOT)) for file in ordered] == [
        "packages/baton-core/tests/test_cli_process.py",
        "packages/baton-core/tests/test_text.py",
        "tests/integration/test_daemon.py",
        "docs/usage.md",
        "tests/integration/test_stop.py",
    ]


def test_one_that_needs_a_rabbitmq_leaves_time_to_prepare_it() -> None:
    stop, text = (
        ROOT / "tests/integration/test_stop.py",
        ROOT / "packages/baton-core/tests/test_text.py",
    )
    assert in_order([stop, text], ROOT) == [text, stop]
