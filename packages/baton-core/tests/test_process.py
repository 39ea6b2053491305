"""Processes that are signalled."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import closing

import pytest

from baton.process import Process


@pytest.fixture(params=[True, False])
def has_descriptors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the system has descriptors of processes."""
    has_them: bool = request.param
    if not has_them:
        monkeypatch.delattr(os, "pidfd_open")
    return has_them


def test_it_is_signalled(has_descriptors: bool) -> None:
    with subprocess.Popen(["sleep", "60"]) as child, closing(Process(child.pid)) as process:
        assert process.runs is has_descriptors
        process.signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert not process.runs
        process.signal(signal.SIGKILL)  # it has ended: nothing happens


def test_there_is_none() -> None:
    with subprocess.Popen(["true"]) as child:
        pass
    with pytest.raises(ProcessLookupError):
        Process(child.pid)
