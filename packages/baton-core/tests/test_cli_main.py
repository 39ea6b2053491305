"""The console script ``baton``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from baton import __version__

Run = Callable[..., subprocess.CompletedProcess[str]]

MAIN = "from baton.cli.main import main; main()"


def test_version(run: Run) -> None:
    ran = run("-c", MAIN, "--version")
    assert (ran.returncode, ran.stdout) == (0, f"baton, version {__version__}\n")


@pytest.mark.parametrize("arguments", ["--help", "send --help", "--version"])
def test_an_output_that_takes_nothing(arguments: str) -> None:
    program = f'exec "$0" -c "{MAIN}" {arguments} >/dev/full'
    ran = subprocess.run(
        ["bash", "-c", program, sys.executable], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr == "baton: Standard output cannot be written: No space left on device\n"


NEEDLESS = {
    "argparse", "asyncio", "baton.cli.run", "baton.cli.send", "baton.configuration", "baton.fleet",
    "csv", "difflib", "email", "importlib.metadata", "random", "selectors", "shlex", "socket",
    "subprocess", "tempfile", "zipfile",
}  # fmt: skip
NOT_EVEN = {"baton_ping.command", "click", "ipaddress", "json", "logging", "pathlib", "shutil"}


def needless(run: Run, path: list[str], *arguments: str) -> list[str]:
    """What ``baton`` imports without need, where modules are found on *path*."""
    program = (
        f"import sys; sys.path[:] = {path!r}; "
        "import atexit; from baton.cli.main import main; "
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main()"
    )
    ran = run("-S", "-c", program, *arguments)
    assert ran.returncode == 0
    return sorted((NEEDLESS | NOT_EVEN) & set(ran.stderr.split()))


def test_help_waits_for_little(run: Run, alone: list[str]) -> None:
    """What importing costs is most of the time that it takes."""
    assert needless(run, alone, "--help") == []


def test_the_help_of_a_command_waits_for_little_but_click(run: Run) -> None:
    assert not NEEDLESS & set(needless(run, sys.path, "ping", "--help"))


HEAVY = {"aio_pika", "aiormq", "asyncio", "pika", "pydantic", "yaml", "ssl"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["dead-letters", "list", "--help"],
        ["doctor", "--help"],
        ["extensions"],
        ["extensions", "--json"],
        ["facts", "--help"],
        ["ping", "--help"],
        ["replies", "--help"],
        ["send", "--help"],
    ],
)
def test_what_needs_no_broker_imports_nothing_heavy(run: Run, arguments: list[str]) -> None:
    program = (
        "import sys, atexit; from baton.cli.main import main; "
        f"atexit.register(lambda: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)); "
        "main()"
    )
    ran = run("-c", program, *arguments)
    assert (ran.returncode, ran.stderr) == (0, "[]\n")
