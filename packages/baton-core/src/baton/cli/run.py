"""``baton run``: the services of several extensions in one process, real or simulated."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from baton.cli.log import setup_logging
from baton.cli.options import broker_options, load_configuration, log_options
from baton.cli.process import ProcessOptions, control, process_options, run_process
from baton.names import LONGEST_ENVIRONMENT, check_name

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.extension import Extension
    from baton.health import Runnable
    from baton.simulation import Mixture

_PROGRAM: Final = "baton run"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")


class Share(click.ParamType[float]):
    """A share of all, as a percentage: ``5`` or ``5%``; from 0 to 1 in the code."""

    name = "percentage"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """*value* as a share."""
        if isinstance(value, float):
            return value
        try:
            share = float(str(value).strip().removesuffix("%")) / 100
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is no percentage: 0% to 100% are allowed.", param, ctx)
        return share


@click.command()
@click.argument("extensions", nargs=-1, metavar="[EXTENSION]...")
@process_options
@broker_options("<extension>")
@click.option(
    "--simulate",
    type=click.IntRange(1, 99_999),
    metavar="N",
    help="Run N servers of each extension that are made up.",
)
@click.option(
    "--environments",
    metavar="A,B",
    help="Spread them over these environments. [default: the configured one]",
)
@click.option(
    "--prefix",
    metavar="TEXT",
    help="What their names begin with: PREFIX00001.example.org. [default: sim]",
)
@click.option("--slow", type=Share(), metavar="P%", help="So many take 0.5 to 2 s longer.")
@click.option("--failing", type=Share(), metavar="P%", help="So many answer with an error.")
@click.option(
    "--latency",
    type=click.FloatRange(0, 3_600_000),
    metavar="MS",
    help="Milliseconds that each command takes, half as long or half as much again.",
)
@log_options
def run(
    extensions: tuple[str, ...],
    config: Path | None,
    url: str | None,
    log_level: str,
    log_format: str,
    process: ProcessOptions,
    **given: Any,
) -> None:
    """Run the services of several extensions in this process until SIGTERM or SIGINT.

    Without an EXTENSION all that are installed are run. Each has its own configuration file,
    unless -c names one for all; what concerns the process is read from that of the first.
    """
    options = Simulated(**given)
    options.check()
    setup_logging(log_level, style=log_format)
    names = dict.fromkeys(extensions or _installed())
    pairs = [_configured(name, config, url) for name in names]
    configuration = pairs[0][1]
    control(_PROGRAM, process, configuration, max(each.grace for _, each in pairs))
    if configuration.log_file is not None:
        setup_logging(log_level, configuration.log_file, log_format)
    sys.exit(
        run_process(
            _PROGRAM,
            process,
            configuration,
            lambda: [options.service(extension, each) for extension, each in pairs],
        )
    )


@dataclass(frozen=True, slots=True)
class Simulated:
    """What the command line says of servers that are made up."""

    simulate: int | None
    environments: str | None
    prefix: str | None
    slow: float | None
    failing: float | None
    latency: float | None

    def check(self) -> None:
        """Raise a UsageError for options that do not go together, or make no names."""
        others = ("environments", "prefix", "slow", "failing", "latency")
        for option in others:
            if self.simulate is None and getattr(self, option) is not None:
                raise click.UsageError(f"--{option} goes with --simulate")
        if self.prefix is not None and not _NAME.fullmatch(self.prefix):
            raise click.BadParameter(
                f'"{self.prefix}" cannot begin a name: a-z 0-9 and - are allowed, at most 42',
                param_hint="--prefix",
            )
        if self.environments is not None and not self._environments():
            raise click.BadParameter("names no environment", param_hint="--environments")
        for environment in self._environments():
            try:
                check_name(environment, LONGEST_ENVIRONMENT)
            except ValueError as error:
                raise click.BadParameter(str(error), param_hint="--environments") from None

    def service(self, extension: Extension, configuration: Configuration) -> Runnable:
        """What is to be run for *extension*: its service on this server, or on made-up ones.

        Raises ConfigurationError if the extension has no service or it cannot be imported.
        """
        kind = extension.load("service")
        if self.simulate is None:
            service: Runnable = kind(configuration)
            return service
        from baton.server import Server  # noqa: PLC0415
        from baton.simulation import Simulation, made_up_servers  # noqa: PLC0415

        environments = self._environments() or [Server.detect(configuration).environment]
        servers = made_up_servers(self.simulate, environments, self.prefix or "sim")
        characters = self._mixture().characters(self.simulate, seed=1)
        return Simulation(configuration, extension, zip(servers, characters, strict=True), seed=1)

    def _environments(self) -> list[str]:
        parts = (self.environments or "").split(",")
        return [part.strip().lower() for part in parts if part.strip()]

    def _mixture(self) -> Mixture:
        from baton.simulation import Mixture  # noqa: PLC0415

        return Mixture(self.slow or 0.0, self.failing or 0.0, (self.latency or 0.0) / 1000)


def _installed() -> tuple[str, ...]:
    """The names of the installed extensions that have a service."""
    from baton.extension import installed_extensions  # noqa: PLC0415

    found = [each.extension for each in installed_extensions()]
    names = tuple(each.name for each in found if each is not None and each.service is not None)
    if not names:
        raise click.UsageError(
            "No extension with a service is installed. Try: pip install baton-ping"
        )
    return names


def _configured(name: str, config: Path | None, url: str | None) -> tuple[Extension, Configuration]:
    from baton.extension import require_extension  # noqa: PLC0415

    extension = require_extension(name)
    return extension, load_configuration(extension.name, config, url)
