"""The executable ``baton-ping``."""

from __future__ import annotations

from baton.cli.executable import service_executable
from baton_ping.extension import extension

main = service_executable(extension)
