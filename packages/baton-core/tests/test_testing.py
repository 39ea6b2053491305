"""What `import baton.testing` offers."""

from __future__ import annotations

import inspect
import subprocess
from collections.abc import Callable

import pytest

from baton import testing

Run = Callable[..., subprocess.CompletedProcess[str]]
HEAVY = {"aio_pika", "asyncio", "pika", "pydantic", "unittest.mock", "yaml"}


def test_all_is_what_resolves() -> None:
    assert set(testing.__all__) == {*testing._MODULES}
    assert dir(testing) == sorted(testing.__all__)


@pytest.mark.parametrize("name", testing.__all__)
def test_a_name_is_documented_and_there(name: str) -> None:
    value = getattr(testing, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match=r"^module 'baton\.testing' has no attribute 'Stub'$"):
        testing.Stub  # noqa: B018


def test_the_plugin_costs_nothing_that_pytest_has_not_paid(run: Run) -> None:
    """Every suite imports it, also one that has nothing to do with Baton."""
    program = (
        "import sys, pytest; before = set(sys.modules); import baton.testing.plugin; "
        "after = set(sys.modules) - before; "
        f"print(sorted({HEAVY!r} & after), all(name.startswith('baton') for name in after))"
    )
    ran = run("-c", program)
    assert (ran.stdout, ran.stderr) == ("[] True\n", "")


def test_no_run_time_module_needs_pytest(run: Run) -> None:
    """The kit without its plugin: for those who use unittest."""
    ran = run("-c", "from baton.testing import *; import sys; print('pytest' in sys.modules)")
    assert (ran.stdout, ran.stderr) == ("False\n", "")
