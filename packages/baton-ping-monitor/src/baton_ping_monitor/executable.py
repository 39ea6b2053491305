"""The executable ``baton-ping-monitor``."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from baton.cli.exit_codes import errors_as_exit_codes
from baton.cli.log import LEVELS, setup_logging
from baton.cli.options import HELP, broker_options, load_configuration, log_format_option
from baton.cli.process import ProcessOptions, control, process_options, run_process
from baton.lifecycle import run_until_signalled
from baton.monitor import default_instance
from baton.server import EVERYONE
from baton_ping.monitor import PingMonitor

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton_ping_monitor.terminal.display import Display

PROGRAM: Final = "baton-ping-monitor"


@click.command(PROGRAM, context_settings=HELP)
@process_options
@click.option("--plain", is_flag=True, help="Log each output message, and show no table.")
@click.option(
    "--demo", is_flag=True, help="Show a simulated fleet in this process. Needs no broker."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="End the demo by itself after N seconds.",
)
@broker_options(PROGRAM)
@click.option(
    "--instance",
    metavar="NAME",
    help="What this monitor is called. What is said while an instance is away waits for it in the "
    "broker for a day; only one process may be the same instance. "
    "[default: this host's name; with --plain none, and nothing waits]",
)
@click.option(
    "--ping-every",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="Ping the fleet, too. Otherwise the table tells who answers the pings of others, but "
    "not who should have answered, nor how long it took.",
)
@click.option(
    "--target",
    multiple=True,
    metavar="KEY",
    help="Whom to ping: an environment, <app>.<environment>, or the name of a server. May be "
    "given several times. [default: every server]",
)
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    help="What to log, to LOG_FILE or on standard error. [default: info; with --demo nothing]",
)
@log_format_option
def main(**given: Any) -> None:
    """Show which servers answer baton-ping, and what they say.

    Shows a table of the fleet behind the broker that repaints itself, or a line for each change
    where standard output is not a terminal. Ctrl-C ends it.

    With --plain it may run in the background.

    Exits with 0 when it was told to end, with 1 if another process is the same instance, and with
    2 for wrong use or a wrong configuration. A broker that is away is waited for.
    """
    options = Options(**given)
    options.check()
    with errors_as_exit_codes(PROGRAM):
        sys.exit(_demo(options) if options.demo else _run(options))


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    plain: bool
    demo: bool
    seconds: float | None
    config: Path | None
    url: str | None
    instance: str | None
    ping_every: float | None
    target: tuple[str, ...]
    log_level: str | None
    log_format: str
    process: ProcessOptions

    def check(self) -> None:
        """Raise a UsageError for options that do not go together."""
        broker = ("config", "url", "instance")
        self._refuse("demo", "plain", *broker, "ping_every", "target")
        self._refuse("plain", "ping_every", "target")
        if self.demo and self.process != ProcessOptions():
            raise click.UsageError("The demo stays in the foreground, and is no process to ask")
        if self.process.daemonize and not self.plain:
            raise click.UsageError("--daemonize goes with --plain: a table needs a terminal")
        if self.seconds is not None and not self.demo:
            raise click.UsageError("--seconds goes with --demo")
        if self.target and self.ping_every is None:
            raise click.UsageError("--target says whom to ping: it goes with --ping-every")

    def _refuse(self, option: str, *others: str) -> None:
        for other in others:
            if getattr(self, option) and getattr(self, other):
                raise click.UsageError(f"{_flag(option)} and {_flag(other)} exclude each other")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _demo(options: Options) -> int:
    from baton_ping_monitor.demo import Demo  # noqa: PLC0415
    from baton_ping_monitor.terminal.display import make_display  # noqa: PLC0415

    display = make_display()
    _log_beside(display, options.log_level, options.log_format)
    demo = Demo(display)
    return run_until_signalled(
        demo.start, demo.stop, demo.configuration.grace, lambda: demo.run(options.seconds)
    )


def _run(options: Options) -> int:
    level = options.log_level or "info"
    setup_logging(level, style=options.log_format)
    configuration = load_configuration(PROGRAM, options.config, options.url)
    control(PROGRAM, options.process, configuration)
    if not options.plain:
        return _table(options, configuration)
    if configuration.log_file is not None:
        setup_logging(level, configuration.log_file, options.log_format)
    monitor = PingMonitor(configuration, options.instance)
    return run_process(
        PROGRAM, options.process, configuration, lambda: [monitor], failed=monitor.failed
    )


def _table(options: Options, configuration: Configuration) -> int:
    from baton_ping_monitor.terminal.display import make_display  # noqa: PLC0415
    from baton_ping_monitor.watch import Watch  # noqa: PLC0415

    display = make_display()
    level = options.log_level or "info"
    _log_beside(display, level, options.log_format, configuration.log_file)
    watch = Watch(
        configuration,
        display,
        instance=options.instance or default_instance(),
        targets=options.target or (EVERYONE,),
        ping_every=options.ping_every,
    )
    return run_until_signalled(watch.start, watch.stop, configuration.grace, watch.run)


def _log_beside(display: Display, level: str | None, style: str, file: Path | None = None) -> None:
    """Log where that does not disturb *display*; with no *level*, do not log."""
    if level is None or (file is None and display.repaints and sys.stderr.isatty()):
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    else:
        setup_logging(level, file, style)
