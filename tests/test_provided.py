"""Which tests of tests/faults run when."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(120)
ROOT = Path(__file__).parents[1]
LONG, QUICK = "test_broker.py::test_restart", "test_access.py::test_connections_closed"


def collected(*arguments: str) -> str:
    """What pytest would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_long_faults_are_left_out_of_all_tests() -> None:
    listed = collected("tests", "--ignore=tests/integration", "--ignore=tests/properties")
    assert LONG not in listed
    assert f"{QUICK}\n" in listed
    assert "tests/faults/test_checker.py::test_started_late" in listed
    assert " deselected" in listed


def test_they_run_when_they_are_named() -> None:
    for name in ("tests/faults", f"tests/faults/{LONG}"):
        listed = collected(name)
        assert LONG in listed
        assert " deselected" not in listed
