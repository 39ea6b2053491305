"""Reading a configuration file: YAML, whose errors tell the line and keep its secrets."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import yaml

from baton.errors import ConfigurationError
from baton.files import read_regular
from baton.text import shorten

if TYPE_CHECKING:
    from pathlib import Path

MOST_VALUES: Final = 500_000
"""Of a file, the names of its keys among them."""
_QUOTED: Final = re.compile(r"'(?P<harmless>[^']|\\[^']+|<[a-z ]+>)'|(?P<quote>['\"]).*(?P=quote)")
"""What a YAML error quotes: a character or the name of a token; else it may be a password."""


def read_keys(file: Path, verbatim: Container[str]) -> dict[str, Any]:
    """The keys of *file* in lower case, without those that have no value.

    What stands at the keys in *verbatim* is read as text: YAML takes 0123 for 83 and "yes" for
    true, but a password or a name is what stands there. Raises FileNotFoundError, and
    ConfigurationError for a file that cannot be read or holds no keys.
    """
    try:
        text = read_regular(file).decode("utf-8")
        plain = yaml.load(text, _VerbatimLoader)  # noqa: S506  (a SafeLoader)
        typed = yaml.load(text, TypedLoader)  # noqa: S506  (a SafeLoader)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: is not in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = _QUOTED.sub(lambda it: it[0] if it["harmless"] else "…", error.problem or "")
        raise ConfigurationError(f"{file}{where}: is not valid YAML: {problem}") from None
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split()).partition(' in "<')[0]
        raise ConfigurationError(f"{file}: is not valid YAML: {shorten(reason)}") from None
    except RecursionError:
        raise ConfigurationError(f"{file}: is not valid YAML: it is nested too deeply") from None
    except (ValueError, LookupError, OverflowError):
        reason = "a value is not what its tag says, or has too many digits"
        raise ConfigurationError(f"{file}: is not valid YAML: {reason}") from None
    if typed is None:
        return {}
    if not isinstance(typed, dict):
        raise ConfigurationError(f"{file}: holds no keys: a line is KEY: value")
    own = {name: value for name, value in _keys(plain) if name in verbatim}
    return own | {name: value for name, value in _keys(typed) if name not in verbatim}


def _keys(content: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """A key that begins with an underscore is the file's own, for instance for an anchor."""
    for key, value in content.items():
        name = str(key).lower()
        if value is not None and not name.startswith("_"):
            yield name, value


class BoundedLoader(yaml.SafeLoader):
    """Refuses what has more values than MOST_VALUES: with aliases, and keys that are merged, a few
    lines say more than fits into memory."""

    def get_single_node(self) -> yaml.Node | None:
        """Part of PyYAML: the document, before anything is made of it."""
        node = super().get_single_node()
        if node is not None and _size(node, {}) > MOST_VALUES:
            raise yaml.YAMLError(f"it has more than {MOST_VALUES:,} values, counting aliases")
        return node


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values *node* stands for; within itself, it is one."""
    if id(node) not in known:
        known[id(node)] = 1
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            parts = node.value
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


class TypedLoader(BoundedLoader):
    """Reads numbers and booleans as YAML does; dates are text, as in JSON."""


class _VerbatimLoader(BoundedLoader):
    """Reads numbers, booleans and dates as text."""


def _as_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


for _kind in ("timestamp", "value"):
    TypedLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _as_text)
for _kind in ("timestamp", "value", "int", "float", "bool"):
    _VerbatimLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _as_text)
