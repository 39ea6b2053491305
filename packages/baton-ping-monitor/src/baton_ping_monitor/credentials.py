"""Making lines of the users file: ``--hash-password`` and ``--new-token``."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from baton_ping_monitor.command_line import Options

_ROLE: Final = "viewer"
_LONGEST: Final = 4096
"""Characters of a line that are read."""


def print_password_line(options: Options) -> None:
    """Ask for a password, twice, or read a line of standard input if that is no terminal, and print
    its line of the users file. Raises UsageError for a password or a name that cannot be."""
    from baton_ping_monitor.web.passwords import hash_password  # noqa: PLC0415

    name = _name(options)
    if sys.stdin.isatty():
        password = click.prompt(
            f"The password of {name}", hide_input=True, confirmation_prompt="Once more", err=True
        )
    else:
        password = sys.stdin.readline(_LONGEST).rstrip("\r\n")
    try:
        secret = hash_password(password)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(_line(name, options, secret))


def print_token_line(options: Options) -> None:
    """Print a new token and its line of the users file. Raises UsageError for a name that cannot
    be."""
    from baton_ping_monitor.web.passwords import new_token  # noqa: PLC0415

    name = _name(options)
    token, secret = new_token()
    click.echo(f"The token, which is shown only now: {token}", err=True)
    click.echo(_line(name, options, secret))


def _name(options: Options) -> str:
    from baton_ping_monitor.web.users import check_user_name  # noqa: PLC0415

    try:
        return check_user_name(options.user if options.user is not None else getpass.getuser())
    except (ValueError, KeyError, OSError) as error:
        if isinstance(error, ValueError):
            raise click.UsageError(f"--user: {error}") from None
        raise click.UsageError("Say whose line it is with --user") from None


def _line(name: str, options: Options, secret: str) -> str:
    return f"{name}:{options.role or _ROLE}:{secret}"
