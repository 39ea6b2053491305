"""The Jinja extension of the template: names, defaults and refusals, from their one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import Environment
from jinja2.ext import Extension

from baton_template.answers import Answers, default_author, default_email
from baton_template.naming import Names, Refused, names_of
from baton_template.origin import cruft_state

REFUSED: Final = "refused"
"""Stands for each name of a refused one, until the hook says why it is refused."""


class TemplateExtension(Extension):
    """Filters and functions that the files of the template use."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.keep_trailing_newline = True
        for part in ("slug", "short", "package", "prefix"):
            environment.filters[part] = _part(part)
        environment.filters["refusal"] = refusal
        environment.filters["cruft_state"] = cruft_state
        environment.globals["default_author"] = default_author
        environment.globals["default_email"] = default_email


def refusal(cookiecutter: Mapping[str, Any]) -> str:
    """Why these answers cannot be used; empty if they can."""
    slug = cookiecutter["project_slug"]
    try:
        Answers(
            name=cookiecutter["name"],
            slug="" if slug == REFUSED else slug,
            summary=cookiecutter["summary"],
            author=cookiecutter["author"],
            email=cookiecutter["email"],
            license=cookiecutter["license"],
        )
    except Refused as error:
        return str(error)
    return ""


def _part(part: str) -> Callable[[str], str]:
    def named(name: str) -> str:
        try:
            names: Names = names_of(name)
        except Refused:
            return REFUSED
        found: str = getattr(names, part)
        return found

    return named
