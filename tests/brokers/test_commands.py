"""An interruption ends a command with all that it started, or waits for one that must not be left
half done."""

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
from brokers.interrupt import interrupt_on_sigterm
interrupt_on_sigterm()
run(["sh", "-c", sys.argv[1]], timeout=50, finish=sys.argv[2] == "finish")
"""


def test_what_it_says_when_it_fails() -> None:
    with pytest.raises(CommandFailed, match=r"^`sh -c echo out; exit 3` exited with 3:\nout$"):
        run(["sh", "-c", "echo out; exit 3"], timeout=10)
    with pytest.raises(CommandFailed, match=r"^`no-such-program` cannot be run: "):
        run(["no-such-program"], timeout=10)
    with pytest.raises(CommandFailed, match=r"^`sleep 60` took longer than 0\.1 s$"):
        run(["sleep", "60"], timeout=0.1)


@pytest.mark.parametrize("finish", [False, True])
def test_an_interruption(finish: bool, tmp_path: Path) -> None:
    fifo, pid, done = tmp_path / "fifo", tmp_path / "pid", tmp_path / "done"
    os.mkfifo(fifo)
    command = f"sh -c 'echo $$ > {pid}; cat {fifo}; : > {done}'; :"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, command, "finish" if finish else ""],
        cwd=Path(__file__).parents[1],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        # An open for writing returns as soon as somebody reads: the command waits.
        with fifo.open("w") as end_of_the_wait:
            assert _runs(pid)
            process.send_signal(signal.SIGTERM)
            if finish:
                assert "`sh` is not to be left half done" in process.stderr.readline()
                end_of_the_wait.close()
            assert "KeyboardInterrupt" in process.stderr.read()
    assert done.exists() == finish
    assert wait_until(lambda: not _runs(pid), 10)


def _runs(pid: Path) -> bool:
    return born(int(pid.read_text())) is not None
