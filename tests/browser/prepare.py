"""Installs a Chromium where there is none; :func:`brokers.preparing` runs this as a process."""

from contextlib import suppress

from brokers.interrupt import interrupt_on_sigterm
from browser.chromium import NoBrowser, chromium


def main() -> None:
    """Install it. What does not work here does not work for a test either: there it is said."""
    interrupt_on_sigterm()
    with suppress(KeyboardInterrupt, NoBrowser):
        chromium()


if __name__ == "__main__":
    main()
