"""The messages: what may be asked of a server, and what it answers. They travel as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar, Self

from baton.errors import InvalidMessage

LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class Measure:
    """Asks how much the folder ``path`` holds.

    It checks itself on both sides: what is wrong is not sent, and what others send is not done.
    """

    TYPE: ClassVar = "measure"
    path: str

    def __post_init__(self) -> None:
        is_text = isinstance(self.path, str)
        if not is_text or "\0" in self.path or len(self.path) > LONGEST_PATH:
            raise InvalidMessage(f"path should be a text of up to {LONGEST_PATH} characters")
        if not PurePosixPath(self.path).is_absolute():
            raise InvalidMessage("path should be absolute, such as /var/log")

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """What *message* asks for; raises InvalidMessage."""
        return cls(path=message.get("path", ""))

    def to_message(self) -> dict[str, Any]:
        """What is sent."""
        return {"type": self.TYPE, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Measured:
    """Answers how much a folder holds: ``size`` is in bytes, links are not followed."""

    TYPE: ClassVar = "measured"
    path: str
    files: int
    size: int

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """What *message* says; raises InvalidMessage."""
        path, files, size = (message.get(name) for name in ("path", "files", "size"))
        if not (isinstance(path, str) and isinstance(files, int) and isinstance(size, int)):
            raise InvalidMessage("measured has a path, and how many files and bytes it holds")
        return cls(path, files, size)

    def to_message(self) -> dict[str, Any]:
        """What is sent."""
        return {"type": self.TYPE, **asdict(self)}
