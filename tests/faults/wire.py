"""A line to the broker in a process of its own: what it forwards does not wait for the test.

``python -m faults.wire URL`` says the URL of its end, and does what it is told on standard input.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lines.line import Line

_TESTS = Path(__file__).parents[1]


class Wire:
    """Such a process. *end* is the URL at its end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.end = self._read()

    def cut(self) -> None:
        """Close what is open, and refuse what comes."""
        self._tell("cut")

    def mend(self) -> None:
        """Forward again."""
        self._tell("mend")

    def _tell(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the line has ended, with {self._process.wait()}")
        return line.strip()


@contextmanager
def wire(url: str) -> Iterator[Wire]:
    """A line to *url* within the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "faults.wire", url],
        cwd=_TESTS,
        env=os.environ | {"PYTHONPATH": str(_TESTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Wire(process)
        finally:
            process.kill()


async def _main(url: str) -> None:
    async with Line(url) as line:
        sys.stdout.write(f"{line.end}\n")
        sys.stdout.flush()
        while what := (await asyncio.to_thread(sys.stdin.readline)).strip():
            await (line.cut() if what == "cut" else line.mend())
            sys.stdout.write("done\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
