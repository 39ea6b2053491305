"""The executables: the service of a server, and the monitor."""

from __future__ import annotations

from baton.cli.executable import monitor_executable, service_executable

from {{ cookiecutter.__package }}.extension import extension

main = service_executable(extension)
monitor = monitor_executable(extension)
