"""Virtual environments of authors and servers, and the wheels that are installed in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = os.environ.get("HATCH_UV") or shutil.which("uv")


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own, and the folder that its commands are run in."""

    folder: Path
    work: Path

    def path(self, program: str) -> str:
        return str(self.folder / "bin" / program)

    def run(
        self, program: str, *arguments: str | Path, at: str | Path = "", code: int = 0, **more: str
    ) -> str:
        """Run one of its commands to its end, and give what it prints."""
        return run(self.path(program), *arguments, at=self.work / at, code=code, **more)

    def install(self, *arguments: str | Path, at: str | Path = "") -> None:
        python = self.path("python")
        if UV:
            run(UV, "pip", "install", "-q", "-p", python, *arguments, at=self.work / at)
        else:
            run(python, "-m", "pip", "install", "-q", *arguments, at=self.work / at)


def run(*arguments: str | Path, at: Path, code: int = 0, **more: str) -> str:
    """Run a program to its end, and give what it prints."""
    ended = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=at,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        env=os.environ | {"VIRTUAL_ENV": ""} | more,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def environment(parent: Path, name: str) -> Environment:
    """A new one, with nothing in it."""
    folder, work = parent / name, parent / f"{name}-work"
    work.mkdir()
    if UV:
        run(UV, "venv", "-q", "-p", sys.executable, folder, at=work)
    else:
        run(sys.executable, "-m", "venv", folder, at=work)
    return Environment(folder, work)


def build(source: Path, output: Path) -> None:
    """The sdist and the wheel of *source*, as a release has them."""
    run("hatchling", "build", "-d", output, at=source)


def build_wheels(folder: Path, *packages: str) -> list[Path]:
    """The wheels of some of Baton's own packages, built in *folder*."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: build(ROOT / "packages" / name, folder), packages))
    return sorted(folder.glob("*.whl"))
