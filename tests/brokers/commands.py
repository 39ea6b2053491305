"""Runs a program quietly, and tells what it said when it fails."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from brokers.errors import CommandFailed
from brokers.notice import notice

LINES_TOLD = 15


def run(
    command: Sequence[str],
    *,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    finish: bool = False,
) -> str:
    """The output of *command*. Raises CommandFailed with the end of it.

    Ctrl-C does not reach it, but this function: it ends the command with all that it started, or,
    with *finish*, waits for its end. So what must not be left half done is never.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CommandFailed(f"`{command[0]}` cannot be run: {error}") from None
    with process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise CommandFailed(f"`{' '.join(command)}` took longer than {timeout:g} s") from None
        except BaseException:
            if finish and process.poll() is None:
                notice(f"Interrupted. `{command[0]}` is not to be left half done: it goes on.")
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=timeout)
            _end(process)
            raise
    if process.returncode != 0:
        said = "\n".join(output.strip().splitlines()[-LINES_TOLD:])
        raise CommandFailed(f"`{' '.join(command)}` exited with {process.returncode}:\n{said}")
    return output


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
