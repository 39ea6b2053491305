"""The scenario of a test, its seed, and what is left of it: a row, and its history if it failed."""

from __future__ import annotations

import logging
import os
import random
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

import provided
from brokers import Vhost
from browser.artifacts import artifact
from faults.checker import Verdict
from faults.history import History
from faults.report import Row, keep, kept, write
from faults.scenario import MakeScenario, Scenario

ROWS = "FAULT_ROWS"
"""Names the folder of the rows, for the processes that pytest-xdist starts. No ``BATON_`` stands
before it: those variables are settings, which tests look at."""
PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
FAILED = pytest.StashKey[bool]()
OWN_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    provided.register(config)
    if ROWS not in os.environ:
        config.stash[OWN_FOLDER] = Path(tempfile.mkdtemp(prefix="baton-faults-"))
        os.environ[ROWS] = str(config.stash[OWN_FOLDER])


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """In the process that began it all, every other one has ended by now: write what they found."""
    folder = config.stash.get(OWN_FOLDER, None)
    if folder is None:
        return
    try:
        if config.getoption("write_guarantees"):
            write(PAGE, kept(folder))
    finally:
        del os.environ[ROWS]
        rmtree(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each scenario as often as ``--fault-runs`` says; its row has all of them."""
    runs = metafunc.config.getoption("fault_runs", 1)
    if runs > 1 and "scenario" in metafunc.fixturenames:
        metafunc.fixturenames.append("fault_run")
        metafunc.parametrize("fault_run", range(runs))


@pytest.fixture
def fault_seed(request: pytest.FixtureRequest) -> int:
    """What this test's chance comes from: ``--fault-seed``, or any number."""
    given = request.config.getoption("fault_seed")
    return random.randrange(2**32) if given is None else int(given)


@pytest.fixture
def scenario(
    vhost: Vhost,
    fault_seed: int,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[MakeScenario]:
    """Makes the scenario of this test. The group of its rows is the name of its module."""
    for name in ("pika", "aiormq", "aio_pika"):  # they say a lot of each lost connection
        caplog.set_level(logging.CRITICAL, name)
    group = request.path.stem.removeprefix("test_").replace("_", " ")
    histories: list[History] = []

    def make(title: str, **options: Any) -> Scenario:
        path = artifact(f"{request.node.name}-{fault_seed}-{len(histories)}.jsonl")
        path.unlink(missing_ok=True)
        histories.append(History(path))
        request.node.add_report_section(
            "call", "faults", f"seed: --fault-seed={fault_seed}\nhistory: {path}"
        )
        options = {"url": vhost.url, "on_verdict": _reporter(request.node, group)} | options
        return Scenario(title=title, seed=fault_seed, history=histories[-1], **options)

    yield make
    for history in histories:
        history.close()
        if history.path is not None and not request.node.stash.get(FAILED, False):
            history.path.unlink()


def _reporter(node: pytest.Item, group: str) -> Any:
    def report(verdict: Verdict) -> None:
        node.add_report_section("call", "verdict", str(verdict))
        keep(Row.of(group, verdict), Path(os.environ[ROWS]))

    return report
