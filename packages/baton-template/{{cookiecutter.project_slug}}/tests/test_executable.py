"""The executables: the service of a server, and the monitor."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from {{ cookiecutter.__package }}.executable import main, monitor

MODULE = "{{ cookiecutter.__package }}.executable"


@pytest.mark.parametrize("name", ["main", "monitor"])
def test_it_runs_until_sigterm(name: str) -> None:
    program = f"from {MODULE} import {name}; {name}()"
    arguments = [sys.executable, "-c", program, "--url", "memory://"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "is ready" in line:
                process.terminate()
        assert process.wait() == 0


@pytest.mark.parametrize("executable", [main, monitor])
def test_a_missing_configuration_file(executable: click.Command) -> None:
    result = CliRunner().invoke(executable, ["-c", "/no/such.cfg"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "/no/such.cfg: cannot be read: No such file or directory" in result.stderr
