"""The plugin that says of what coverage is taken: its tracer makes all that Python does slower.

A process takes 1.2 to 2 times as long where it is traced, whatever it runs, and whether or not that
is measured. So coverage is taken of the tests of the packages alone: those that need a RabbitMQ,
properties and examples repeat what these do. Collecting is not measured, either: that took 16 s of
a processor in each process of tests, not 10. And of the processes that a test starts coverage is
taken only if it is marked ``measured``: each starts in two or three times the time.
"""

import importlib
import os
import pkgutil
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

TESTS = "packages/"
"""Where the tests are that coverage is taken of."""
PROCESSES = "COVERAGE_PROCESS_CONFIG"
"""By this variable coverage is taken of processes that a measured one starts."""
MIGRATIONS = ".migrations"
"""Their modules are run by Alembic, and can be imported by nobody else."""


@contextmanager
def untraced() -> Iterator[None]:
    """Nothing is measured in the block, in this thread and those that it starts."""
    here, there = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        sys.settrace(here)
        threading.settrace(there)


@contextmanager
def processes_untraced() -> Iterator[None]:
    """Nothing is measured in processes that are started in the block."""
    config = os.environ.pop(PROCESSES, None)
    try:
        yield
    finally:
        if config is not None:
            os.environ[PROCESSES] = config


def distributes(config: pytest.Config) -> bool:
    """Whether this process only tells others what to test."""
    return config.pluginmanager.has_plugin("dsession")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect without being measured, after what is to be measured from its import on is there."""
    if not distributes(session.config):
        for package in _measured_packages():
            _import_whole(package)
    with untraced():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Distributing is not measured."""
    if not distributes(session.config):
        return (yield)
    with untraced():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure the tests of the packages; and what these start if they are marked so."""
    if not item.nodeid.startswith(TESTS):
        with untraced(), processes_untraced():
            return (yield)
    if item.get_closest_marker("measured") is None:
        with processes_untraced():
            return (yield)
    return (yield)


def _measured_packages() -> list[str]:
    """What coverage is taken of; nothing where it is not taken."""
    if sys.gettrace() is None:
        return []
    from coverage import Coverage  # noqa: PLC0415 - 0.15 s

    taken = Coverage.current()
    packages = taken and taken.get_option("run:source_pkgs")
    return packages if isinstance(packages, list) else []


def _import_whole(package: str) -> None:
    """Import *package* with all its modules."""
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        if MIGRATIONS not in module.name:
            importlib.import_module(module.name)
