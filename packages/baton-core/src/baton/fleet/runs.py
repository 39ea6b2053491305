"""Runs: what became of a command is kept for a while, so that it can be looked at again later.

Each is a file of its own, private to its user, named by the command's ``message_id``.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from baton.errors import ConfigurationError
from baton.files import read_regular
from baton.fleet.document import Fields, from_document, parse_json, to_document
from baton.fleet.result import Result
from baton.text import excerpt
from baton.times import from_iso, to_iso

if TYPE_CHECKING:
    from baton.fleet.monitor_api import Seen

logger = logging.getLogger(__name__)

_KEPT: Final = 100
_LONGEST: Final = 64 * 1024 * 1024
"""Bytes that are read of a file."""
_ID: Final = re.compile(r"[0-9a-f]{1,64}\Z")
_SUFFIX: Final = ".json"
_FRESH: Final = re.compile(r"\.[0-9a-f]{1,64}\.[0-9a-f]{8}\Z")
"""The name of a file that is being written."""
_LEFT: Final = 3600.0
"""Seconds after which nobody writes it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command to a fleet, as far as its requester saw: the *result*, until when it waited, in
    seconds since the epoch, and the names of who was *expected* (None: nobody said) and has
    *answered*."""

    result: Result
    deadline: float
    expected: frozenset[str] | None = None
    answered: frozenset[str] = frozenset()

    def to_document(self) -> dict[str, Any]:
        """This run as an object of JSON."""
        return {
            "result": to_document(self.result),
            "deadline": to_iso(self.deadline),
            "expected": None if self.expected is None else sorted(self.expected),
            "answered": sorted(self.answered),
        }

    @classmethod
    def from_document(cls, document: object) -> Run:
        """The run of which *document* tells. Raises ValueError, which names the field that is
        wrong."""
        fields = Fields(document)
        names = fields.value("expected")
        return cls(
            result=from_document(fields.value("result")),
            deadline=from_iso(fields.text("deadline")),
            expected=None if names is None else frozenset(fields.texts("expected")),
            answered=frozenset(fields.texts("answered")),
        )


class Runs:
    """The runs of a user: the last hundred, in *folder*, by default that of
    :func:`default_folder`."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        self._warned = False

    def keep(self, run: Run) -> None:
        """Keep *run*, in place of what was kept of it. One that cannot be kept is no failure, but
        a warning in the log."""
        path = self.folder / f"{run.result.message_id}{_SUFFIX}"
        content = json.dumps(run.to_document(), separators=(",", ":")).encode()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(path, content)
            self._prune()
        except OSError as error:
            if not self._warned:
                logger.warning("The run cannot be kept in %s: %s", self.folder, error.strerror)
            self._warned = True

    def load(self, id: str = "") -> Run:
        """The run whose id begins with *id*; the last one if that is empty.

        Raises ConfigurationError if there is none, or more than one, or it cannot be read.
        """
        if id and not _ID.match(id):
            shown = excerpt(id, 40)
            raise ConfigurationError(f'"{shown}" is no id of a run: it is made of 0-9 and a-f')
        try:
            found = [path for path in self._paths() if path.name.startswith(id)]
        except OSError as error:
            raise ConfigurationError(f"{self.folder}: {error.strerror}") from None
        if not found:
            what = f"begins with {id}" if id else "is kept"
            raise ConfigurationError(f"No run {what} in {self.folder}")
        if id and len(found) > 1:
            names = ", ".join(path.stem for path in found[:3])
            raise ConfigurationError(f"{len(found)} runs begin with {id}: {names}, …")
        return _read(found[0])

    def all(self) -> Iterator[Run]:
        """Each run that can be read, the last one first. Raises ConfigurationError if the folder
        cannot be."""
        try:
            paths = self._paths()
        except OSError as error:
            raise ConfigurationError(f"{self.folder}: {error.strerror}") from None
        for path in paths:
            try:
                yield _read(path)
            except ConfigurationError as error:
                logger.warning("%s", error)

    def _prune(self) -> None:
        """Delete what is beyond the last hundred, and what a process left that was killed while it
        wrote; another process may do the same."""
        for path in [*self._paths()[_KEPT:], *self._leftovers()]:
            with suppress(OSError):  # gone, or no file: that keeps no run from being kept
                path.unlink()

    def _leftovers(self) -> Iterator[Path]:
        for path in self.folder.iterdir():
            with suppress(OSError):
                if _FRESH.match(path.name) and path.lstat().st_mtime < time.time() - _LEFT:
                    yield path

    def _paths(self) -> list[Path]:
        """The files of the runs, the newest first."""
        found: list[tuple[int, Path]] = []
        if not self.folder.exists():
            return []
        for path in self.folder.iterdir():
            if path.suffix == _SUFFIX and _ID.match(path.stem):
                try:
                    found.append((path.lstat().st_mtime_ns, path))
                except FileNotFoundError:
                    continue  # another process has pruned it
        return [path for _, path in sorted(found, reverse=True)]


def default_folder() -> Path:
    """``$XDG_STATE_HOME/baton/runs``, which is by default in ``~/.local/state``."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # A relative one is to be ignored: https://specifications.freedesktop.org/basedir-spec/
    home = Path(state) if Path(state).is_absolute() else _home() / ".local" / "state"
    return home / "baton" / "runs"


def load_run(id: str = "") -> Run:
    """The user's run whose id begins with *id*; the last one if that is empty.

    Raises ConfigurationError if there is none, or more than one, or it cannot be read.
    """
    return Runs().load(id)


def join(run: Run, seen: Iterable[Seen]) -> Result:
    """What became of *run*, with what a monitor has *seen* of it since.

    Who was missing and was seen is not missing any more: it was ``late`` if that was after the
    deadline, by the monitor's clock, else it has answered. What fails is added to the errors.
    """
    result = run.result
    blamed = {failure.fqdn for failure in result.errors}
    errors = list(result.errors)
    heard: set[str] = set()
    fresh: dict[str, float] = {}
    for each in seen:
        heard.update(each.routing_keys)
        if each.fqdn and each.fqdn not in run.answered:
            fresh[each.fqdn] = min(fresh.get(each.fqdn, math.inf), each.received)
        if each.type == "error" and each.fqdn not in blamed:
            blamed.add(each.fqdn)
            errors.append(each.failure)
    late = {name for name, received in fresh.items() if received > run.deadline}
    in_time = fresh.keys() - late
    unexpected = set() if run.expected is None else fresh.keys() - run.expected
    missing = tuple(name for name in result.missing if name not in fresh)
    # Of a number of servers nobody knows the names: whoever comes makes it less.
    count = len(missing) if result.missing else max(0, result.missing_count - len(fresh))
    return replace(
        result,
        answered=result.answered + len(in_time),
        missing=missing,
        missing_count=count,
        unexpected=tuple(sorted({*result.unexpected, *unexpected})),
        errors=tuple(errors),
        late=tuple(sorted(late - unexpected)),
        silent=tuple(key for key in result.silent if key not in heard),
        interrupted=result.interrupted and (count > 0 or result.expected is None),
    )


def _read(path: Path) -> Run:
    try:
        return Run.from_document(parse_json(read_regular(path, _LONGEST)))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} is no run: {error}") from None


def _replace(path: Path, content: bytes) -> None:
    """Write *path* so that nobody ever reads half of it, and nobody else reads it at all."""
    fresh = path.with_name(f".{path.stem}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user id that nobody knows
        return Path("/")
