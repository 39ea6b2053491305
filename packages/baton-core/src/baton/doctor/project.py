"""For authors: whether the extension in this folder is found by Baton, and its service starts.

It is looked at where the doctor is run in a project: a folder whose ``pyproject.toml`` has an entry
point in ``baton.extensions``, or in a group that may be meant to be that. Elsewhere none of it is
said.
"""

from __future__ import annotations

import asyncio
import importlib.util
import secrets
import sys
import tomllib
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from baton.configuration import Configuration
from baton.doctor.findings import Check, Finding
from baton.errors import ConfigurationError
from baton.extension import COMMANDS_GROUP, EXTENSIONS_GROUP, Extension, describe
from baton.files import read_regular
from baton.link import Phase
from baton.text import shorten
from baton.threads import in_thread
from baton.transports.memory import forget_memory_broker

_FILE: Final = "pyproject.toml"
_INSTALL: Final = "pip install -e ."


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that describes extensions: ``entries`` maps what each is called for short to where
    its description is, as ``module:name``. ``strange`` are groups that Baton does not know."""

    folder: Path
    entries: dict[str, str]
    strange: tuple[str, ...] = ()


def find_project(folder: Path) -> Project | None:
    """The project in *folder*, None if there is none, or none that can be read."""
    try:
        found: Any = tomllib.loads(read_regular(folder / _FILE).decode())
    except (OSError, ValueError, RecursionError):
        return None
    for key in ("project", "entry-points"):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return None
    known = (EXTENSIONS_GROUP, COMMANDS_GROUP)
    strange = tuple(group for group in found if group.startswith("baton.") and group not in known)
    entries = found.get(EXTENSIONS_GROUP)
    entries = entries if isinstance(entries, dict) else {}
    if not entries and not strange:
        return None
    named = {str(key): str(value) for key, value in entries.items()}
    return Project(folder.absolute(), named, strange)


async def examine_project(
    project: Project, path: Path | None, seconds: float
) -> AsyncIterator[Finding]:
    """For each extension of *project*: whether it is found, and whether its service starts with
    the configuration in *path*, or its own file, on a broker in memory."""
    for group in project.strange:
        yield Check("project").failed(
            f"{_FILE} has entry points in {shorten(group)}, which Baton does not know",
            f"write {EXTENSIONS_GROUP} or {COMMANDS_GROUP} there, and {_INSTALL}",
        )
    for short, value in project.entries.items():
        check = Check("project", f"baton-{short}")
        fault = _undiscovered(project, short, value, check)
        if fault:
            yield fault
            yield Check("start", check.extension).skipped('"project" failed')
            continue
        try:
            extension = await in_thread(lambda value=value: _load(value), seconds)  # type: ignore[misc]
        except TimeoutError:
            yield check.failed(f"{value} was not imported within {seconds:g} s", _at(value))
            continue
        except ConfigurationError as error:
            yield check.failed(str(error), _at(value))
            continue
        yield Check("project", extension.name).ok(
            f"it is found as {short}, from {_origin(value) or value}"
        )
        yield await _examine_start(extension, project.folder, path, seconds)


def _undiscovered(project: Project, short: str, value: str, check: Check) -> Finding | None:
    """Why Baton does not find what stands in *project*."""
    installed = list(entry_points(group=EXTENSIONS_GROUP, name=short))
    if not installed:
        return check.failed(
            f"{_FILE} describes {short}, which is not installed in {sys.prefix}: "
            "Baton does not find it",
            f"{_INSTALL} (in the environment that baton is run in)",
        )
    known = next(iter(installed)).value
    if known != value:
        return check.failed(
            f"{_FILE} says that {short} is {value}, but {known} is installed", _INSTALL
        )
    origin = _origin(value)
    if origin is None:
        return check.failed(
            f"{_FILE} says that {short} is {value}, and there is no such package",
            f"mend that line of {_FILE}, and {_INSTALL}",
        )
    if not origin.is_relative_to(project.folder.resolve()):
        return check.failed(
            f"what is found is another copy, {origin}: changes here have no effect", _INSTALL
        )
    return None


def _origin(value: str) -> Path | None:
    """The folder of the package that *value* is in, None if there is none. Imports nothing."""
    package = value.partition(":")[0].partition(".")[0].strip()
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent


def _load(value: str) -> Extension:
    module, _, name = value.partition(":")
    try:
        found = getattr(importlib.import_module(module.strip()), name.strip())
    except (Exception, SystemExit) as error:  # somebody's module
        raise ConfigurationError(f"{value} cannot be imported: {_words(error)}") from error
    if not isinstance(found, Extension):
        raise ConfigurationError(f"{value} is no baton.Extension but a {type(found).__name__}")
    return found


async def _examine_start(
    extension: Extension, folder: Path, path: Path | None, seconds: float
) -> Finding:
    check = Check("start", extension.name)
    if extension.service is None:
        return check.skipped("it has no service")
    broker = f"doctor-{secrets.token_hex(8)}"
    try:
        configuration = Configuration.load(
            path, extension=extension.name, rabbit_url=f"memory://{broker}"
        )
    except ConfigurationError:
        return check.skipped('"configuration" failed')
    try:
        listening = await in_thread(lambda: _run(extension, configuration), seconds)
    except TimeoutError:
        return check.failed(
            f"its service was not ready within {seconds:g} s",
            f"look for what waits in setup_consumers of {extension.service}",
        )
    except Exception as error:  # noqa: BLE001  (somebody's service)
        return check.failed(
            f"its service cannot start: {_words(error)}",
            f"mend {_place(error, folder) or extension.service}; pytest shows it",
        )
    finally:
        forget_memory_broker(broker)
    if not listening:
        return check.failed(
            "its service starts, and listens on nothing",
            f"add a consumer in setup_consumers of {extension.service}",
        )
    return check.ok(f"its service starts, and listens on {', '.join(listening)}")


def _run(extension: Extension, configuration: Configuration) -> list[str]:
    try:
        return asyncio.run(_start(extension, configuration))
    except SystemExit as error:
        raise ConfigurationError(f"it ends the process: SystemExit({error.code})") from error


async def _start(extension: Extension, configuration: Configuration) -> list[str]:
    """Run the service until it is ready, and return the keys that it listens on."""
    service = extension.load("service")(configuration)
    ready = asyncio.Event()
    await service.start()
    try:
        service.watch(lambda state: ready.set() if state.phase is Phase.READY else None)
        if service.state.phase is not Phase.READY:
            await ready.wait()
        return list(dict.fromkeys(_keys(service)))
    finally:
        await service.stop(0)


def _keys(service: Any) -> Iterator[str]:
    for manager in service.channel.managers:
        yield from manager.consumer.routing_keys


def _place(error: BaseException, folder: Path) -> str | None:
    """The file of *folder*, and its line, that *error* came from, if any did. What is installed
    below it, in a virtual environment, is none of its files."""
    cause = error.__cause__ or error
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(cause.__traceback__)]
    if isinstance(cause, SyntaxError):
        frames.append((cause.filename or "", cause.lineno))
    top = folder.resolve()
    for file, line in reversed(frames):
        path = Path(file).resolve()
        if path.is_relative_to(top) and "site-packages" not in path.parts:
            return f"{path.relative_to(top)}, line {line}"
    return None


def _at(value: str) -> str:
    return f"mend {value.partition(':')[0]}, or the line of {_FILE} that names it"


def _words(error: BaseException) -> str:
    kind = type(error).__name__
    said = describe(error)
    return said if said == kind or isinstance(error, ConfigurationError) else f"{kind}: {said}"
