"""Gets ready what a broker needs, an engine and an image, while there is other work to do.

It is a process of its own, so that the other work notices nothing of it. Who needs a broker need
not ask it: :func:`brokers.run_broker` waits for the locks that it holds, finds what it made, and
says what is wrong if it failed.
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
def preparing() -> Iterator[subprocess.Popen[bytes]]:
    """Prepare while the block runs; its end gives up what is not done by then.

    What the preparation has to say goes to what is stderr now.
    """
    # To measure its coverage would slow it down.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "brokers.prepare"],
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
