"""What `import baton` offers."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import baton
from baton import errors

Run = Callable[..., subprocess.CompletedProcess[str]]
HEAVY = {"aio_pika", "aiormq", "asyncio", "click", "pika", "pydantic", "yaml"}


def type_checked_names() -> dict[str, str]:
    """Each name that baton/__init__.py imports for type checkers, with its module."""
    tree = ast.parse(Path(baton.__file__).read_text())
    return {
        alias.name: str(node.module)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_no_name_stands_twice() -> None:
    assert len(baton.__all__) == len(set(baton.__all__))


def test_all_is_what_resolves() -> None:
    raised = {
        name
        for name, member in vars(errors).items()
        if inspect.isclass(member) and issubclass(member, BaseException)
    }
    assert set(baton.__all__) == {*baton._MODULES} | raised | {"__version__"}


def test_type_checkers_see_the_same() -> None:
    modules = {name: f"baton.{module}" for name, module in baton._MODULES.items()}
    errors_of_baton = {
        name: "baton.errors" for name in baton.__all__ if name not in {*modules, "__version__"}
    }
    assert type_checked_names() == modules | errors_of_baton


@pytest.mark.parametrize("name", sorted(set(baton.__all__) - {"__version__"}))
def test_a_name_is_its_modules(name: str) -> None:
    module = importlib.import_module(type_checked_names()[name])
    assert getattr(baton, name) is getattr(module, name)


@pytest.mark.parametrize("name", sorted(set(baton.__all__) - {"__version__"}))
def test_a_public_name_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(baton, name))


def test_dir_lists_them() -> None:
    assert dir(baton) == sorted(baton.__all__)


def test_a_star_import_brings_them(run: Run) -> None:
    program = (
        "from baton import *; import baton; "
        "print([name for name in baton.__all__ if name not in globals()])"
    )
    ran = run("-c", program)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


@pytest.mark.parametrize("name", ["Bus", "transports_", "_MODULE"])
def test_an_unknown_name(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^module 'baton' has no attribute '{name}'$"):
        getattr(baton, name)


def test_the_version() -> None:
    assert baton.__version__.count(".") == 2


@pytest.mark.parametrize("imported", ["baton", "baton.errors", "baton.message", "baton.extension"])
def test_an_import_costs_nothing(run: Run, imported: str) -> None:
    program = f"import sys, {imported}; print(sorted({HEAVY!r} & set(sys.modules)))"
    ran = run("-c", program)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
