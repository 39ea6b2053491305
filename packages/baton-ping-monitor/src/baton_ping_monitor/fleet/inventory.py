"""The servers that should be there, as a file names them.

The file has one server a line, with its environment if that is known, and ``#`` begins a comment::

    web01.example.org  production
    web02.example.org

A file that ends in ``.yaml``, ``.yml`` or ``.json`` holds a list of names, or of objects with an
``fqdn`` and, if that is known, an ``environment``; whatever else an object says is left aside.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from baton.errors import ConfigurationError
from baton.files import read_regular
from baton.fleet.document import parse_json
from baton.names import LONGEST_ENVIRONMENT, LONGEST_FQDN, check_name
from baton.text import excerpt

logger = logging.getLogger(__name__)

MOST_SERVERS: Final = 100_000
_MOST_BYTES: Final = 16 * 1024 * 1024

Entry = tuple[str, object, object]
"""Where it stands, the name and the environment, as they stand there."""


class Inventory:
    """The servers that a file names, each with its environment, ``""`` if the file does not say.

    The file is read at once; raises ConfigurationError if it cannot be, or is wrong.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = self._stat()
        self.servers: Mapping[str, str] = read_inventory(path)

    def reread(self) -> bool:
        """Read the file if it was changed; whether other servers should be there now. Blocks.

        A file that became wrong changes nothing, and is logged once.
        """
        mark = self._stat()
        if mark == self._mark:
            return False
        self._mark = mark
        try:
            servers = read_inventory(self._path)
        except ConfigurationError as error:
            logger.error("%s. The servers that it named before are expected further", error)
            return False
        if servers == self.servers:
            return False
        self.servers = servers
        logger.info("Read the inventory %s: %d servers", self._path, len(servers))
        return True

    def _stat(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def read_inventory(path: Path) -> dict[str, str]:
    """The servers that *path* names, each with its environment or ``""``.

    Raises ConfigurationError, which names the file, the line and what is allowed there.
    """
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
        raise ConfigurationError(f"The inventory {path} cannot be read: {reason}") from None
    try:
        return _checked(_entries(path.suffix.lower(), text))
    except ValueError as error:
        raise ConfigurationError(f"The inventory {path}{error}") from None


def _entries(suffix: str, text: str) -> Iterable[Entry]:
    if suffix == ".json":
        return _of_json(text)
    if suffix in (".yaml", ".yml"):
        return _of_yaml(text)
    return _of_lines(text)


def _checked(entries: Iterable[Entry]) -> dict[str, str]:
    servers: dict[str, str] = {}
    for where, fqdn, environment in entries:
        try:
            if not isinstance(fqdn, str) or not isinstance(environment, str):
                raise ValueError("a name and an environment should be texts")
            name = check_name(fqdn.strip(), LONGEST_FQDN)
            group = environment.strip().lower()
            group = group and check_name(group, LONGEST_ENVIRONMENT)
            if any(each.isspace() for each in name):
                raise ValueError(f'"{excerpt(name, 40)}" is no name of a server')
            if servers.get(name, group) != group:
                raise ValueError(f'"{excerpt(name, 40)}" stands there twice, in two environments')
        except ValueError as error:
            raise ValueError(f", {where}: {error}") from None
        servers[name] = group
        if len(servers) > MOST_SERVERS:
            raise ValueError(f": it names more than {MOST_SERVERS:,} servers")
    if not servers:
        raise ValueError(": it names no server")
    return servers


def _of_lines(text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if len(words) > 2:
            raise ValueError(f", line {number}: a name and an environment are allowed")
        if words:
            yield f"line {number}", words[0], words[1] if len(words) > 1 else ""


def _of_json(text: str) -> Iterator[Entry]:
    try:
        document = parse_json(text.encode())
    except ValueError as error:
        raise ValueError(f" is not valid JSON: {error}") from None
    if not isinstance(document, list):
        raise ValueError(": it should be a list of servers")
    for number, each in enumerate(document, start=1):
        yield f"entry {number}", *_parts(each)


def _of_yaml(text: str) -> Iterator[Entry]:
    """Read as nodes, which know their lines. An alias is not copied."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{line}: is not valid YAML: {excerpt(error.problem or '')}") from None
    except (yaml.YAMLError, RecursionError):
        raise ValueError(" is not valid YAML") from None
    if not isinstance(node, yaml.SequenceNode):
        raise ValueError(": it should be a list of servers")
    for each in node.value:
        yield f"line {each.start_mark.line + 1}", *_parts(_plain(each))


def _plain(node: yaml.Node) -> object:
    """A scalar as its text, and an object of scalars; nothing else is needed."""
    if isinstance(node, yaml.ScalarNode):
        return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value)
    if isinstance(node, yaml.MappingNode):
        return {
            str(key.value): _plain(value) if isinstance(value, yaml.ScalarNode) else None
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode)
        }
    return None


def _parts(entry: Any) -> tuple[object, object]:
    if isinstance(entry, dict):
        return entry.get("fqdn"), entry.get("environment") or ""
    return entry, ""
