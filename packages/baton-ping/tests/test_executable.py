"""The executable `baton-ping`."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from baton_ping.executable import main

pytestmark = pytest.mark.measured

COMMAND = [sys.executable, "-c", "from baton_ping.executable import main; main()"]


def test_help() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert "Start the baton-ping service on this server." in result.output


@pytest.mark.timeout(30)
def test_it_runs_until_sigterm() -> None:
    arguments = [*COMMAND, "--url", "memory://"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if " is ready since " in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert said[-1].endswith("baton-ping stopped, everything was finished\n")


def test_a_missing_configuration_file() -> None:
    ran = subprocess.run(
        [*COMMAND, "-c", "/no/such.cfg"], check=False, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "baton-ping: /no/such.cfg: cannot be read: No such file or directory\n"
