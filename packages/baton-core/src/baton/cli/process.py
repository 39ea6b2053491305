"""Running as a process of the system: in the foreground or as a daemon, with a PID file."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from baton.cli.exit_codes import DONE, NO
from baton.errors import ConfigurationError

if TYPE_CHECKING:
    from baton.cli.detach import HasDescriptor
    from baton.configuration import Configuration
    from baton.health import Runnable

_MARGIN: Final = 10.0
"""Seconds beyond the grace period after which a process that was told to stop has ended: it ends
itself after five."""


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What the command line says about the process."""

    daemonize: bool = False
    stop: bool = False
    status: bool = False
    as_json: bool = False

    def check(self) -> None:
        """Raise a UsageError for options that do not go together."""
        if self.daemonize + self.stop + self.status > 1:
            raise click.UsageError("--daemonize, --stop and --status exclude each other")
        if self.as_json and not self.status:
            raise click.UsageError("--json goes with --status")


def process_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-d/--daemonize``, ``--stop`` and ``--status``; *function* is given them as one
    argument, ``process``."""

    @click.option(
        "-d",
        "--daemonize",
        is_flag=True,
        help="Run in the background. PID_FILE and LOG_FILE must be set.",
    )
    @click.option("--stop", is_flag=True, help="Stop the one that runs, and wait until it ended.")
    @click.option(
        "--status",
        is_flag=True,
        help="Say how the one that runs is, and exit with 0 only if it is ready.",
    )
    @click.option("--json", "as_json", is_flag=True, help="With --status: print a JSON document.")
    @functools.wraps(function)
    def with_process(
        *, daemonize: bool, stop: bool, status: bool, as_json: bool, **given: Any
    ) -> Any:
        process = ProcessOptions(daemonize, stop, status, as_json)
        process.check()
        return function(process=process, **given)

    return with_process


def control(
    program: str,
    options: ProcessOptions,
    configuration: Configuration,
    grace: float | None = None,
) -> None:
    """Do what ``--stop`` and ``--status`` ask for, and exit; otherwise do nothing. *grace* is the
    longest ``GRACE`` of what runs, if that is not the one of *configuration*."""
    if options.stop:
        sys.exit(_stop(program, configuration, configuration.grace if grace is None else grace))
    if options.status:
        from baton.cli.status import show_status  # noqa: PLC0415

        sys.exit(show_status(program, configuration, as_json=options.as_json))


def run_process(
    program: str,
    options: ProcessOptions,
    configuration: Configuration,
    make: Callable[[], Sequence[Runnable]],
    failed: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> int:
    """Run what *make* makes until SIGTERM or SIGINT, with a PID file if ``PID_FILE`` is set.

    A daemon calls *make* when it has detached: no thread and no open file of a service is lost by
    that. What goes wrong until all have started is said by the process that was started first.
    Raises ConfigurationError, AlreadyRunning, and what *failed* raises.
    """
    from baton.health_server import health_sockets  # noqa: PLC0415
    from baton.pid_file import hold_pid_file  # noqa: PLC0415
    from baton.runner import run_services  # noqa: PLC0415

    if options.daemonize:
        _check_daemon(configuration)
    with ExitStack() as stack:
        pid_file = None
        if configuration.pid_file is not None:
            pid_file = stack.enter_context(hold_pid_file(configuration.pid_file))
        sockets = stack.enter_context(
            health_sockets(configuration, pid_file.socket if pid_file else None)
        )
        if pid_file is not None:
            pid_file.owns_socket = True
        started = None
        if options.daemonize and pid_file is not None:
            started = stack.enter_context(_in_background(program, [pid_file, *sockets]))
            pid_file.write()
        return run_services(make(), configuration, sockets=sockets, started=started, failed=failed)


@contextmanager
def _in_background(program: str, preserve: list[HasDescriptor]) -> Iterator[Callable[[], None]]:
    from baton.cli.detach import detached  # noqa: PLC0415
    from baton.log_file import log_files  # noqa: PLC0415

    with detached(program, [*preserve, *log_files()]) as started:
        yield started


def _check_daemon(configuration: Configuration) -> None:
    from baton.cli.detach import find_daemon_library  # noqa: PLC0415

    find_daemon_library()
    missing = [
        name for name in ("PID_FILE", "LOG_FILE") if getattr(configuration, name.lower()) is None
    ]
    if missing:
        raise ConfigurationError(
            f"--daemonize needs {' and '.join(missing)}, in the configuration file or as "
            f"BATON_{missing[0]}"
        )


def _stop(program: str, configuration: Configuration, grace: float) -> int:
    from baton.cli.status import not_running  # noqa: PLC0415
    from baton.pid_file import terminate_holder  # noqa: PLC0415

    path = _pid_file(configuration, "--stop")
    patience = grace + _MARGIN
    try:
        number = terminate_holder(path, patience)
    except TimeoutError:
        click.echo(f"{program}: It has not ended within {patience:g} s (PID_FILE {path})", err=True)
        return NO
    except PermissionError as error:
        click.echo(f"{program}: It cannot be stopped: {error.strerror} (PID_FILE {path})", err=True)
        return NO
    if number is None:
        click.echo(not_running(program, path), err=True)
        return NO
    click.echo(f"{program} (process {number}) has ended")
    return DONE


def _pid_file(configuration: Configuration, option: str) -> Path:
    if configuration.pid_file is None:
        raise ConfigurationError(f"{option} needs PID_FILE, which tells what runs")
    return configuration.pid_file
