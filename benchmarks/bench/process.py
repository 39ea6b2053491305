"""A process that is measured: started until it is ready, its CPU and memory read from outside."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

BENCHMARKS = Path(__file__).parent.parent
START = 180.0
"""Seconds that a process may take until it is ready: 10,000 servers in one take a while."""
STOP = 20.0
LATELY = 8192
"""Bytes of what it said that are looked at."""


class Failed(Exception):
    """A process that did not start, or ended by itself; with the end of what it said."""


class Process:
    """It runs until the end of the block. What it says goes to a file, as a log does."""

    def __init__(
        self, command: Sequence[str], ready: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = list(command)
        self._ready = ready
        self._environment = dict(environment or {})
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the block)
        self.ready = 0.0
        """Seconds from its start until it was ready."""

    def __enter__(self) -> Self:
        began = time.perf_counter()
        self._process = subprocess.Popen(
            self._command,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=BENCHMARKS,
            env={**os.environ, **self._environment},
        )
        try:
            self.wait_for(self._ready, START)
        except BaseException:
            self._stop()
            raise
        self.ready = time.perf_counter() - began
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def check(self) -> None:
        """Raise Failed if it has ended."""
        if self._process.poll() is not None:
            started = " ".join([Path(self._command[0]).name, *self._command[1:4]])
            raise Failed(f"{started} … ended with {self._process.returncode}{self._end()}")

    def wait_for(self, text: str, timeout: float) -> float:
        """Until it has said *text* lately; the moment, by perf_counter. Raises Failed."""
        deadline = time.perf_counter() + timeout
        wanted = text.encode()
        while wanted not in self._said():
            ended = self._process.poll() is not None
            if ended and wanted not in self._said():
                self.check()
            if time.perf_counter() > deadline:
                name = Path(self._command[0]).name
                raise Failed(f"{name}: no {text!r} after {timeout:g} s{self._end()}")
            time.sleep(0.002)
        return time.perf_counter()

    def _said(self) -> bytes:
        """The end of what it said."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), LATELY, max(0, size - LATELY))

    @property
    def cpu(self) -> float:
        """Seconds of a core that its threads have used."""
        return cpu_of(self._process.pid)

    @property
    def memory(self) -> float:
        """Its resident memory in MiB."""
        return memory_of(self._process.pid)

    @property
    def peak(self) -> float:
        """The most resident memory that it ever had, in MiB."""
        return memory_of(self._process.pid, "VmHWM")

    def _end(self) -> str:
        lines = self._said().decode(errors="replace").strip().splitlines()
        return "".join(f"\n    {line}" for line in lines[-5:])

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def memory_of(pid: int, what: str = "VmRSS") -> float:
    """MiB of a process, by the kernel's name of a kind of memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def cpu_of(pid: int) -> float:
    """Seconds of a core that the threads of a process have used, to the nanosecond where the
    kernel counts so, else to its tick."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            spent += int((task / "schedstat").read_text().split()[0])
        except OSError:  # the thread has ended, or the kernel does not count
            continue
    if spent:
        return spent / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
