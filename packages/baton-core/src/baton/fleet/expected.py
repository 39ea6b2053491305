"""Who has to answer: names from a file, from the document of another run, or from a monitor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from baton.errors import ConfigurationError
from baton.files import read_regular
from baton.fleet.document import Fields, parse_json
from baton.fleet.request import Expected
from baton.names import LONGEST_FQDN, check_name
from baton.text import excerpt

LONGEST: Final = 64 * 1024 * 1024
"""Bytes that a file of names may have."""


def read_expected(path: Path) -> Expected:
    """The servers that *path* names: one a line, where ``#`` begins a comment; or, in the JSON
    document of another run, those that answered or were missing then.

    Raises ConfigurationError, with the file and the line, for what is neither, and for a file that
    names nobody.
    """
    try:
        content = read_regular(path, LONGEST)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    is_json = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    names = _names_of_run(path, content) if is_json else _names_of_lines(path, content)
    if not names:
        raise ConfigurationError(f"{path} names no server")
    return Expected(names=frozenset(names))


def expected_from(url: str, targets: str | Iterable[str], timeout: float = 10.0) -> Expected:
    """The servers that the monitor at *url* knows and that one of *targets* reaches. Blocks for
    *timeout* seconds at most.

    Raises ConfigurationError for a *url* that is none, and if the monitor knows no such server;
    MonitorUnavailable if it cannot be asked.
    """
    from baton.fleet.monitor_api import MonitorAPI  # noqa: PLC0415  (it brings an HTTP client)

    asked = [targets] if isinstance(targets, str) else list(targets)
    monitor = MonitorAPI(url, timeout)
    names = monitor.servers(asked)
    if not names:
        shown = ", ".join(f'"{excerpt(target, 40)}"' for target in asked[:3])
        raise ConfigurationError(f"The monitor at {monitor} knows no server of {shown}")
    return Expected(names=names)


def _names_of_lines(path: Path, content: bytes) -> set[str]:
    names = set()
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        try:
            name = line.partition(b"#")[0].decode().strip()
            if name:
                names.add(check_name(name, LONGEST_FQDN))
        except UnicodeDecodeError:
            raise ConfigurationError(f"{path}, line {number} is not UTF-8") from None
        except ValueError as error:
            raise ConfigurationError(f"{path}, line {number}: {error}") from None
        if any(each.isspace() for each in name):
            raise ConfigurationError(f"{path}, line {number}: one name a line is allowed")
    return names


def _names_of_run(path: Path, content: bytes) -> set[str]:
    try:
        document = parse_json(content)
        fields = Fields(document)
        names = {*fields.inner("missing").texts("names"), *fields.texts("originals")}
        names.update(each.text("fqdn") for each in fields.objects("replies"))
        names.update(fields.texts("late"))
        return {check_name(name, LONGEST_FQDN) for name in names if name}
    except ValueError as error:
        raise ConfigurationError(f"{path} is no document of a run: {error}") from None
