"""The consumer: what a server does with a command."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from baton.consumer import Consumer
from baton.errors import UnknownMessageType
from baton.message import Message

from {{ cookiecutter.__package }}.messages import Measure, Measured


class {{ cookiecutter.__prefix }}Consumer(Consumer):
    """Tells how much a folder of this server holds."""

    progress_every = 10_000
    """Files after which it says how far it is."""

    @property
    def routing_keys(self) -> tuple[str, ...]:
        """Every key that means this server: its environment, its name, its applications, all."""
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        """Part of every output: who speaks."""
        return self.server.attributes

    def process_message(self, message: Message) -> None:
        """Do what *message* asks for. What is raised becomes an error output.

        A plain ``def`` runs in a thread, so it may block; an ``async def`` must not.
        """
        match message.type:
            case Measure.TYPE:
                self._measure(Measure.from_message(message))
            case _:
                raise UnknownMessageType(message.type)

    def _measure(self, command: Measure) -> None:
        folder = Path(command.path)
        if not folder.is_dir():
            raise FileNotFoundError(f"There is no folder {folder} on {self.server.fqdn}")
        self.notify_info(f"measuring {folder}")
        files = size = 0
        for parent, _, names in os.walk(folder):  # passes over what is gone, or may not be read
            for name in names:
                with suppress(FileNotFoundError):
                    found = Path(parent, name).lstat()
                    if stat.S_ISREG(found.st_mode):
                        files, size = files + 1, size + found.st_size
                        if files % self.progress_every == 0:
                            self.notify_info(f"{files} files so far")
        self.notify(Measured(command.path, files, size).to_message())
