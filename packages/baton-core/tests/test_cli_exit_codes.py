"""Errors as exit codes."""

from __future__ import annotations

import errno
import inspect
import subprocess
import sys
from pathlib import Path

import click
import pytest

from baton import errors
from baton.cli.exit_codes import errors_as_exit_codes, exit_code
from baton.errors import (
    AlreadyRunning,
    BatonError,
    BrokerUnavailable,
    MessageTooLarge,
    PublishFailed,
    UnknownMessageType,
    Unroutable,
)

pytestmark = pytest.mark.measured

EXIT_CODES = {
    "BatonError": 1,
    "ConfigurationError": 2,
    "MessageError": 2,
    "InvalidMessage": 2,
    "InvalidFilter": 2,
    "UnknownMessageType": 2,
    "MessageTooLarge": 2,
    "HandlerTimeout": 1,
    "Stopping": 1,
    "TooManyHeld": 1,
    "Reject": 1,
    "DeliveryLimitReached": 1,
    "InstanceTaken": 1,
    "AlreadyRunning": 1,
    "LettersTaken": 1,
    "UnknownLetter": 1,
    "MonitorUnavailable": 3,
    "OutboxFull": 1,
    "PublishError": 1,
    "Unroutable": 1,
    "PublishTimeout": 3,
    "PublishFailed": 1,
    "BrokerError": 3,
    "BrokerUnavailable": 3,
    "AuthenticationFailed": 3,
    "CertificateRefused": 3,
    "TopologyError": 3,
    "NotFound": 3,
    "NotPermitted": 3,
    "FlagMismatch": 3,
    "Locked": 3,
}
CLASSES: list[type[BatonError]] = [
    member
    for member in vars(errors).values()
    if inspect.isclass(member) and issubclass(member, BatonError)
]


def instance(kind: type[BatonError]) -> BatonError:
    special: dict[type[BatonError], BatonError] = {
        AlreadyRunning: AlreadyRunning(1, Path("x.pid")),
        UnknownMessageType: UnknownMessageType("x"),
        MessageTooLarge: MessageTooLarge(2, 1),
        Unroutable: Unroutable(["x"], "y"),
        PublishFailed: PublishFailed([], {0: BrokerUnavailable("x")}),
    }
    return special.get(kind) or kind("what happened")


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_an_exit_code(
    kind: type[BatonError], capsys: pytest.CaptureFixture[str]
) -> None:
    error = instance(kind)
    with pytest.raises(SystemExit) as caught, errors_as_exit_codes("baton"):
        raise error
    assert caught.value.code == exit_code(error) == EXIT_CODES[kind.__name__]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"baton: {error}\n"


def test_an_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, errors_as_exit_codes("baton"):
        raise KeyboardInterrupt
    assert caught.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_what_is_a_fault_of_the_program_stays_one() -> None:
    with pytest.raises(ZeroDivisionError), errors_as_exit_codes("baton"):
        raise ZeroDivisionError


def test_nothing_is_added_where_nothing_goes_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with errors_as_exit_codes("baton"):
        click.echo("done")
    assert capsys.readouterr() == ("done\n", "")


WRITES = {
    "at once": "click.echo('y' * 100_000)",
    "in the end": "sys.stdout and print('y')",
}


def program(writes: str) -> list[str]:
    """A program that writes when its input has ended."""
    text = (
        "import sys, click; from baton.cli.exit_codes import errors_as_exit_codes\n"
        "sys.stdin.read()\n"
        f"with errors_as_exit_codes('x'): {WRITES[writes]}"
    )
    return [sys.executable, "-c", text]


@pytest.mark.parametrize("writes", WRITES)
@pytest.mark.parametrize(
    ("to", "code", "said"),
    [
        (">/dev/full", 1, "x: Standard output cannot be written: No space left on device\n"),
        (">&-", 0, ""),
        (">/dev/full 2>&1", 1, ""),
    ],
)
def test_an_output_that_takes_nothing(to: str, code: int, said: str, writes: str) -> None:
    command = ["bash", "-c", f'exec "$@" </dev/null {to}', "bash", *program(writes)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", said)


@pytest.mark.parametrize("writes", WRITES)
def test_a_pipe_that_nobody_reads_any_more(writes: str) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(program(writes), stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (141, b"")


def test_an_error_of_a_file_is_a_fault() -> None:
    with pytest.raises(OSError, match="No space"), errors_as_exit_codes("baton"):
        raise OSError(errno.ENOSPC, "No space left on device", "/var/tmp/x")


def test_the_words_of_a_broker_do_not_act_on_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit), errors_as_exit_codes("baton"):
        raise BrokerUnavailable("mq1.example.org (\x1b[2Jbye)\nsecond line")
    assert (
        capsys.readouterr().err
        == "baton: mq1.example.org (\N{REPLACEMENT CHARACTER}[2Jbye)\nsecond line\n"
    )
