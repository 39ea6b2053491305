"""The factories for executables: what starts an extension's service, and its monitor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baton.cli.exit_codes import errors_as_exit_codes
from baton.cli.log import setup_logging
from baton.cli.options import HELP, broker_options, load_configuration, log_options
from baton.cli.process import ProcessOptions, control, process_options, run_process
from baton.extension import Extension

if TYPE_CHECKING:
    from baton.configuration import Configuration


def service_executable(extension: Extension) -> click.Command:
    """The executable of *extension*: it runs the service until SIGTERM or SIGINT.

    ::

        main = service_executable(extension)

    It exits with 0 when all was finished, with 1 when something had to be abandoned or it runs
    already, and with 2 for a wrong configuration. A broker that is away is waited for.
    """

    usage = f"Start the {extension.name} service on this server."

    @click.command(extension.name, help=usage, context_settings=HELP)
    @process_options
    @broker_options(extension.name)
    @log_options
    def main(
        config: Path | None,
        url: str | None,
        log_level: str,
        log_format: str,
        process: ProcessOptions,
    ) -> None:
        with errors_as_exit_codes(extension.name):
            configuration = _configured(extension.name, process, config, url, log_level, log_format)
            sys.exit(
                run_process(
                    extension.name,
                    process,
                    configuration,
                    lambda: [extension.load("service")(configuration)],
                )
            )

    return main


def monitor_executable(extension: Extension) -> click.Command:
    """The executable ``<extension>-monitor``: it runs the monitor until SIGTERM or SIGINT.

    ::

        monitor = monitor_executable(extension)

    Its file is ``/etc/<extension>-monitor/<extension>-monitor.cfg``. It exits as
    :func:`service_executable` says, and with 1 if another process is the same instance.
    """
    program = f"{extension.name}-monitor"
    usage = f"Read what the servers that run {extension.name} say."

    @click.command(program, help=usage, context_settings=HELP)
    @process_options
    @broker_options(program)
    @click.option(
        "--instance",
        metavar="NAME",
        help="What this monitor is called. What is said while an instance is away waits for it in "
        "the broker for a day; only one process may be the same instance. "
        "[default: none, and nothing waits]",
    )
    @log_options
    def main(
        config: Path | None,
        url: str | None,
        instance: str | None,
        log_level: str,
        log_format: str,
        process: ProcessOptions,
    ) -> None:
        with errors_as_exit_codes(program):
            configuration = _configured(program, process, config, url, log_level, log_format)
            monitor = extension.load("monitor")(configuration, instance)
            sys.exit(
                run_process(
                    program, process, configuration, lambda: [monitor], failed=monitor.failed
                )
            )

    return main


def _configured(
    program: str,
    process: ProcessOptions,
    config: Path | None,
    url: str | None,
    log_level: str,
    log_format: str,
) -> Configuration:
    """The configuration of a process that is to run, and logs as that says.

    It exits here if it was asked to stop another one, or for how that is.
    """
    setup_logging(log_level, style=log_format)
    configuration = load_configuration(program, config, url)
    control(program, process, configuration)
    if configuration.log_file is not None:
        setup_logging(log_level, configuration.log_file, log_format)
    return configuration
