"""Registering a consumer in the source of a service, whose other lines stay as they are."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Final

from baton_template.naming import Refused

_LONGEST: Final = 100
"""Characters of a line, as the formatter of a generated project has it."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Adds the consumer *cls* of *module*, which is called *name*, to the service that is read."""

    module: str
    cls: str
    name: str

    @property
    def import_lines(self) -> list[str]:
        """How it is imported."""
        line = f"from {self.module} import {self.cls}"
        if len(line) <= _LONGEST:
            return [line]
        return [f"from {self.module} import (", f"    {self.cls},", ")"]

    def call_lines(self, indent: str) -> list[str]:
        """How it is added."""
        made = f'{self.cls}("{self.name}", self.server)'
        line = f"{indent}self.add_consumer({made})"
        if len(line) <= _LONGEST:
            return [line]
        return [f"{indent}self.add_consumer(", f"{indent}    {made}", f"{indent})"]

    def apply(self, source: str) -> tuple[str, str]:
        """*source* with the consumer in it, and the name of the service's class.

        Raises Refused for a source that is no service as the template has it.
        """
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise Refused(f"line {error.lineno} is no Python: {error.msg}") from None
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if self.cls in names:
            raise Refused(f"{self.cls} is there already: another name is allowed")
        service, method = _find(tree)
        lines = source.splitlines()
        last = method.body[-1]
        place = last.end_lineno or last.lineno
        indent = " " * method.body[0].col_offset
        lines[place:place] = self.call_lines(indent)
        place = self._place_of_import(tree)
        lines[place:place] = self.import_lines
        return "\n".join(lines) + "\n", service.name

    def _place_of_import(self, tree: ast.Module) -> int:
        """The number of lines before it: in order among the imports of the same package."""
        package = self.module.partition(".")[0]
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        own = [
            node
            for node in imports
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{package}.")
        ]
        for node in own:
            if _natural(node.module or "") > _natural(self.module):
                return node.lineno - 1
        nodes = own or imports
        if not nodes:
            raise Refused("it imports nothing")
        return nodes[-1].end_lineno or nodes[-1].lineno


def _find(tree: ast.Module) -> tuple[ast.ClassDef, ast.FunctionDef]:
    """The first class with a method ``setup_consumers``, and that method."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef) and each.name == "setup_consumers":
                    return node, each
    raise Refused("there is no class with a method setup_consumers")


def _natural(text: str) -> list[tuple[int, str]]:
    """A key to sort by as the linter does: numbers by their value."""
    return [
        (int(part), "") if part.isdigit() else (0, part)
        for part in re.split(r"(\d+)", text)
        if part
    ]
