"""Options that every command takes, and what they configure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from baton.configuration import Configuration

Function = TypeVar("Function", bound=Callable[..., Any])


def broker_options(function: Function) -> Function:
    """Add ``-c/--config`` and ``--url``, which :func:`load_configuration` takes."""
    config = click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        help="The configuration file. [default: /etc/<extension>/<extension>.cfg]",
    )
    url = click.option("--url", help="The broker: amqp://, amqps:// or memory://.")
    return config(url(function))


def load_configuration(
    extension: str, config: Path | None, url: str | None, **options: Any
) -> Configuration:
    """The configuration of *extension*, with the options that a command was given.

    Raises ConfigurationError, also for a file that was asked for and is not there.
    """
    from baton.configuration import Configuration  # noqa: PLC0415
    from baton.errors import ConfigurationError  # noqa: PLC0415

    if config is not None and not config.exists():
        raise ConfigurationError(f"{config}: there is no such file")
    return Configuration.load(config, extension=extension, rabbit_url=url, **options)
