"""Reading a fact file: JSON or YAML, whose values become those that JSON has."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import yaml

from baton.configuration_file import TypedLoader
from baton.errors import ConfigurationError
from baton.files import read_regular
from baton.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

_MOST_BITS: Final = 14_000
"""Of a number: Python writes no more than 4,300 digits."""


def read_fact_file(path: Path) -> dict[str, Any]:
    """The facts in *path*: JSON by the ending ``.json``, else YAML.

    All of it can be sent as JSON: NaN and Infinity are None, dates are text, sets are lists,
    binary data is text in base64, and a key is the text that stands there. Raises
    ConfigurationError for a file that cannot be read or is not an object of facts.
    """
    kind = "JSON" if path.suffix == ".json" else "YAML"
    try:
        text = read_regular(path).decode("utf-8-sig")
        content = _as_json(json.loads(text) if kind == "JSON" else _parse(text))
    except OSError as error:
        raise ConfigurationError(f"FACTS: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"FACTS: {path} is not in UTF-8") from None
    except RecursionError:
        raise ConfigurationError(f"FACTS: {path} is nested too deeply") from None
    except (ValueError, LookupError, OverflowError) as error:
        reason = printable(" ".join(str(error).split()))
        raise ConfigurationError(f"FACTS: {path} is not valid {kind}: {shorten(reason)}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"FACTS: {path} holds no facts: an object of them is allowed")
    return content


def _parse(text: str) -> object:
    if text.lstrip().startswith("{"):
        # JSON by another name, perhaps: YAML is slow to read it, and splits surrogate pairs.
        with suppress(ValueError):
            return json.loads(text)
    try:
        return yaml.load(text, _FactLoader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


class _FactLoader(TypedLoader):
    """Takes keys as they stand: YAML reads 52:54:00:12:34:56 as a number, and "on" as true."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        if isinstance(node, yaml.MappingNode):  # "!!map x" is none
            self.flatten_mapping(node)
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    key.tag = self.DEFAULT_SCALAR_TAG
        return super().construct_mapping(node, deep)


def _as_json(value: object) -> object:
    match value:
        case dict():
            return {str(name): _as_json(each) for name, each in value.items()}
        case list() | tuple():
            return [_as_json(each) for each in value]
        case set():
            return sorted(map(str, value))
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return b64encode(value).decode("ascii")
        case int() if value.bit_length() > _MOST_BITS:
            raise ValueError("a number has too many digits")
        case _:
            return value
