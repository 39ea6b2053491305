"""What an extension is: a name, and where its parts are to be found.

An extension registers a description of itself in the entry-point group ``baton.extensions``, so
that listing the installed extensions imports none of their machinery.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from baton.entry_points import EntryPoint, entry_points
from baton.errors import ConfigurationError
from baton.names import LONGEST_EXTENSION, check_name
from baton.text import excerpt, shorten

EXTENSIONS_GROUP: Final = "baton.extensions"
COMMANDS_GROUP: Final = "baton.commands"


@dataclass(frozen=True, slots=True)
class Extension:
    """A description of an extension; ``service``, ``api`` and ``monitor`` are ``module:Class``.

    ``commands`` are the names of those that it adds to ``baton``, each with the first sentence of
    its help: ``baton --help`` imports those that are named without one.

    Raises ConfigurationError for a *name* of which no exchange and no queue can be made.

    >>> Extension("baton-ping").exchange, Extension("baton-ping").exchange_out
    ('baton_ping_in', 'baton_ping_out')
    """

    name: str
    summary: str = ""
    service: str | None = None
    api: str | None = None
    monitor: str | None = None
    commands: Mapping[str, str] | tuple[str, ...] = field(default=(), hash=False)

    def __post_init__(self) -> None:
        try:
            check_name(self.name, LONGEST_EXTENSION)
        except ValueError as error:
            raise ConfigurationError(f"The name of an extension {error}") from None

    @property
    def exchange(self) -> str:
        """The input exchange's name, unless the setting ``EXCHANGE`` says otherwise."""
        return f"{self.name.replace('-', '_')}_in"

    @property
    def exchange_out(self) -> str:
        """The output exchange's name, unless the setting ``EXCHANGE_OUT`` says otherwise."""
        return f"{self.name.replace('-', '_')}_out"

    @property
    def summaries(self) -> Mapping[str, str]:
        """The first sentence of the help of each command of which the description has it."""
        return self.commands if isinstance(self.commands, Mapping) else {}

    def load(self, part: str) -> Any:
        """Import and return the class that *part* (``service``, ``api`` or ``monitor``) names.

        Raises ConfigurationError if the extension has no such part or it cannot be imported.
        """
        path = getattr(self, part)
        if path is None:
            raise ConfigurationError(f"The extension {self.name} has no {part}")
        module, _, name = path.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except Exception as error:  # somebody's module
            raise ConfigurationError(
                f"The {part} of the extension {self.name}, {path}, cannot be imported: "
                f"{describe(error)}"
            ) from error


@dataclass(frozen=True, slots=True)
class InstalledExtension:
    """An *entry* of the group ``baton.extensions``, and what came of loading it."""

    entry: EntryPoint
    extension: Extension | None
    error: str | None = None

    @property
    def entry_point(self) -> str:
        """What the entry is called."""
        return self.entry.name

    @property
    def distribution(self) -> str:
        """What the distribution is called that offers it."""
        return self.entry.distribution.name

    @property
    def version(self) -> str:
        """The version of that distribution."""
        return self.entry.distribution.version

    @property
    def names(self) -> tuple[str, str]:
        """What it is called, the short name first: ``ping`` and ``baton-ping``."""
        name = self.extension.name if self.extension else f"baton-{self.entry_point}"
        return self.entry_point, name


def installed_extensions() -> Iterator[InstalledExtension]:
    """Each extension of this Python environment, broken ones too, in order of their names."""
    for entry in sorted(entry_points(group=EXTENSIONS_GROUP), key=lambda entry: entry.name):
        yield _inspect(entry)


def find_extension(name: str) -> Extension:
    """The installed extension of that *name*: ``ping`` and ``baton-ping`` mean the same.

    A name that is not installed gives a bare description, so that a command can be sent to an
    extension that only other servers have.
    """
    for installed in installed_extensions():
        if installed.extension is not None and name in installed.names:
            return installed.extension
    return Extension(name)


def require_extension(name: str) -> Extension:
    """The installed extension of that *name*, as :func:`find_extension` finds it.

    Raises ConfigurationError for one that is not installed, or is broken.
    """
    names: list[str] = []
    for installed in installed_extensions():
        if name in installed.names:
            if installed.extension is None:
                raise ConfigurationError(f"The extension {name} is broken: {installed.error}")
            return installed.extension
        names += installed.names
    import difflib  # noqa: PLC0415

    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else "baton extensions lists those that are"
    raise ConfigurationError(f"The extension {excerpt(name)} is not installed: {hint}")


def describe(error: BaseException) -> str:
    """*error* in one line: its text, or what it is if it has none."""
    return shorten(" ".join(str(error).split())) or type(error).__name__


def _inspect(entry: EntryPoint) -> InstalledExtension:
    try:
        extension = entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  (somebody's module)
        return InstalledExtension(entry, None, f"{entry.value}: {describe(error)}")
    if not isinstance(extension, Extension):
        reason = f"{entry.value} is no baton.Extension but a {type(extension).__name__}"
        return InstalledExtension(entry, None, reason)
    return InstalledExtension(entry, extension)
