"""Errors as exit codes: 0 done, 1 the answer is "no", 2 wrong use or configuration, 3 no broker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from baton.errors import (
    BatonError,
    BrokerError,
    ConfigurationError,
    MessageError,
    MonitorUnavailable,
    PublishTimeout,
)

DONE: Final = 0
NO: Final = 1
WRONG_USE: Final = 2
NO_BROKER: Final = 3
INTERRUPTED: Final = 130


@contextmanager
def errors_as_exit_codes(program: str) -> Iterator[None]:
    """Say one sentence on standard error and exit with the right code, without a traceback."""
    try:
        yield
    except BatonError as error:
        click.echo(f"{program}: {error}", err=True)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def exit_code(error: BatonError) -> int:
    """What *error* means to a script."""
    match error:
        case ConfigurationError() | MessageError():
            return WRONG_USE
        case BrokerError() | MonitorUnavailable() | PublishTimeout():
            return NO_BROKER
        case _:
            return NO
