"""Makes ready what a PostgreSQL in a container needs, and keeps it so until SIGTERM.

:func:`brokers.preparing` runs this module as a process.
"""

import sys
from contextlib import suppress

from brokers.engine import docker_engine
from brokers.errors import Unavailable
from brokers.interrupt import interrupt_on_sigterm
from databases.image import database_image


def main() -> None:
    """Prepare, and stay until SIGTERM or the end of whoever holds the other end of stdin."""
    interrupt_on_sigterm()
    # What does not work here does not work for a server either: there it is said.
    with suppress(KeyboardInterrupt, Unavailable), docker_engine() as client:
        database_image(client)
        sys.stdin.read()


if __name__ == "__main__":
    main()
