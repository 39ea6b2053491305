"""Passwords and tokens, as they are kept."""

from __future__ import annotations

import pytest

from baton_ping_monitor.web.passwords import Secret, hash_password, new_token

CHEAP = "scrypt$2$1$1$c2FsdHNhbHRzYWx0c2FsdA==$3kzDVh5Zz5pm6cyMwHqJ7AKc5cPwWq0T5cZL0c2kzVQ="


def test_a_password_matches_its_hash_alone() -> None:
    kept = Secret.parse(hash_password("correct horse"))
    assert kept.matches("correct horse")
    assert not kept.matches("correct horsf")
    assert not kept.is_token


def test_the_same_password_is_kept_differently_each_time() -> None:
    first, second = hash_password("secret"), hash_password("secret")
    assert first != second
    assert first.startswith("scrypt$32768$8$1$")
    assert "secret" not in first


def test_what_is_kept_can_be_written_and_read_again() -> None:
    text = hash_password("Grüße, 世界")
    assert str(Secret.parse(text)) == text
    assert Secret.parse(text).matches("Grüße, 世界")


def test_a_token_matches_what_is_kept_of_it() -> None:
    token, text = new_token()
    kept = Secret.parse(text)
    assert kept.is_token
    assert kept.matches(token)
    assert not kept.matches(token[:-1])
    assert token not in text
    assert token.startswith("baton_")
    assert str(kept) == text


@pytest.mark.parametrize("password", ["", "x" * 1025, "ü" * 513])
def test_a_password_that_is_none(password: str) -> None:
    with pytest.raises(ValueError, match="1 to 1,024 bytes"):
        hash_password(password)


def test_what_is_longer_than_a_password_may_be_matches_none() -> None:
    kept = Secret.parse(hash_password("x" * 1024))
    assert kept.matches("x" * 1024)
    assert not kept.matches("x" * 1025)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "md5$abc",
        "token$abc",
        "token$" + "g" * 64,
        "scrypt$32768$8$1$c2FsdA==$aGFzaA==",
        CHEAP.replace("$2$", "$3$"),
        CHEAP.replace("$2$", "$1$"),
        CHEAP.replace("$2$1$1$", "$1048576$8$1$"),
        CHEAP.replace("$2$1$1$", "$-2$1$1$"),
        CHEAP.replace("$2$1$1$", "$2$0$1$"),
        CHEAP.replace("$2$1$1$", "$2$1$99$"),
        CHEAP + "$more",
        CHEAP.replace("c2Fs", "c2F-"),
    ],
)
def test_what_may_stand_in_the_file_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="--hash-password or --new-token"):
        Secret.parse(text)


def test_another_cost_is_taken_as_it_stands_there() -> None:
    assert Secret.parse(CHEAP).cost == (2, 1, 1)
    assert not Secret.parse(CHEAP).matches("anything")
