"""A server as a process of its own, to which a test may send signals.

``python -m faults.server HISTORY FQDN SETTINGS``: writes its history to a file, and takes the
settings of its configuration as JSON. Ends with the service's exit code.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from baton import Configuration, Server
from faults.deafness import READY
from faults.history import History, Kind
from faults.work import ENVIRONMENT, WorkService

_TESTS = Path(__file__).parents[1]


def main(arguments: list[str]) -> int:
    """Run one until it is told to end."""
    path, fqdn, settings = arguments
    logging.basicConfig(level=logging.WARNING)
    history = History(Path(path))
    server = Server(fqdn, ENVIRONMENT)
    service = WorkService(Configuration(**json.loads(settings)), server, history)
    code = service.run()
    if code == 0:
        service.note_drained()
    return code


class ServerProcess:
    """Such a process; started again, it is another life of the same server.

    What a signal does to its state is written to *history*: who is dead, or stopped, says nothing.
    """

    def __init__(self, fqdn: str, settings: dict[str, Any], folder: Path, history: History) -> None:
        self.fqdn = fqdn
        self._history = history
        self.histories: list[Path] = []
        self._settings = json.dumps(settings)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. It listens when it answers: see :meth:`~faults.scenario.Scenario.answers`."""
        path = self._folder / f"{self.fqdn}-{len(self.histories)}.jsonl"
        self.histories.append(path)
        self._note_state("starting")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.server", str(path), self.fqdn, self._settings],
            cwd=_TESTS,
            env=os.environ | {"PYTHONPATH": str(_TESTS)},
            stdin=subprocess.DEVNULL,
        )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._running.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if number is not signal.SIGCONT:
            self._note_state(number.name)
        self._running.send_signal(number)
        if number is signal.SIGCONT:
            self._note_state(READY)  # as it does itself, until it knows better

    def wait(self, timeout: float = 30) -> int:
        """Its exit code, when it has ended; negative for a signal."""
        return self._running.wait(timeout)

    def end(self, timeout: float = 30) -> int:
        """Tell it to end, if it runs, and wait until it has; kill it if it does not."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)  # it may be stopped
            self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _note_state(self, detail: str) -> None:
        self._history.add(Kind.STATE, server=self.fqdn, detail=detail)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.fqdn} was not started")
        return self._process


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
