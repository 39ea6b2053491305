"""Whether the configuration can be read, and what in it looks wrong."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from baton.configuration import Configuration, default_path
from baton.doctor.findings import Check, Finding
from baton.errors import ConfigurationError
from baton.event_loop import ASYNCIO, loop_factory

_KNOWN: Final = (*Configuration.model_fields, "rabbit_url")
_ALIKE: Final = 0.8
"""Of 1: how much a key must be like one of ours to be taken for a slip of it."""


def read_configuration(
    path: Path | None, extension: str | None, url: str | None
) -> tuple[Configuration | None, list[Finding]]:
    """The configuration as a service gets it, None if it cannot be had; and what was found."""
    # A file that was asked for is every extension's.
    owner = extension if path is None else None
    check = Check("configuration", owner)
    if path is not None and (fault := _unreadable(path)):
        return None, [check.failed(f"{path}: cannot be read: {fault}", _REMEDY_FILE)]
    try:
        configuration = Configuration.load(path, extension=extension, rabbit_url=url)
    except ConfigurationError as error:
        return None, [check.failed(str(error), _remedy(str(error)))]
    expected = default_path(extension) if path is None and extension else path
    return configuration, [
        check.ok(_sources(configuration, expected)),
        *_misspelt(configuration, Check("spelling", owner)),
        _password(configuration, Check("password", owner)),
        *_files(configuration, owner),
        *_event_loop(configuration, Check("event loop", owner)),
    ]


_REMEDY_FILE: Final = (
    "name a file with -c that is there and that this user may read, or let the user read it"
)


def _remedy(fault: str) -> str:
    if "cannot be read" in fault:
        return "let the service's user read it, and run the doctor as that user"
    if "is not valid YAML" in fault or "holds no keys" in fault or "is not in UTF-8" in fault:
        return "mend that line of the file: each is KEY: value, and a value with : or # is quoted"
    return "set it to what is allowed, or remove it: docs/configuration.md lists every setting"


def _unreadable(path: Path) -> str | None:
    try:
        path.stat()
    except OSError as error:
        return error.strerror
    return None


def _sources(configuration: Configuration, expected: Path | None) -> str:
    """Which file was read, and where each key that is set comes from."""
    if configuration.path is not None:
        read = f"{configuration.path} was read"
    else:
        read = f"no file at {expected}, defaults hold" if expected else "no file, defaults hold"
    keys: dict[str, dict[str, None]] = {}
    for origin in configuration.origins.values():
        source, key = _take_apart(origin, configuration.path)
        keys.setdefault(source, {})[key] = None
    return "; ".join([read, *(f"{source}: {', '.join(names)}" for source, names in keys.items())])


def _take_apart(origin: str, path: Path | None) -> tuple[str, str]:
    """The source of *origin*, and the key there: of a URL not the parts, but that it is one."""
    for prefix, source in (
        (f"{path}: ", "from the file"),
        ("option ", "from options"),
        ("environment ", "from the environment"),
        ("baton.configure: ", "from baton.configure"),
    ):
        if origin.startswith(prefix):
            return source, origin.removeprefix(prefix).partition(", ")[0]
    return "from elsewhere", origin


def _misspelt(configuration: Configuration, check: Check) -> Iterator[Finding]:
    others = list(configuration.model_extra or {})
    slips = {key: meant for key in others if (meant := _meant(key, configuration.origins))}
    for key, meant in slips.items():
        where = configuration.origins.get(key, key.upper())
        yield check.warning(
            f"{where} is no setting, and is not looked at; {meant.upper()} is one",
            f"call it {meant.upper()}, if that is meant",
        )
    if not slips:
        left = f"; the extension's own: {', '.join(map(str.upper, others))}" if others else ""
        yield check.ok(f"no key looks misspelt{left}")


def _meant(key: str, is_set: Mapping[str, str]) -> str | None:
    """The setting that whoever wrote *key* meant, if one can tell."""
    if f"rabbit_{key}" in _KNOWN:
        # An extension may have its own HOST; not where none was given to Baton.
        return None if f"rabbit_{key}" in is_set else f"rabbit_{key}"
    alike = difflib.get_close_matches(key, _KNOWN, n=1, cutoff=_ALIKE)
    return alike[0] if alike else None


def _password(configuration: Configuration, check: Check) -> Finding:
    """Never what it is, only whose eyes may see it."""
    if configuration.rabbit_scheme == "memory":
        return check.skipped("a broker in this process asks for none")
    if configuration.rabbit_auth == "external":
        return check.skipped('none is needed: RABBIT_AUTH is "external"')
    try:
        configuration.read_password()
    except ConfigurationError as error:
        return check.failed(str(error), _remedy(str(error)))
    file = configuration.rabbit_pass_file
    if file is None:
        origin = configuration.origins.get("rabbit_pass", "")
        if not origin:
            return check.ok("none is set, RabbitMQ's default holds")
        if configuration.path is None or not origin.startswith(f"{configuration.path}: "):
            return check.ok(f"set by {origin.partition(',')[0]}")
        file = configuration.path
    if file.stat().st_mode & stat.S_IROTH:
        return check.warning(f"{file} holds it, and everybody may read that", f"chmod o= {file}")
    return check.ok(f"{file} holds it, and not everybody may read that")


def _event_loop(configuration: Configuration, check: Check) -> Iterator[Finding]:
    """Whether the event loop that was chosen is there. Python's own always is."""
    if configuration.event_loop == ASYNCIO:
        return
    try:
        loop_factory(configuration.event_loop)
    except ConfigurationError as error:
        yield check.failed(str(error), "pip install 'baton-core[uvloop]'")
    else:
        yield check.ok(f"{configuration.event_loop} can be imported")


def _files(configuration: Configuration, owner: str | None) -> Iterator[Finding]:
    """Whether what a service writes can be written. What is not set is not checked."""
    for key in ("log_file", "audit_file", "pid_file"):
        file: Path | None = getattr(configuration, key)
        if file is None:
            continue
        check = Check(key.replace("_", " "), owner)
        folder = file.parent
        if file.is_dir():
            fault, remedy = "it is a folder", f"set {key.upper()} to a file"
        elif file.exists():
            fault = "" if os.access(file, os.W_OK) else "the user may not write it"
            remedy = f"chown the file {file} to the service's user"
        elif not folder.is_dir():
            fault, remedy = f"there is no folder {folder}", f"mkdir -p {folder}"
        else:
            fault = "" if os.access(folder, os.W_OK | os.X_OK) else f"the user may not use {folder}"
            remedy = f"let the service's user write in {folder}, or set {key.upper()} elsewhere"
        where = configuration.origins.get(key, key.upper())
        yield (
            check.failed(f"{where}: {file} cannot be written: {fault}", remedy)
            if fault
            else check.ok(f"{file} can be written")
        )
