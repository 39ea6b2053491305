"""Errors as exit codes: 0 done, 1 the answer is "no", 2 wrong use or configuration, 3 no broker."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from baton.errors import (
    BatonError,
    BrokerError,
    ConfigurationError,
    MessageError,
    MonitorUnavailable,
    PublishTimeout,
)
from baton.text import printable

DONE: Final = 0
NO: Final = 1
WRONG_USE: Final = 2
NO_BROKER: Final = 3
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
"""Nobody reads on: what a shell says of a program that SIGPIPE ended."""

_OF_OUTPUT: Final = (
    errno.EPIPE,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EBADF,
    errno.ENXIO,
)
"""Why standard output takes no more."""


@contextmanager
def errors_as_exit_codes(program: str) -> Iterator[None]:
    """Say one sentence on standard error and exit with the right code, without a traceback.

    So it is, too, where standard output takes no more, on a full disk for example; nothing is said
    if it is a pipe that nobody reads any more.
    """
    try:
        yield
        _flush()
    except BatonError as error:
        _say(f"{program}: {error}")
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        # An error of a file has its name; those of sockets became errors of Baton.
        if error.errno not in _OF_OUTPUT or error.filename is not None:
            raise
        _abandon_output()
        if error.errno == errno.EPIPE:
            sys.exit(BROKEN_PIPE)
        _say(f"{program}: Standard output cannot be written: {error.strerror}")
        sys.exit(NO)


def exit_code(error: BatonError) -> int:
    """What *error* means to a script."""
    match error:
        case ConfigurationError() | MessageError():
            return WRONG_USE
        case BrokerError() | MonitorUnavailable() | PublishTimeout():
            return NO_BROKER
        case _:
            return NO


def _flush() -> None:
    if sys.stdout is not None:  # it is, if somebody closed it
        sys.stdout.flush()


def _say(sentence: str) -> None:
    # A broker's own words may be part of it; lines are ours.
    import click  # noqa: PLC0415  (the help of ``baton`` does without)

    lines = "\n".join(map(printable, sentence.split("\n")))
    with suppress(OSError):  # standard error may be as full
        click.echo(lines, err=True)


def _abandon_output() -> None:
    """What is still to be written at the end of the process would be an error once more."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
