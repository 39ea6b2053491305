"""Peers that are not in Python: what they need is installed where that is simple, and they are
made ready to start, before anything is measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bench.process import BENCHMARKS


@dataclass(frozen=True, slots=True)
class Program:
    """A peer in another language. All take the same arguments; ``c/echo.c`` lists them."""

    language: str
    packages: tuple[str, ...]
    """Debian's, which have all that it needs."""
    prepare: Callable[[str], Sequence[str]]
    """A command that succeeds where all of that is there. It may make a file of the given path."""
    start: Callable[[str], Sequence[str]]
    """The command that starts it, without arguments; the path is the same."""


_C_SOURCE: Final = str(BENCHMARKS / "c" / "echo.c")
_RUBY_SOURCE: Final = str(BENCHMARKS / "ruby" / "echo.rb")

C: Final = Program(
    "C",
    ("gcc", "libc6-dev", "librabbitmq-dev"),
    prepare=lambda made: ["gcc", "-O2", "-o", made, _C_SOURCE, "-lrabbitmq"],
    start=lambda made: [made],
)
RUBY: Final = Program(
    "Ruby",
    ("ruby", "ruby-amqp"),
    prepare=lambda _: ["ruby", "-r", "amqp", "-c", _RUBY_SOURCE],
    start=lambda _: ["ruby", _RUBY_SOURCE],
)


class Programs:
    """Those that are wanted, ready to start until the end of the block; ``missing`` says of each
    that is not why."""

    def __init__(self, wanted: Iterable[Program] = (), *, install: bool = False) -> None:
        self._wanted = list(wanted)
        self._install = install
        self.missing: dict[str, str] = {}
        """By language."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        for each in self._wanted:
            failed = self._prepare(each)
            if failed and self._install and install(each):
                failed = self._prepare(each)
            if failed:
                packages = ", ".join(each.packages)
                self.missing[each.language] = f"it needs Debian's packages {packages}"
                print(f"{each.language}: {failed}", flush=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def command(self, program: Program) -> list[str]:
        """What starts it, without arguments."""
        return [*program.start(self._made(program))]

    def _made(self, program: Program) -> str:
        return str(Path(self._folder.name) / program.language)

    def _prepare(self, program: Program) -> str:
        """What went wrong, or nothing."""
        command = program.prepare(self._made(program))
        if shutil.which(command[0]) is None:
            return f"{command[0]} is not installed"
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode == 0:
            return ""
        return ran.stderr.strip()[:300] or f"{command[0]} ended with {ran.returncode}"


def install(program: Program) -> bool:
    """Install its packages where this is root on a Debian, and say so first; whether it did."""
    if os.geteuid() or shutil.which("apt-get") is None:
        return False
    packages = program.packages
    print(
        f"Installing {', '.join(packages)} with apt-get, for the peer in {program.language}",
        flush=True,
    )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return all(
        subprocess.run(
            ["apt-get", *command], env=quiet, stdout=subprocess.DEVNULL, check=False
        ).returncode
        == 0
        for command in (["update", "-qq"], ["install", "-y", "-qq", *packages])
    )
