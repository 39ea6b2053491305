"""Tells one process from a later one that got the same pid (on Linux)."""

import os
from pathlib import Path


def born(pid: int) -> str | None:
    """When the process started, in the kernel's own terms; None if it ended or nobody can tell."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # not one of ours
    try:
        state, *others = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else others[18]


def command_of(pid: int) -> str:
    """The name of the program that the process runs; empty if it ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
