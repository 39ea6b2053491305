"""The Jinja extension of the template."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import Environment

from baton_template.rendering import REFUSED, TemplateExtension, refusal

GIVEN = {
    "name": "My Deploy",
    "project_slug": "baton-my-deploy",
    "summary": "Deploys.",
    "author": "Ada",
    "email": "",
    "license": "MIT",
}


@pytest.fixture
def environment() -> Environment:
    return Environment(extensions=[TemplateExtension], autoescape=True)


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("slug", "baton-my-deploy"),
        ("short", "my-deploy"),
        ("package", "baton_my_deploy"),
        ("prefix", "MyDeploy"),
    ],
)
def test_the_parts_of_a_name(environment: Environment, part: str, found: str) -> None:
    template = environment.from_string(f"{{{{ name | {part} }}}}")
    assert template.render(name="My Deploy") == found
    assert template.render(name="../json") == REFUSED


def test_what_can_be_used_is_not_refused() -> None:
    assert refusal(GIVEN) == ""


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"name": "json", "project_slug": REFUSED},
            "json is a module of Python's standard library",
        ),
        ({"project_slug": "../x"}, "/ has no place"),
        ({"summary": ""}, "The summary cannot be used"),
        ({"license": "GPL"}, "The license is not known"),
    ],
)
def test_what_cannot_be_used_is(given: dict[str, Any], reason: str) -> None:
    assert reason in refusal(GIVEN | given)


@pytest.mark.usefixtures("git_user")
def test_the_defaults(environment: Environment) -> None:
    template = environment.from_string("{{ default_author() }} {{ default_email() }}")
    assert template.render() == "Ada Lovelace ada@example.org"
