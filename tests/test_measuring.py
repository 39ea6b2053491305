"""Of what coverage is taken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from measuring import PROCESSES, processes_untraced, untraced

MODULE = """\
def first():
    return 1

def second():
    return 2

def third():
    return 3
"""
PACKAGE_TEST = """\
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

import thing.part

def test_in_a_thread():
    assert "COVERAGE_PROCESS_CONFIG" not in os.environ
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(thing.part.first).result() == 1

@pytest.mark.measured
def test_here():
    assert "COVERAGE_PROCESS_CONFIG" in os.environ
    assert thing.part.second() == 2
"""
OTHER_TEST = """\
import os
from concurrent.futures import ThreadPoolExecutor

import thing.part

def test_here():
    assert "COVERAGE_PROCESS_CONFIG" not in os.environ
    assert thing.part.third() == 3

def test_in_a_thread():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(thing.part.third).result() == 3
"""
SETTINGS = """\
[tool.pytest]
addopts = ["-p", "measuring"]
markers = ["measured"]
[tool.coverage.run]
parallel = true
source_pkgs = ["thing"]
patch = ["subprocess"]
[tool.coverage.report]
show_missing = true
"""


@pytest.mark.parametrize("more", [(), ("--numprocesses=1",)], ids=["here", "in another process"])
def test_the_tests_of_the_packages_are_measured_and_no_others(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    """Whoever comes first: what is measured is imported before any test is collected."""
    files = {
        "pyproject.toml": SETTINGS,
        "source/thing/__init__.py": "",
        "source/thing/part.py": MODULE,
        "packages/test_part.py": PACKAGE_TEST,
        "tests/test_other.py": OTHER_TEST,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    places = (str(tmp_path / "source"), str(Path(__file__).parent))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
    } | {"PYTHONPATH": os.pathsep.join(places)}

    def coverage(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "coverage", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    ran = coverage("run", "-m", "pytest", "-q", *more, "tests", "packages")
    assert "4 passed" in ran
    coverage("combine", "--quiet")
    (part,) = (line for line in coverage("report").splitlines() if "part.py" in line)
    assert part.split()[1:] == ["6", "1", "83%", "8"]


def test_tracing_goes_on_afterwards() -> None:
    def trace(*_: object) -> None:
        pass

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with untraced():
            within = sys.gettrace()
        afterwards = sys.gettrace()
    finally:
        sys.settrace(before)
    assert (within, afterwards) == (None, trace)


def test_processes_are_traced_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES, "something")
    with processes_untraced():
        assert PROCESSES not in os.environ
    assert os.environ[PROCESSES] == "something"
