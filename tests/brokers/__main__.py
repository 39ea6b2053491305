"""Runs a broker until Ctrl-C, and prints how to reach it."""

import signal
import sys
from contextlib import suppress

from brokers.errors import NoBroker
from brokers.interrupt import interrupt_on_sigterm
from brokers.provide import run_broker


def main() -> None:
    """Run one until SIGINT or SIGTERM."""
    interrupt_on_sigterm()
    try:
        with run_broker() as broker:
            print(broker.url())
            print(f"management: {broker.management.url} ({broker.user}, {broker.password})")
            print("Ctrl-C ends it.", flush=True)
            with suppress(KeyboardInterrupt):
                signal.pause()
    except NoBroker as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
