"""Ctrl-C ends a command with all that it started, or waits for one that must not be half done."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from brokers.commands import run
from brokers.errors import CommandFailed
from brokers.processes import born
from brokers.waiting import wait_until

SCRIPT = """
import sys
from brokers.commands import run
run(["sh", "-c", sys.argv[1]], timeout=50, finish=sys.argv[2] == "finish")
"""


def test_what_it_says_when_it_fails() -> None:
    with pytest.raises(CommandFailed, match=r"^`sh -c echo out; exit 3` exited with 3:\nout$"):
        run(["sh", "-c", "echo out; exit 3"], timeout=10)
    with pytest.raises(CommandFailed, match=r"^`no-such-program` cannot be run: "):
        run(["no-such-program"], timeout=10)


def test_its_time_ends_with_all_that_it_started(tmp_path: Path) -> None:
    fifo, pids = _files(tmp_path)
    with pytest.raises(CommandFailed, match=r"took longer than 0\.5 s$"):
        run(["sh", "-c", f"sh -c 'echo $$ > {pids}; cat {fifo}; :'; :"], timeout=0.5)
    assert wait_until(lambda: not _runs(pids), 10)


@pytest.mark.parametrize("finish", [False, True])
def test_an_interruption(finish: bool, tmp_path: Path) -> None:
    fifo, pids = _files(tmp_path)
    done = tmp_path / "done"
    command = f"sh -c 'echo $$ > {pids}; cat {fifo}; : > {done}'; :"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, command, "finish" if finish else ""],
        cwd=Path(__file__).parents[1],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        # An open for writing returns as soon as somebody reads: the command waits.
        with fifo.open("w") as end_of_the_wait:
            assert _runs(pids)
            process.send_signal(signal.SIGINT)
            if finish:
                assert "`sh` is not to be left half done" in process.stderr.readline()
                end_of_the_wait.close()
            assert "KeyboardInterrupt" in process.stderr.read()
    assert done.exists() == finish
    assert wait_until(lambda: not _runs(pids), 10)


def _files(folder: Path) -> tuple[Path, Path]:
    os.mkfifo(folder / "fifo")
    return folder / "fifo", folder / "pid"


def _runs(pids: Path) -> bool:
    return born(int(pids.read_text())) is not None
