"""Lets tests run in several processes, whatever they print, and in the background."""

import signal
from collections.abc import Generator
from typing import Any

import pytest

import garbage
import measuring


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of tests/faults; here, since pytest reads its conftest only when it collects it."""
    group = parser.getgroup("faults", "the fault suite, tests/faults")
    group.addoption("--fault-seed", type=int, help="what its chance comes from, to repeat a run")
    group.addoption("--fault-runs", type=int, default=1, help="how often each scenario is run")
    group.addoption(
        "--write-guarantees",
        action="store_true",
        help="write what was measured into the table in docs/guarantees.md",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have coverage taken of what it is needed of; and take Ctrl-C, so that the programs that tests
    start take it, too.

    A shell has what it starts in the background ignore it, and they would inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for plugin in (measuring, garbage):
        config.pluginmanager.register(plugin, plugin.__name__)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape lone surrogates in what pytest-xdist sends from process to process.

    A test that logs what a terminal cannot show (test_cli_log does) has them in its captured
    output. They cannot be encoded: the process that sends the report would end with an error.
    """
    return _sendable((yield))


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_sendable, value))
    return value
