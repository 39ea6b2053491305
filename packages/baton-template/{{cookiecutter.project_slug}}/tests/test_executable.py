"""The executables: the service of a server, and the monitor."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULE = "{{ cookiecutter.__package }}.executable"


@pytest.mark.parametrize(("name", "ready"), [("main", "is ready"), ("monitor", "is ready")])
def test_it_runs_until_sigterm(name: str, ready: str) -> None:
    program = f"from {MODULE} import {name}; {name}()"
    arguments = [sys.executable, "-c", program, "--url", "memory://"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if ready in line:
                process.terminate()
        assert process.wait() == 0


@pytest.mark.parametrize("name", ["main", "monitor"])
def test_a_missing_configuration_file(name: str) -> None:
    program = f"from {MODULE} import {name}; {name}()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "-c", "/no/such.cfg"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "/no/such.cfg: cannot be read: No such file or directory" in ran.stderr
