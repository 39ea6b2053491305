"""Options that every command takes, and what they configure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from pathlib import Path

    from baton.configuration import Configuration

HELP: Final = {"help_option_names": ["-h", "--help"]}
"""Settings of a command's context."""

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("text", "json")

Function = TypeVar("Function", bound=Callable[..., Any])


class Seconds(click.FloatRange):
    """How long something may take: more than nothing, unless *zero* is allowed, and up to *most*
    seconds, by default a week."""

    def __init__(self, *, zero: bool = False, most: float = 604_800) -> None:
        super().__init__(min=0, min_open=not zero, max=most)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """*value* as a number of seconds."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


class FilePath(click.Path):
    """The path of a file or a folder, as a ``pathlib.Path``: what that imports is imported when one
    is given."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """*value* as a path."""
        from pathlib import Path  # noqa: PLC0415

        return Path(super().convert(value, param, ctx))  # type: ignore[arg-type]


def broker_options(program: str) -> Callable[[Function], Function]:
    """Add ``-c/--config`` and ``--url``, which :func:`load_configuration` takes; *program* is
    whose file is read by default."""
    config = click.option(
        "-c",
        "--config",
        type=FilePath(),
        help=f"The configuration file. [default: /etc/{program}/{program}.cfg]",
    )
    url = click.option("--url", help="The broker: amqp://, amqps:// or memory://.")

    def decorate(function: Function) -> Function:
        return config(url(function))

    return decorate


def log_options(function: Function) -> Function:
    """Add ``--log-level`` and ``--log-format``, of a program that logs while it runs."""
    level = click.option(
        "--log-level",
        type=click.Choice(LEVELS),
        default="info",
        show_default=True,
        help="What to log, on standard error or to LOG_FILE.",
    )
    return level(log_format_option(function))


def log_format_option(function: Function) -> Function:
    """Add ``--log-format``."""
    return click.option(
        "--log-format",
        type=click.Choice(FORMATS),
        default="text",
        show_default=True,
        help="How a log record is written: as a line of text, or as a line of JSON.",
    )(function)


def load_configuration(
    extension: str | None, config: Path | None, url: str | None, **options: Any
) -> Configuration:
    """The configuration of *extension*, with the options that a command was given. Without an
    extension no file is read unless *config* names one.

    Raises ConfigurationError, for a file that was asked for and is not there, too.
    """
    from baton.configuration import Configuration  # noqa: PLC0415
    from baton.errors import ConfigurationError  # noqa: PLC0415

    if config is not None:
        try:
            config.stat()
        except OSError as error:
            raise ConfigurationError(f"{config}: cannot be read: {error.strerror}") from None
    return Configuration.load(config, extension=extension, rabbit_url=url, **options)
