"""Names: what an extension is called everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from baton.cli.group import baton
from baton.names import LONGEST_EXTENSION
from baton_template import naming
from baton_template.naming import (
    COMMANDS,
    LONGEST,
    OWN,
    Names,
    Refused,
    names_of,
    part_names_of,
)

AWKWARD = json.loads(Path(__file__).with_name("awkward.json").read_text())
ACCEPTED: dict[str, str] = AWKWARD["accepted"]
REFUSED: dict[str, str] = AWKWARD["refused"]

PACKAGES = Path(__file__).parents[2]


def test_there_are_enough_of_them() -> None:
    assert len(ACCEPTED) + len(REFUSED) >= 30


@pytest.mark.parametrize(("name", "slug"), ACCEPTED.items())
def test_an_awkward_name_that_works(name: str, slug: str) -> None:
    names = names_of(name)
    assert names.slug == slug
    assert names.short == slug.removeprefix("baton-")
    assert names.package == slug.replace("-", "_")
    assert names.package.isidentifier()
    assert names.prefix.isidentifier()
    assert names.prefix[0].isupper()
    assert names_of(slug) == names


@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
def test_an_awkward_name_that_is_refused(name: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        names_of(name)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 250
    assert reason in text
    assert "allowed" in text


def test_all_of_them() -> None:
    assert names_of("My Deploy") == Names(
        slug="baton-my-deploy",
        short="my-deploy",
        package="baton_my_deploy",
        prefix="MyDeploy",
    )


def test_a_consumer_is_called_by_the_same_rules() -> None:
    names = part_names_of("Restart Web")
    assert (names.short, names.module, names.prefix) == ("restart-web", "restart_web", "RestartWeb")
    assert part_names_of("ping").short == "ping"
    for name in ("", "class", "json", "3par", "a" * 31):
        with pytest.raises(Refused):
            part_names_of(name)


def test_the_longest_is_short_enough_for_a_broker() -> None:
    assert len("baton-") + LONGEST <= LONGEST_EXTENSION


def test_every_command_of_baton_is_reserved() -> None:
    foreign = {"ping"}  # a package, too
    names = baton.list_commands(click.Context(baton))
    own = {name for name in names if _is_own(name)}
    assert own - foreign <= COMMANDS
    assert {"new", "add", "run"} <= own


def test_every_package_of_baton_is_reserved() -> None:
    folders = {path.parent.name for path in PACKAGES.glob("*/pyproject.toml")}
    assert {f"baton-{name}" for name in OWN} >= folders


def test_the_rules_need_the_standard_library_alone() -> None:
    program = (
        "import sys; before = set(sys.modules); import naming; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    ran = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=Path(naming.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "['naming']\n"


def _is_own(name: str) -> bool:
    command = baton.get_command(click.Context(baton), name)
    assert command is not None
    assert command.callback is not None
    return command.callback.__module__.startswith(("baton.", "baton_template.", "baton_ping."))
