"""Answers: what a person is asked, and what is taken if nothing is said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from baton_template.git import said_by_git
from baton_template.naming import Refused, names_of

LICENSES: Final = ("MIT", "BSD-3-Clause", "Apache-2.0", "Proprietary")
SUMMARY: Final = "Tells how much a folder holds."
LONGEST_TEXT: Final = 80
"""Characters of an answer: with it every line of the generated code fits."""

_EMAIL: Final = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the template is told. Raises Refused for what it cannot use.

    >>> Answers("My Deploy", license="MIT").slug
    'baton-my-deploy'
    """

    name: str
    slug: str = ""
    summary: str = SUMMARY
    author: str = "The authors"
    email: str = ""
    license: str = LICENSES[0]

    def __post_init__(self) -> None:
        if not self.slug:
            object.__setattr__(self, "slug", names_of(self.name).slug)
        elif names_of(self.slug).slug != self.slug:
            raise Refused(
                f'"{self.slug}" cannot be the name of the package: '
                f"{names_of(self.slug).slug} is allowed"
            )
        _check_text("summary", self.summary)
        _check_text("author", self.author)
        if self.email and (len(self.email) > LONGEST_TEXT or not _EMAIL.fullmatch(self.email)):
            raise Refused(
                "The email is no address: one such as me@example.org, or none, is allowed"
            )
        if self.license not in LICENSES:
            raise Refused(f"The license is not known: {', '.join(LICENSES)} are allowed")


def default_author() -> str:
    """Who git says is working here, or nobody in particular."""
    return _usable(git_setting("user.name"), "author") or "The authors"


def default_email() -> str:
    """The address that git knows; empty if there is none that can be used."""
    email = git_setting("user.email")
    return email if _EMAIL.fullmatch(email) and len(email) <= LONGEST_TEXT else ""


def git_setting(key: str) -> str:
    """What git is told of *key* on this machine; empty without git, or without a word of it."""
    return said_by_git("config", "--get", key)


def _usable(text: str, what: str) -> str:
    try:
        _check_text(what, text)
    except Refused:
        return ""
    return text


def _check_text(what: str, text: str) -> None:
    if not 1 <= len(text.strip()) <= LONGEST_TEXT or not text.isprintable() or '"' in text:
        raise Refused(
            f"The {what} cannot be used: 1 to {LONGEST_TEXT} printable characters in one line, "
            'without ", are allowed'
        )
    if "\\" in text or "{" in text or "<" in text:
        raise Refused(f"The {what} cannot be used: it is put into code, where \\, {{ and < are not")
