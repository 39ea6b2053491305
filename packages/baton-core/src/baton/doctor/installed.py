"""Which extensions are installed here, whether they import, and who this server is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from baton.doctor.findings import Check, Finding
from baton.errors import ConfigurationError
from baton.extension import (
    COMMANDS_GROUP,
    Extension,
    InstalledExtension,
    describe,
    installed_extensions,
)
from baton.server import Server
from baton.threads import in_thread

if TYPE_CHECKING:
    from baton.configuration import Configuration

_PARTS: Final = ("service", "api", "monitor")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An extension that is to be examined: *name* is how it is called, ``installed`` is None if
    it is not here."""

    name: str
    installed: InstalledExtension | None

    @property
    def extension(self) -> Extension | None:
        """Its description, if that can be had."""
        return self.installed.extension if self.installed else None


async def find_candidates(names: Sequence[str], seconds: float) -> list[Candidate]:
    """The extensions that *names* mean, or without any all that are installed.

    Raises TimeoutError if importing their descriptions takes longer than *seconds*.
    """
    found = await in_thread(lambda: list(installed_extensions()), seconds)
    if not names:
        return [Candidate(_name(each), each) for each in found]
    return [_find(name, found) for name in dict.fromkeys(names)]


async def examine_extension(candidate: Candidate, seconds: float) -> Finding:
    """Whether its description, and each part that it names, can be imported."""
    check = Check("extension", candidate.name)
    installed = candidate.installed
    if installed is None:
        return check.failed("it is not installed", f"pip install {candidate.name}")
    origin = f"{installed.distribution} {installed.version}"
    remedy = _remedy(installed.distribution)
    if installed.extension is None:
        return check.failed(f"{origin} is broken: {installed.error}", remedy)
    parts = [part for part in (*_PARTS, "commands") if getattr(installed.extension, part)]
    try:
        fault = await in_thread(partial(_fault, installed.extension, parts), seconds)
    except TimeoutError:
        fault = f"it was not imported within {seconds:g} s"
    if fault:
        return check.failed(f"{origin} is broken: {fault}", remedy)
    return check.ok(f"{origin}: {', '.join(['description', *parts])} can be imported")


async def examine_server(
    configuration: Configuration, owner: str | None, seconds: float
) -> tuple[Server | None, Finding]:
    """Who this server is, None if its facts cannot be read."""
    check = Check("this server", owner)
    try:
        server = await in_thread(partial(Server.detect, configuration), seconds)
    except TimeoutError:
        return None, check.failed(
            f"its name or its facts were not found out within {seconds:g} s",
            "set FQDN, and look at the name servers and at the files in FACTS",
        )
    except ConfigurationError as error:
        return None, check.failed(
            str(error),
            "mend that file, or remove it from FACTS; FQDN, ENVIRONMENT and APP_NAMES win over it",
        )
    apps = f", applications {', '.join(server.app_names)}" if server.app_names else ""
    files = f", facts from {', '.join(map(str, configuration.facts))}" * bool(configuration.facts)
    found = f"{server.fqdn}, environment {server.environment}{apps}{files}"
    if "." not in server.fqdn or server.fqdn.partition(".")[0] == "localhost":
        return server, check.warning(
            f"{found}: {server.fqdn} is no fully qualified name, and perhaps another's, too",
            "set FQDN, or give the machine its name: hostnamectl set-hostname web01.example.org",
        )
    return server, check.ok(found)


def _name(installed: InstalledExtension) -> str:
    return installed.extension.name if installed.extension else installed.entry_point


def _find(name: str, installed: Iterable[InstalledExtension]) -> Candidate:
    for each in installed:
        if name in (_name(each), each.entry_point, f"baton-{each.entry_point}"):
            return Candidate(_name(each), each)
    return Candidate(name, None)


def _fault(extension: Extension, parts: Iterable[str]) -> str | None:
    """Why one of *parts* cannot be imported."""
    for part in parts:
        try:
            if part == "commands":
                _load_commands(extension)
            else:
                extension.load(part)
        except ConfigurationError as error:
            return str(error)
        except SystemExit as error:
            return f"the {part}, {getattr(extension, part)}, ends the process: {describe(error)}"
    return None


def _load_commands(extension: Extension) -> None:
    """Import the commands that *extension* says it adds. Raises ConfigurationError."""
    for name in extension.commands:
        found = list(entry_points(group=COMMANDS_GROUP, name=name))
        if not found:
            raise ConfigurationError(f"baton {name} is no entry point in {COMMANDS_GROUP}")
        try:
            found[0].load()
        except Exception as error:  # somebody's module
            raise ConfigurationError(
                f"The command baton {name}, {found[0].value}, cannot be imported: {describe(error)}"
            ) from error


def _remedy(name: str) -> str:
    """What mends the distribution *name*: another copy, or work on it where it is developed."""
    try:
        said = json.loads(distribution(name).read_text("direct_url.json") or "{}")
        folder = unquote(urlsplit(said["url"]).path) if said["dir_info"]["editable"] else ""
    except (PackageNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        folder = ""
    if folder:
        return f"mend it in {folder}; a change of pyproject.toml needs pip install -e . again"
    return f"pip install --force-reinstall {name}, or pip uninstall {name}"
