"""Filters: conditions from the wire, compared with servers that are anything."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from baton.errors import InvalidFilter
from baton.server import Server
from baton.where import Condition, parse, parse_header
from baton.wildcard import Wildcard
from fuzz.oracle import check_message, no_stall
from fuzz.targets import load
from properties.strategies import conditions, servers, texts, utf8_texts, values


def understood(text: str) -> Condition | None:
    try:
        (found,) = parse([text]).conditions
    except InvalidFilter as error:
        check_message(str(error))
        return None
    return found


@given(conditions, servers)
def test_a_condition_holds_or_not(text: str, server: Server) -> None:
    with no_stall():
        condition = understood(text)
        if condition is not None:
            assert condition.holds(server) in (True, False)


@given(conditions, servers)
def test_a_negation_is_the_complement(text: str, server: Server) -> None:
    condition = understood(text)
    assume(condition is not None and not condition.negated)
    assert condition is not None
    other = understood(f"not {text.strip()}")
    assume(other is not None)  # it may have become too long
    assert other is not None
    assert other.holds(server) is not condition.holds(server)


@given(
    st.sampled_from(["a", "a.b", "x:y", "é", "contains"]),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">=", " contains "]),
    utf8_texts.filter(lambda text: len(text) < 900),
    st.booleans(),
)
def test_what_stands_in_quotes_is_the_value(
    name: str, sign: str, value: str, negated: bool
) -> None:
    assume(value == value.strip())
    condition = understood(f'{"not " if negated else ""}{name}{sign}"{value}"')
    assert condition is not None
    assert (condition.name, condition.operator) == (name, sign.strip())
    assert (condition.value, condition.negated) == (value, negated)
    assert condition.wildcard is None


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_a_wildcard_is_what_it_says(pattern: str, text: str) -> None:
    assert Wildcard(pattern).matches(text) is _matches(pattern, text)


def _matches(pattern: str, text: str) -> bool:
    """The same, slowly: the definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_matches(pattern[1:], text[at:]) for at in range(len(text) + 1))
    is_one = bool(text) and pattern[0] in ("?", text[0])
    return is_one and _matches(pattern[1:], text[1:])


@given(st.lists(conditions, max_size=70), servers)
def test_a_filter_is_all_of_its_conditions(texts: list[str], server: Server) -> None:
    with no_stall():
        try:
            where = parse(texts)
        except InvalidFilter as error:
            check_message(str(error))
            return
        assert where.matches(server) is all(parse([each]).matches(server) for each in texts)


@given(values | st.lists(texts | values, max_size=3))
def test_what_the_wire_has_for_a_filter(value: Any) -> None:
    try:
        parse_header(value)
    except InvalidFilter as error:
        check_message(str(error))


@given(st.lists(conditions, max_size=4))
def test_the_target_holds(texts: list[str]) -> None:
    load("where")("\n".join(texts).encode("utf-8", "surrogatepass"))


def test_the_most_work_that_a_filter_can_make() -> None:
    worst = [f"a.b contains {'*a' * 480}{number:02}" for number in range(33)]
    server = Server(facts={"a": {"b": ["a" * 1024] * 5000}})
    with no_stall(10):
        where = parse(worst)
        assert not where.matches(server)
