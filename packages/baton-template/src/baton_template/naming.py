"""Names: what an extension is called everywhere, from what a person calls it.

The one place where the rules stand: ``baton new``, ``baton add`` and the template itself, when
cookiecutter runs it from a checkout, ask here. It needs the standard library alone.
"""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 30
"""Characters of a short name: with it every line of the generated code fits."""

COMMANDS: Final = frozenset(
    {
        "add",
        "dead-letters",
        "doctor",
        "extensions",
        "facts",
        "new",
        "ping",
        "replies",
        "run",
        "send",
    }
)
"""Subcommands of ``baton`` that an extension of that name would hide."""

OWN: Final = frozenset({"baton", "core", "ping", "ping-monitor", "template"})
"""The packages of Baton itself."""

ALLOWED: Final = (
    f"1 to {LONGEST} letters, digits and hyphens that begin with a letter, such as my-deploy"
)
_SHOWN: Final = 40


class Refused(ValueError):
    """A name or another answer cannot be used; the text says why and what is allowed."""


@dataclass(frozen=True, slots=True)
class Names:
    """What an extension is called: ``baton-my-deploy`` for the package index and the broker,
    ``my-deploy`` for short, ``baton_my_deploy`` to import, ``MyDeploy`` before its classes."""

    slug: str
    short: str
    package: str
    prefix: str


def names_of(name: str) -> Names:
    """The names of the extension that a person calls *name*; raises Refused.

    >>> names_of("Café 2 go").slug
    'baton-cafe-2-go'
    """
    words = _words(name)
    while len(words) > 1 and words[0] == "baton":  # or baton-x could be two extensions
        words = words[1:]
    short = "-".join(words)
    _check(name, short)
    if short in OWN:
        raise _refused(name, f"baton-{short} is one of Baton's own", "any other name is allowed")
    if short in COMMANDS:
        reason = f"baton {short} is a command of Baton's own"
        raise _refused(name, reason, "any other name is allowed")
    return Names(
        slug=f"baton-{short}",
        short=short,
        package=f"baton_{short.replace('-', '_')}",
        prefix=_prefix(words),
    )


@dataclass(frozen=True, slots=True)
class PartNames:
    """What a consumer is called inside of its extension: ``restart-web`` in keys, ``restart_web``
    in files, ``RestartWeb`` before its classes."""

    short: str
    module: str
    prefix: str


def part_names_of(name: str) -> PartNames:
    """The names of the consumer that a person calls *name*; raises Refused."""
    words = _words(name)
    short = "-".join(words)
    _check(name, short)
    return PartNames(short, short.replace("-", "_"), _prefix(words))


def _words(name: str) -> list[str]:
    """The words of *name* in ASCII and lower case. Raises Refused for what has no place there."""
    plain = "".join(
        each
        for each in unicodedata.normalize("NFKD", name.strip())
        if not unicodedata.combining(each)
    )
    wrong = [each for each in plain if not re.fullmatch(r"[A-Za-z0-9._\s-]", each, re.ASCII)]
    if wrong:
        first = wrong[0]
        shown = first if first.isprintable() else f"U+{ord(first):04X}"
        raise _refused(name, f"{shown} has no place in the name of a package")
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", plain)
    return re.findall(r"[a-z0-9]+", split.lower())


def _check(name: str, short: str) -> None:
    if not short:
        raise _refused(name, "it is empty")
    if len(short) > LONGEST:
        raise _refused(name, f"{len(short)} characters are too many")
    if not short[0].isalpha():
        raise _refused(name, "a class cannot begin with a digit")
    module = short.replace("-", "_")
    if keyword.iskeyword(module):
        raise _refused(name, f"{module} is a keyword of Python", "any other name is allowed")
    if module in sys.stdlib_module_names:
        reason = f"{module} is a module of Python's standard library"
        raise _refused(name, reason, "any other name is allowed")


def _prefix(words: list[str]) -> str:
    return "".join(word.capitalize() for word in words)


def _refused(name: str, reason: str, allowed: str = f"allowed are {ALLOWED}") -> Refused:
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
    if len(shown) > _SHOWN:
        shown = shown[: _SHOWN - 1] + "…"
    return Refused(f'"{shown}" cannot be the name: {reason}; {allowed}')
