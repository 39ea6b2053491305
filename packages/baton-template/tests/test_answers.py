"""Answers: what a person is asked, and what is taken if nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton_template.answers import Answers, default_author, default_email, git_setting
from baton_template.naming import Refused


def test_the_defaults() -> None:
    answers = Answers("My Deploy")
    assert answers.slug == "baton-my-deploy"
    assert (answers.author, answers.email, answers.license) == ("The authors", "", "MIT")


def test_another_slug() -> None:
    assert Answers("My Deploy", slug="baton-deploy").slug == "baton-deploy"
    with pytest.raises(Refused, match=r'"deploy" cannot be .*: baton-deploy is allowed'):
        Answers("My Deploy", slug="deploy")


@pytest.mark.parametrize("part", ["summary", "author"])
@pytest.mark.parametrize(
    "text", ["", "  ", 'say "hello"', "two\nlines", "x" * 81, "{{ 7 }}", "a\\b", "\x1b[2J", "<b>"]
)
def test_a_text_that_cannot_be_put_into_code(part: str, text: str) -> None:
    with pytest.raises(Refused, match=f"The {part} cannot be used") as caught:
        Answers("demo", **{part: text})
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["Łukasz O'Brien", "日本", "x" * 80, "100 % sure; # yes"])
def test_a_text_that_can(text: str) -> None:
    assert Answers("demo", author=text, summary=text).author == text


@pytest.mark.parametrize(
    "email", ["me", "me@", "@example.org", "a b@c", "a@b, c@d", "a" * 90 + "@b"]
)
def test_an_email_that_is_none(email: str) -> None:
    with pytest.raises(Refused, match=r"such as me@example\.org"):
        Answers("demo", email=email)


def test_an_unknown_license() -> None:
    with pytest.raises(Refused, match=r"MIT, BSD-3-Clause, Apache-2\.0, Proprietary are allowed"):
        Answers("demo", license="GPL")


@pytest.mark.usefixtures("git_user")
def test_git_says_who_it_is() -> None:
    assert (default_author(), default_email()) == ("Ada Lovelace", "ada@example.org")


def test_git_knows_nobody() -> None:
    assert (default_author(), default_email()) == ("The authors", "")


def test_there_is_no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_setting("user.name") == ""


def test_what_git_knows_cannot_be_used(git_user: None, tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text("[user]\nname = {{ 7 }}\nemail = ada\n")
    assert (default_author(), default_email()) == ("The authors", "")
