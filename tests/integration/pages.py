"""A page of the documentation as a shell script: its files are written, its commands are run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(r"^```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE: Final = re.compile(r"# (?P<path>[\w/.-]+\.(?:py|toml))\n(?P<content>.*)", re.DOTALL)
_MARK: Final = "@@ "
_READY: Final = """\
for _ in $(seq 300); do grep -q 'ready' {log} && break; sleep 0.1; done
grep -q 'ready' {log} || {{ cat {log}; exit 99; }}
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and the lines that it should print. Numbers may be others, ``…`` stands for
    anything."""

    command: str
    expected: tuple[str, ...]

    @property
    def pattern(self) -> re.Pattern[str]:
        """What it should print."""
        parts = []
        for line in self.expected:
            if line == "…":
                parts.append(r"(?:.*\n)*?")
            else:
                text = re.escape(line).replace("…", ".*")
                parts.append(re.sub(r"\d+", r"\\d+", text) + r"\n")
        return re.compile("".join(parts))


def script_of(page: Path) -> tuple[str, list[Step]]:
    """*page* as a script for bash, and its commands in order. What runs in the background (``&``)
    is waited for until it says that it is ready."""
    lines = ["set -u", "trap 'kill $(jobs -p) 2>/dev/null' EXIT"]
    steps: list[Step] = []
    for found in _BLOCK.finditer(page.read_text()):
        if file := _FILE.fullmatch(found["code"]):
            lines += [f"cat > {file['path']} <<'END_OF_FILE'", f"{file['content']}END_OF_FILE"]
        elif found["kind"] == "console":
            for step in _steps(found["code"]):
                lines += [f"echo '{_MARK}{len(steps)}'", *_run(step.command, len(steps))]
                steps.append(step)
        else:
            raise AssertionError(f"{page.name}: a block that is neither a file nor commands")
    return "\n".join([*lines, f"echo '{_MARK}{len(steps)}'", ""]), steps


def said(output: str) -> list[str]:
    """What each command of a script printed, from its whole *output*."""
    return re.split(rf"^{_MARK}\d+\n", output, flags=re.MULTILINE)[1:]


def _steps(code: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, *expected = part.splitlines()
        yield Step(command, tuple(expected))


def _run(command: str, number: int) -> list[str]:
    if not command.endswith("&"):
        return [command]
    log = f'"$TMPDIR/{number}.log"'
    return [f"{command.removesuffix('&')} >{log} 2>&1 &", _READY.format(log=log)]
