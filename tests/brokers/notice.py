"""Plain sentences on stderr for what takes time or changes the machine."""

import sys


def notice(text: str) -> None:
    """Tell the person who waits what happens next."""
    print(f"[brokers] {text}", file=sys.stderr, flush=True)
