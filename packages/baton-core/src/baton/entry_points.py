# ruff: noqa: PTH113, PTH118, PTH122, PTH123, PTH208  (pathlib is another of the slow ones)
"""The entry points of what is installed here, found without importlib.metadata.

That imports modules for e-mail, zip and csv files, for headers that no entry point has: 40 of the
100 ms of one traced ``baton --help``. What is installed is a folder on ``sys.path`` with an
``entry_points.txt``, so those files are read. Where something else may be, a zip file, an egg or
an importer of somebody's own, importlib.metadata is asked after all.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_FILE: Final = "entry_points.txt"
_FOLDERS: Final = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """An entry: its *name*, the object that its *value* means, as ``module:object``, and who
    ``offers`` it: the folder of that distribution's metadata, or the distribution itself."""

    name: str
    value: str
    offers: str | Distribution

    @property
    def distribution(self) -> Distribution:
        """Who offers it. Slow: it imports importlib.metadata."""
        if not isinstance(self.offers, str):
            return self.offers
        from importlib.metadata import Distribution  # noqa: PLC0415

        return Distribution.at(self.offers)

    def load(self) -> Any:
        """Import what it means; raises whatever that raises."""
        path, _, _ = self.value.partition("[")  # extras, which mean nothing any more
        module, _, names = path.partition(":")
        found = importlib.import_module(module.strip())
        return reduce(getattr, filter(None, names.strip().split(".")), found)


def entry_points(group: str, name: str | None = None) -> list[EntryPoint]:
    """The entries of *group*, called *name* if that is given, in order of ``sys.path``: of a
    distribution that is there twice, those of the first."""
    first: dict[str, tuple[str, str | Distribution]] = {}
    for distribution, text, offers in _installed():
        first.setdefault(distribution, (text, offers))
    return [
        EntryPoint(key, value, offers)
        for text, offers in first.values()
        for key, value in _section(text, group)
        if name in (None, key)
    ]


def _installed() -> Iterator[tuple[str, str, str | Distribution]]:
    """What is installed: its name, the text of its entry points, and who it is."""
    finders = [each for each in sys.meta_path if hasattr(each, "find_distributions")]
    if finders != [PathFinder]:
        yield from _asked()
        return
    for place in sys.path:
        try:
            names = os.listdir(place or ".")
        except (OSError, ValueError):
            names = []
        if place.endswith(".egg") or os.path.isfile(place):
            yield from _asked(path=[place])
            continue
        for folder in names:
            if folder.lower().endswith(_FOLDERS):
                info = os.path.join(place, folder)
                stem = os.path.splitext(folder)[0]
                yield _normalized(stem.partition("-")[0]), _read(info), info


def _asked(**where: Any) -> Iterator[tuple[str, str, Distribution]]:
    """As :func:`_installed`, of what importlib.metadata knows."""
    from importlib.metadata import distributions  # noqa: PLC0415

    for each in distributions(**where):
        yield _normalized(each.metadata["Name"] or ""), each.read_text(_FILE) or "", each


def _normalized(name: str) -> str:
    """As PEP 503 has it: ``Baton.Ping`` and ``baton_ping`` are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _read(info: str) -> str:
    try:
        with open(os.path.join(info, _FILE), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:  # most have none
        return ""


def _section(text: str, group: str) -> Iterable[tuple[str, str]]:
    """The names and values below ``[group]``."""
    here = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            here = line == f"[{group}]"
        elif here and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()
