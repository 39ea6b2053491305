from __future__ import annotations

import os
import sys
import time

import pytest

from bench.process import Failed, Process, cpu_of


def python(code: str, ready: str = "is ready") -> Process:
    return Process([sys.executable, "-c", code], ready, {"WORD": "ready"})


def test_it_is_ready_when_it_says_so_and_ends_with_the_block() -> None:
    code = "import os, time; print('it is', os.environ['WORD'], flush=True); time.sleep(60)"
    with python(code) as process:
        assert process.ready > 0
        assert process.cpu > 0
        assert 1 < process.memory <= process.peak
        process.check()
        pid = process._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_ends_is_told_with_what_it_said_last() -> None:
    with (
        pytest.raises(Failed, match=r"^python\S* -c \S.*ended with 1\n.*no such thing"),
        python("exit('no such thing')"),
    ):
        pass


def test_one_that_says_nothing_is_not_waited_for_forever() -> None:
    silent = python("import time; time.sleep(60)", ready="")
    with silent, pytest.raises(Failed, match=r"no 'all' after 0\.05 s"):
        silent.wait_for("all", 0.05)


def test_what_it_said_before_it_ended_counts() -> None:
    with python("print('it is ready'); print('all')") as process:
        assert process.wait_for("all", 5) <= time.perf_counter()


def test_cpu_grows_with_work() -> None:
    before, began = cpu_of(os.getpid()), time.process_time()
    while time.process_time() - began < 0.1:
        pass
    assert cpu_of(os.getpid()) - before >= 0.09
