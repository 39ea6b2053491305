"""Asking the git of this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path


def said_by_git(*arguments: str, folder: Path | None = None) -> str:
    """What git says in *folder*, by default the current one; empty where it says no, or is not
    there."""
    where = () if folder is None else ("-C", str(folder))
    try:
        said = subprocess.run(
            ["git", *where, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
