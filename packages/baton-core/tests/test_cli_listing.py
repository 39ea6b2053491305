"""Which commands ``baton`` has, and how the help of each begins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

import click
import pytest

from baton.cli.listing import OWN, added, summaries

Install = Callable[..., None]

DESCRIPTION = """\
from baton.extension import Extension
extension = Extension("baton-disk", commands={commands!r})
"""


@pytest.fixture
def disk(install: Install) -> Callable[[object], None]:
    """Installs an extension whose description says that of its *commands*."""

    def disk(commands: object) -> None:
        groups = {
            "baton.extensions": {"disk": "disk_extension:extension"},
            "baton.commands": {"disk": "disk_command:disk", "wipe": "disk_command:wipe"},
        }
        install("disk_extension", DESCRIPTION.format(commands=commands), groups)

    return disk


def test_those_of_an_extension_beside_baton_s_own(disk: Callable[[object], None]) -> None:
    disk({})
    assert {"disk", "ping", "wipe"} <= added().keys()
    assert not added().keys() & OWN.keys()


def test_of_several_of_a_name_the_first(install: Install) -> None:
    install("first", "", {"baton.commands": {"ping": "first:one", "send": "first:two"}})
    assert added()["ping"].value == "first:one"
    assert "send" not in added()


def test_what_the_description_says(disk: Callable[[object], None]) -> None:
    disk({"disk": "Look after disks.", "other": "It is not there."})
    entries = {name: entry for name, entry in added().items() if name in ("disk", "wipe")}
    assert summaries(entries) == {"disk": "Look after disks."}


def test_a_description_that_names_them_alone(disk: Callable[[object], None]) -> None:
    disk(("disk", "wipe"))
    assert not {"disk", "wipe"} & summaries(added()).keys()


def test_what_another_one_s_description_says(
    disk: Callable[[object], None], install: Install
) -> None:
    """Two extensions may have a command of the same name: the help is that of the one in use."""
    disk({})
    said = DESCRIPTION.format(commands={"disk": "Look after other disks."})
    install("other", said, {"baton.extensions": {"other": "other:extension"}})
    assert "disk" not in summaries(added())


def test_a_description_that_is_broken(install: Install) -> None:
    groups = {"baton.extensions": {"x": "broken:extension"}, "baton.commands": {"x": "broken:x"}}
    install("broken", "1 / 0", groups)
    assert "x" in added()
    assert "x" not in summaries(added())


@pytest.mark.parametrize("name", ["ping", *OWN])
def test_they_are_the_first_sentences_of_the_help(name: str) -> None:
    entries = added()
    command = (
        entries[name].load()
        if name in entries
        else getattr(import_module(f"baton.cli.{name}".replace("-", "_")), name.replace("-", "_"))
    )
    assert isinstance(command, click.Command)
    assert (OWN | summaries(entries))[name] == command.get_short_help_str(1000)


def test_nothing_is_imported_but_the_description(disk: Callable[[object], None]) -> None:
    disk({"disk": "Look after disks."})
    sys.modules.pop("baton_ping.command", None)
    summaries(added())
    assert "baton_ping.command" not in sys.modules
