"""The floors of the house: a module imports from its own floor and from those below."""

from __future__ import annotations

import ast
import graphlib
from functools import cache
from pathlib import Path

import pytest

import baton

FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "pace",
        "text",
        "times",
        "names",
        "errors",
        "backoff",
        "light",
        "message",
        "broker_url",
        "configuration_file",
        "fact_file",
        "entry_points",
        "event_loop",
        "files",
        "process",
        "command_log",
        "gathering",
        "log_file",
        "listening",
        "wildcard",
        "where",
        "splay",
    ),
    ("configuration", "facts", "server", "observer", "extension"),
    (
        "transports",
        "consumer",
        "worker",
        "lifecycle",
        "pid_file",
        "systemd",
        "watched",
        "threads",
        "time_limit",
        "kept",
        "stall",
    ),
    (
        "audit",
        "outbox",
        "remembered",
        "running",
        "outputs",
        "link",
        "exchanges",
        "durable",
        "consumer_manager",
        "command",
    ),
    ("channel", "health", "health_server", "runner"),
    ("service", "monitor", "fleet", "dead_letters"),
    ("api", "simulation", "doctor"),
    ("cli", "testing"),
)
"""Ground floor first. A package stands for its modules."""

LONGEST = 500
"""Lines that a module may have."""

FLOOR = {name: number for number, names in enumerate(FLOORS, start=1) for name in names}
SOURCE = Path(baton.__file__).parent
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
    if path != SOURCE / "__init__.py"
}


@cache
def imports(path: Path) -> tuple[str, ...]:
    """The modules of Baton that a module imports, also within functions, without their leading
    ``baton.``; not those that are there for type checkers alone."""
    found: list[str] = []
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending += node.orelse
            continue
        pending += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative path"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "baton":
                found.append(rest)
    return tuple(found)


def module_of(name: str) -> str:
    """The module that *name*, a module or something in one, is or is in; empty for what stands in
    ``baton/__init__.py`` itself."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_floor(module: str) -> None:
    assert module.partition(".")[0] in FLOOR


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_floor_and_below(module: str) -> None:
    floor = FLOOR[module.partition(".")[0]]
    above = [
        name for name in imports(MODULES[module]) if FLOOR.get(name.partition(".")[0], 0) > floor
    ]
    assert above == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_what_it_needs_from_where_it_is(module: str) -> None:
    """From ``baton`` itself only what stands there: the rest would import late, and in a circle."""
    from_above = [name for name in imports(MODULES[module]) if not module_of(name)]
    assert set(from_above) <= {"__version__"}


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        module: {module_of(name) for name in imports(path)} - {"", module}
        for module, path in MODULES.items()
    }
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_too_long(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[module].read_text()))
