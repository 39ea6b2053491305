"""Runs a program quietly, and tells what it said when it fails."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from brokers.errors import CommandFailed

LINES_TOLD = 15


def run(
    command: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None
) -> str:
    """The output of *command*. Raises CommandFailed with the end of it."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            env={**os.environ, **(environment or {})},
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise CommandFailed(f"`{command[0]}` cannot be run: {error}") from None
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"`{' '.join(command)}` took longer than {timeout:g} s") from None
    if done.returncode != 0:
        said = "\n".join(done.stdout.strip().splitlines()[-LINES_TOLD:])
        raise CommandFailed(f"`{' '.join(command)}` exited with {done.returncode}:\n{said}")
    return done.stdout
