"""Gets ready what takes minutes the first time while there is other work to do.

Each preparation is a module that runs as a process of its own, so that the other work notices
nothing of it: `brokers.prepare` for the engine and the image of a broker. Who needs the result need
not ask the process: :func:`brokers.run_broker` waits for the locks that it holds, finds what it
made, and says what is wrong if it failed.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

END_TIMEOUT = 600.0
"""Seconds for its end: an installation that began is not left half done."""


@contextmanager
def preparing(module: str = "brokers.prepare") -> Iterator[subprocess.Popen[bytes]]:
    """Run *module* while the block runs; its end gives up what is not done by then.

    The module is one below ``tests``, to be run by ``python -m``. It is told to end by SIGTERM,
    and by the end of its stdin if this process dies; what it begins and must not leave half done,
    it finishes first. Where it is not possible to prepare, it ends in silence: who needs the result
    says why. What it has to say goes to what is stderr now.
    """
    # To measure its coverage would slow it down.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=Path(__file__).parents[1],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for whoever waits: it is the end of the block
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(END_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
