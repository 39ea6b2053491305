"""Names of which routing keys and queues are made."""

from __future__ import annotations

import pytest

from baton.message import new_id
from baton.names import (
    LONGEST,
    LONGEST_APP,
    LONGEST_ENVIRONMENT,
    LONGEST_EXTENSION,
    LONGEST_FQDN,
    check_name,
)


@pytest.mark.parametrize("name", ["*", "web01", "ü" * 4, "a b", "東京", "x" * 9])
def test_a_name(name: str) -> None:
    assert check_name(name, 9) == name


@pytest.mark.parametrize(
    "name", ["", "x" * 10, "ü" * 5, "a\nb", "\x00", "\x1b[2J", "\x85", "\udcff"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="should be 1 to 9 bytes of UTF-8 without control char"):
        check_name(name, 9)


def test_a_wrong_name_is_quoted_in_short_and_cannot_act_on_a_terminal() -> None:
    with pytest.raises(ValueError, match="should be") as caught:
        check_name("\x1b[2J" + "x" * 300, 9)
    assert str(caught.value).startswith('"\N{REPLACEMENT CHARACTER}[2Jxxx')
    assert len(str(caught.value)) < 120


def test_the_longest_parts_fit_together() -> None:
    assert LONGEST_APP + len(".") + LONGEST_ENVIRONMENT <= LONGEST
    queue = f"{'x' * LONGEST_EXTENSION}.{'x' * LONGEST_FQDN}.{new_id()[:16]}"
    assert len(f"{queue}.9999") <= LONGEST, "the tag of its consumer"
