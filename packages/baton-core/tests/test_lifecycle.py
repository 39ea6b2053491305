"""Running until a signal: in processes of their own, since signals belong to a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.measured

LOOPS = ("asyncio", "uvloop")
PROGRAM = """
import asyncio, logging, os, sys, time
from baton.errors import InstanceTaken
from baton.lifecycle import run_until_signalled

logging.basicConfig(level="INFO", stream=sys.stderr)

async def start():
    {started}

async def stop():
    print("stopped", flush=True)
    return {abandoned}

async def failed():
    {failed}

def run():
    code = run_until_signalled(start, stop, {grace}, failed=failed, event_loop=os.environ['LOOP'])
    {after}
    return code

try:
    sys.exit(run())
except InstanceTaken as error:
    print(error, flush=True)
    sys.exit(7)
"""


@pytest.fixture(autouse=True, params=LOOPS)
def event_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the programs run on."""
    monkeypatch.setenv("LOOP", request.param)
    return str(request.param)


def run(
    number: signal.Signals | None,
    *,
    abandoned: str = "None",
    failed: str = "await asyncio.Event().wait()",
    grace: float = 5,
    started: str = "print('started', flush=True)",
    after: str = "pass",
    stderr: int = subprocess.PIPE,
) -> tuple[int, str, str]:
    """Run the program, send it a signal when it has started, and say how it ended."""
    program = PROGRAM.format(
        abandoned=abandoned, failed=failed, grace=grace, started=started, after=after
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            out = process.stdout.readline()
            if number is not None:
                process.send_signal(number)
            out += process.stdout.read()
            err = process.stderr.read() if process.stderr is not None else ""
        except BaseException:  # pytest's timeout is one
            process.kill()
            raise
    return process.returncode, out, err


@contextmanager
def pipe_that_is_full() -> Iterator[int]:
    """The end to write to. Whoever does waits until the end of the block."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    try:
        yield writing
    finally:
        os.close(writing)
        os.close(reading)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_on_a_signal(number: signal.Signals) -> None:
    code, out, err = run(number)
    assert (code, out) == (0, "started\nstopped\n")
    assert f"Stopping on {number.name}" in err
    assert "Traceback" not in err


@pytest.mark.timeout(10)
def test_stops_at_once_when_the_signal_comes_to_another_thread() -> None:
    """The event loop has nothing to do then, and waits: only the signal can wake it."""
    started = (
        "import signal, threading; print('started', flush=True); threading.Timer(0.1, "
        "lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)).start()"
    )
    code, out, err = run(None, started=started)
    assert (code, out) == (0, "started\nstopped\n")
    assert "Stopping on SIGTERM" in err


def test_says_with_its_exit_code_that_something_was_abandoned() -> None:
    assert run(signal.SIGTERM, abandoned="['a command']")[0] == 1


def test_stops_and_raises_when_it_cannot_go_on() -> None:
    code, out, _ = run(None, failed="raise InstanceTaken('somebody else is')")
    assert (code, out) == (7, "started\nstopped\nsomebody else is\n")


def test_stops_and_says_so_when_something_cancels_every_task() -> None:
    code, out, err = run(None, failed="[task.cancel() for task in asyncio.all_tasks()]")
    assert (code, out) == (1, "started\nstopped\n")
    assert err.endswith("Something cancelled the main task of this process, so it has stopped\n")
    assert "Traceback" not in err


def test_a_blocked_event_loop_ends_after_the_grace_period() -> None:
    began = time.monotonic()
    code, _, err = run(signal.SIGTERM, failed="time.sleep(60)", grace=-4.5)
    assert code == 1
    assert "did not end within the grace period" in err
    assert time.monotonic() - began < 20


def test_a_log_that_nobody_reads_does_not_keep_it() -> None:
    """Whoever logs waits for ever then, and whoever logs later waits for that."""
    with pipe_that_is_full() as full:
        code, _, _ = run(signal.SIGTERM, grace=-4.5, stderr=full)
    assert code == 1


def test_what_does_not_start_is_stopped_and_raised() -> None:
    code, out, err = run(None, started="raise ValueError('no start')")
    assert (code, out) == (1, "stopped\n")
    assert "ValueError: no start" in err


def test_a_process_may_go_on_afterwards() -> None:
    """The deadline is called off: it would end the process with 1."""
    code, out, _ = run(
        signal.SIGTERM, grace=-4.5, after="time.sleep(1); print('went on', flush=True)"
    )
    assert (code, out) == (0, "started\nstopped\nwent on\n")


def test_runs_on_the_event_loop_that_was_chosen(event_loop: str) -> None:
    started = "print(type(asyncio.get_running_loop()).__module__.split('.')[0], flush=True)"
    code, out, err = run(signal.SIGTERM, started=started)
    assert (code, out) == (0, f"{event_loop}\nstopped\n")
    assert "Traceback" not in err


def test_log_files_are_opened_anew_on_sighup(tmp_path: Path) -> None:
    log = tmp_path / "log"
    started = f"""
    from pathlib import Path
    from baton.log_file import LogFile
    logging.getLogger().addHandler(LogFile(Path({str(log)!r})))
    logging.info("before"); Path({str(log)!r}).rename({str(log) + ".1"!r})
    asyncio.create_task(go_on()); print("started", flush=True)

async def go_on():
    while not os.path.exists({str(log)!r}):
        await asyncio.sleep(0.02)
    logging.info("after")
    os.kill(os.getpid(), 15)"""
    code, out, _ = run(signal.SIGHUP, started=started)
    assert (code, out) == (0, "started\nstopped\n")
    assert "after" in log.read_text()
    assert "before" in (tmp_path / "log.1").read_text()


def test_a_second_sigterm_changes_nothing() -> None:
    started = (
        "import signal; print('started', flush=True); "
        "[signal.raise_signal(signal.SIGTERM) for _ in range(3)]"
    )
    code, out, err = run(None, started=started)
    assert (code, out) == (0, "started\nstopped\n")
    assert "Traceback" not in err
