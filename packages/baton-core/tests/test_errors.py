"""The tree of errors, and what they say."""

from __future__ import annotations

import inspect

from baton import errors
from baton.errors import (
    BatonError,
    MessageTooLarge,
    PublishFailed,
    PublishTimeout,
    UnknownMessageType,
    Unroutable,
)

CLASSES = {
    name: member
    for name, member in vars(errors).items()
    if inspect.isclass(member) and issubclass(member, BaseException)
}


def drawn_tree() -> dict[str, str]:
    """Each name in the drawing of the module's docstring, with the name that it hangs from."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        text = line.removeprefix("    ")
        name = text.lstrip("│├└─ ").split()[:1]
        if text == line or not name:
            continue
        depth = (len(text) - len(text.lstrip("│├└─ "))) // 4
        path[depth:] = name
        parents[name[0]] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_drawing_is_the_tree() -> None:
    assert drawn_tree() == {name: each.__bases__[0].__name__ for name, each in CLASSES.items()}


def test_every_error_has_one_base_and_a_docstring() -> None:
    for error in CLASSES.values():
        assert len(error.__bases__) == 1
        assert issubclass(error, BatonError)
        assert error.__doc__


def test_an_unknown_message_type() -> None:
    error = UnknownMessageType("pong")
    assert str(error) == "Unknown message type: pong"
    assert error.type == "pong"


def test_an_unknown_message_type_is_repeated_in_part() -> None:
    error = UnknownMessageType("x" * 1000)
    assert str(error) == f"Unknown message type: {'x' * 199}…"
    assert error.type == "x" * 1000


def test_a_message_too_large() -> None:
    error = MessageTooLarge(20_000_000, 16_777_216)
    assert str(error) == "A message of 20,000,000 bytes is above the limit of 16,777,216 bytes"
    assert (error.size, error.limit) == (20_000_000, 16_777_216)


def test_unroutable_names_the_targets_and_the_exchange() -> None:
    error = Unroutable(["staging", "shop.staging"], "baton_ping_in")
    assert str(error) == ('No server listens on "staging", "shop.staging" (exchange baton_ping_in)')
    assert error.keys == ("staging", "shop.staging")
    assert error.exchange == "baton_ping_in"
    assert not error.missing


def test_unroutable_says_when_the_exchange_is_missing() -> None:
    error = Unroutable(["staging"], "baton_ping_in", missing=True)
    assert str(error) == (
        'No server listens on "staging" (exchange baton_ping_in): '
        "no service has connected yet, the exchange does not exist"
    )
    assert error.missing


def test_publish_failed_tells_which() -> None:
    first = Unroutable(["staging"], "baton_ping_in")
    error = PublishFailed(["a", "b"], {1: first, 3: PublishTimeout("the outcome is unknown")})
    assert str(error) == (
        "2 of 4 were not published, the first: "
        'No server listens on "staging" (exchange baton_ping_in)'
    )
    assert error.ids == ("a", "b")
    assert error.errors[1] is first
    assert list(error.errors) == [1, 3]
