"""The executable ``baton-ping-monitor``."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import click

from baton.cli.exit_codes import DONE, errors_as_exit_codes
from baton.cli.log import setup_logging
from baton.cli.options import HELP, load_configuration
from baton.cli.process import control, run_process
from baton_ping_monitor.command_line import PROGRAM, Mode, Options, options_of_the_command

if TYPE_CHECKING:
    from pathlib import Path

    from baton.configuration import Configuration
    from baton_ping_monitor.settings import Settings, WebSettings
    from baton_ping_monitor.terminal.display import Display


@click.command(PROGRAM, context_settings=HELP)
@options_of_the_command
def main(**given: Any) -> None:
    """Show which servers answer baton-ping, and what they say.

    Prints the address of a dashboard, which shows the fleet behind the broker, its history and
    its incidents, and tells people of these. It runs until Ctrl-C or SIGTERM, and may run in the
    background, as --plain may.

    Exits with 0 when it was told to end, with 1 if another process is the same instance or
    something had to be abandoned, and with 2 for wrong use or a wrong configuration. A broker
    that is away is waited for.
    """
    options = Options.of(given)
    with errors_as_exit_codes(PROGRAM):
        sys.exit(_run(options))


def _run(options: Options) -> int:
    match options.mode:
        case Mode.HASH_PASSWORD | Mode.NEW_TOKEN:
            return _print_line(options)
        case Mode.DEMO:
            return _demo(options)
        case Mode.TABLE:
            return _table(options)
        case Mode.PLAIN:
            return _plain(options)
        case Mode.DASHBOARD:
            return _dashboard(options)


def _dashboard(options: Options) -> int:
    configuration, settings = _configure(options)
    control(PROGRAM, options.process, configuration)
    _check_access(settings.web)
    _log_to_the_file(options, configuration)

    from baton_ping_monitor.dashboard import Dashboard  # noqa: PLC0415

    dashboard = Dashboard(configuration, settings, announce=_announce)
    return run_process(
        PROGRAM, options.process, configuration, lambda: [dashboard], failed=dashboard.failed
    )


def _check_access(web: WebSettings) -> None:
    """Raise ConfigurationError, before anything starts, if anybody or nobody could log in."""
    from baton_ping_monitor.web.security import check_exposure  # noqa: PLC0415
    from baton_ping_monitor.web.users import read_users  # noqa: PLC0415

    check_exposure(web)
    if web.users_file is not None:
        read_users(web.users_file)


def _announce(url: str) -> None:
    click.echo(f"Dashboard: {url}")


def _print_line(options: Options) -> int:
    from baton_ping_monitor.credentials import print_password_line, print_token_line  # noqa: PLC0415

    if options.mode is Mode.NEW_TOKEN:
        print_token_line(options)
    else:
        print_password_line(options)
    return DONE


def _demo(options: Options) -> int:
    from baton.configuration import Configuration  # noqa: PLC0415
    from baton_ping_monitor.reading import read_settings  # noqa: PLC0415

    keys = {key: value for key, value in options.keys.items() if value is not None}
    web = read_settings(Configuration(**keys)).web
    _check_access(web)

    from baton.lifecycle import run_until_signalled  # noqa: PLC0415
    from baton_ping_monitor.demo import Demo  # noqa: PLC0415
    from baton_ping_monitor.terminal.display import make_display  # noqa: PLC0415

    display = make_display()
    _log_beside(display, options.log_level, options.log_format)
    demo = Demo(display, web)
    return run_until_signalled(
        demo.start, demo.stop, demo.configuration.grace, lambda: demo.run(options.seconds)
    )


def _plain(options: Options) -> int:
    from baton_ping.monitor import PingMonitor  # noqa: PLC0415

    configuration, settings = _configure(options)
    control(PROGRAM, options.process, configuration)
    _log_to_the_file(options, configuration)
    monitor = PingMonitor(configuration, settings.instance)
    return run_process(
        PROGRAM, options.process, configuration, lambda: [monitor], failed=monitor.failed
    )


def _table(options: Options) -> int:
    from baton.lifecycle import run_until_signalled  # noqa: PLC0415
    from baton.monitor import default_instance  # noqa: PLC0415
    from baton_ping_monitor.terminal.display import make_display  # noqa: PLC0415
    from baton_ping_monitor.watch import Watch  # noqa: PLC0415

    configuration, settings = _configure(options)
    display = make_display()
    level = options.log_level or "info"
    _log_beside(display, level, options.log_format, configuration.log_file)
    watch = Watch(
        configuration,
        display,
        settings.ping,
        settings.instance or default_instance(),
    )
    return run_until_signalled(
        watch.start,
        watch.stop,
        configuration.grace,
        watch.run,
        event_loop=configuration.event_loop,
    )


def _configure(options: Options) -> tuple[Configuration, Settings]:
    """The configuration, and the dashboard's part of it."""
    from baton_ping_monitor.reading import read_settings  # noqa: PLC0415

    setup_logging(options.log_level or "info", style=options.log_format)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells each step
    configuration = load_configuration(PROGRAM, options.config, options.url, **options.keys)
    return configuration, read_settings(configuration)


def _log_to_the_file(options: Options, configuration: Configuration) -> None:
    if configuration.log_file is not None:
        setup_logging(options.log_level or "info", configuration.log_file, options.log_format)


def _log_beside(display: Display, level: str | None, style: str, file: Path | None = None) -> None:
    """Log where that does not disturb *display*; with no *level*, do not log."""
    if level is None or (file is None and display.repaints and sys.stderr.isatty()):
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    else:
        setup_logging(level, file, style)
