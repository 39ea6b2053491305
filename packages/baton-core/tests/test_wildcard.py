"""Wildcards, and that none of them is slow."""

from __future__ import annotations

import fnmatch
import itertools
import time

import pytest

from baton.wildcard import LONGEST, Wildcard


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("", ""),
        ("*", ""),
        ("*", "anything"),
        ("**", "x"),
        ("web*", "web"),
        ("web*", "web01.example.org"),
        ("*.example.org", "web01.example.org"),
        ("w*1*org", "web01.example.org"),
        ("web?1.*", "web01.example.org"),
        ("?", "ä"),
        ("a*b*c", "aXbXbc"),
        ("[a]", "[a]"),
        (".", "."),
    ],
)
def test_what_matches(pattern: str, text: str) -> None:
    assert Wildcard(pattern).matches(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("", "x"),
        ("?", ""),
        ("?", "xx"),
        ("web*", "dweb"),
        ("*.org", "web01.example.orgs"),
        ("a*b*c", "aXcXb"),
        ("[a]", "a"),
        (".", "x"),
        ("web", "web01"),
    ],
)
def test_what_does_not(pattern: str, text: str) -> None:
    assert not Wildcard(pattern).matches(text)


def test_every_short_pattern_is_as_in_a_shell() -> None:
    patterns = [
        "".join(each) for size in range(5) for each in itertools.product("ab*?", repeat=size)
    ]
    texts = ["".join(each) for size in range(5) for each in itertools.product("ab", repeat=size)]
    for pattern in patterns:
        wildcard = Wildcard(pattern)
        for text in texts:
            assert wildcard.matches(text) == fnmatch.fnmatchcase(text, pattern), (pattern, text)


@pytest.mark.parametrize("pattern", ["*a" * 499 + "b", "?*" * 499 + "b", "*" * 1000 + "b"])
def test_no_pattern_is_slow(pattern: str) -> None:
    wildcard = Wildcard(pattern)
    began = time.process_time()
    assert not wildcard.matches("a" * LONGEST)
    assert time.process_time() - began < 0.5


def test_a_text_that_is_too_long_matches_nothing() -> None:
    assert Wildcard("*").matches("a" * LONGEST)
    assert not Wildcard("*").matches("a" * (LONGEST + 1))
