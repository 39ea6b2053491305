"""The C client: compiled on the fly; its library is installed where that is simple."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

SOURCE = Path(__file__).parent.parent / "c" / "echo.c"
HEADER = Path("/usr/include/amqp.h")
PACKAGES = ("gcc", "libc6-dev", "librabbitmq-dev")


class CClient:
    """Compiled until the end of the block; ``missing`` says why it is not."""

    def __init__(self, install: bool) -> None:
        self._install = install
        self._folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self._folder.name) / "echo")
        self.missing = ""

    def __enter__(self) -> Self:
        if not (HEADER.exists() and shutil.which("gcc")) and not self._installed():
            self.missing = f"Debian's packages {', '.join(PACKAGES)} are not installed"
            return self
        made = subprocess.run(
            ["gcc", "-O2", "-o", self.path, str(SOURCE), "-lrabbitmq"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            self.missing = f"it does not compile: {made.stderr.strip()[:300]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def _installed(self) -> bool:
        """Install it where this is root on a Debian, and say so first; whether that worked."""
        if not self._install or os.geteuid() or shutil.which("apt-get") is None:
            return False
        print(f"Installing {', '.join(PACKAGES)} with apt-get, for the C client", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", *PACKAGES]):
            ran = subprocess.run(
                ["apt-get", *command], env=quiet, stdout=subprocess.DEVNULL, check=False
            )
            if ran.returncode:
                return False
        return HEADER.exists() and shutil.which("gcc") is not None
