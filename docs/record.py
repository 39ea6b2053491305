"""Writes docs/recording.md: commands, and what they print on a fleet of made-up servers.

Everything in it is real output: of real services, on a broker in memory. Run it when that has
changed: ``python docs/record.py``.
"""

from __future__ import annotations

import os
import shlex
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from baton import Configuration, Server
from baton.cli.group import baton
from baton.simulation import Character, Simulation
from baton.testing.background import BackgroundLoop
from baton_ping.extension import extension

PAGE: Final = Path(__file__).parent / "recording.md"
URL: Final = "memory://recording"
PATIENCE: Final = 30.0
WIDTH: Final = 120
CODE: Final = "echo $?"

APPS: Final = {"web": ("shop",), "db": ("orders",), "mail": ("mail",), "ci": ("ci",)}
NAMES: Final = ("web01", "web02", "web03", "web04", "db01", "db02", "mail01", "ci01")
GONE: Final = "mail02"
"""Is expected, and does not run."""
FAILING: Final = "db02"

INTRODUCTION: Final = (
    "Commands, and what they print. `python docs/record.py` wrote this page: it is real output, of "
    "real services on a broker in memory, with servers that are made up. "
    "[Commands](commands.md) has every option."
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Some commands, what they are for, and a few words on it."""

    title: str
    commands: tuple[str, ...]
    words: str = ""


SCENES: Final = (
    Scene(
        "Who is there, who is not, and how fast",
        ("baton ping production --expect-file fleet.txt --graph", CODE),
        "`fleet.txt` names the servers that should answer, one a line. `mail02` is down, `db02` "
        "has no disk left, and two servers believe that they are `web04`.",
    ),
    Scene(
        "Only some of them",
        (
            "baton ping shop.production --expect 4",
            "baton ping production --where 'cpus>=28' --expect 2",
            "baton ping production --where platform=ubuntu --names --timeout 0.3",
        ),
        "An application in an environment; those whose facts meet a condition; only their names, "
        "for another program.",
    ),
    Scene(
        "What nobody listens on",
        ("baton ping web01.example.org web99.example.org", CODE),
        "It is said at once, by the broker.",
    ),
    Scene("What a server knows of itself", ("baton ping web01.example.org --facts",)),
    Scene(
        "Again and again",
        ("baton ping production --expect 8 --count 3 --interval 0.2",),
        "A line for each time. `--watch` shows them on a screen of its own.",
    ),
    Scene(
        "Any command, to any extension",
        ("""baton send ping shop.production '{"type":"reboot"}' --wait --expect 4""", CODE),
    ),
    Scene(
        "For programs",
        ("baton ping web01.example.org --jsonl",),
        "A line for each reply, then one for the result; `--json` makes one document.",
    ),
    Scene("What was asked before", ("baton replies --list",)),
)


def fleet() -> Iterator[tuple[Server, Character]]:
    """The servers, and how they are."""
    for number, name in enumerate(NAMES, start=1):
        apps = APPS[name.rstrip("0123456789")]
        facts = {"platform": "debian" if number % 3 else "ubuntu", "cpus": 4 * number}
        character = Character(pause=(0.003 * number, 0.003 * number))
        if name == FAILING:
            character = Character(failures=1.0, error=OSError, complaint="the disk is full")
        yield Server(f"{name}.example.org", "production", apps, facts), character
    yield Server("web04.example.org", "production", ("shop", "blog"), {"cpus": 4}), Character()


@contextmanager
def running() -> Iterator[None]:
    """The fleet runs meanwhile."""
    loop = BackgroundLoop()
    loop.start()
    ready = threading.Event()
    simulation = Simulation(Configuration(rabbit_url=URL), extension, fleet())
    simulation.watch(lambda state: ready.set() if state.phase == "ready" else None)
    loop.run(simulation.start(), PATIENCE)
    try:
        if not ready.wait(PATIENCE):
            raise TimeoutError("The fleet is not ready")
        yield
    finally:
        loop.run(simulation.stop(1.0), PATIENCE)
        loop.stop(PATIENCE)


@contextmanager
def surroundings() -> Iterator[None]:
    """A folder with the list of the fleet, and settings that are not those of whoever records."""
    before, folder = dict(os.environ), Path.cwd()
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        os.environ.update(BATON_RABBIT_URL=URL, XDG_STATE_HOME=home, NO_COLOR="1", TZ="UTC")
        names = "".join(f"{name}.example.org\n" for name in (*NAMES, GONE))
        Path("fleet.txt").write_text(names)
        try:
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)


def record() -> str:
    """The whole page."""
    parts = [f"# A recording\n\n{textwrap.fill(INTRODUCTION, WIDTH)}\n"]
    with surroundings(), running():
        for scene in SCENES:
            words = f"{textwrap.fill(scene.words, WIDTH)}\n\n" if scene.words else ""
            shown = "".join(play(scene.commands))
            parts.append(f"## {scene.title}\n\n{words}```console\n{shown}```\n")
    return "\n".join(parts)


def play(commands: tuple[str, ...]) -> Iterator[str]:
    """Each command, and what it prints."""
    code = 0
    for command in commands:
        yield f"$ {command}\n"
        if command == CODE:
            yield f"{code}\n"
        else:
            ended = CliRunner().invoke(baton, shlex.split(command)[1:])
            code = ended.exit_code
            yield ended.output


if __name__ == "__main__":
    PAGE.write_text(record())
