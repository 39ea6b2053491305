"""The factory for executables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from baton.cli.executable import monitor_executable, service_executable
from baton.extension import Extension

pytestmark = pytest.mark.measured

SECRET = "hunter2"

MONITOR = """\
from baton import Extension, Monitor
from baton.cli.executable import monitor_executable

class DiskMonitor(Monitor):
    extension = "baton-disk"

main = monitor_executable(Extension("baton-disk", monitor="disk_monitor:DiskMonitor"))
"""

SERVICE = """\
from baton import Consumer, Extension, Service
from baton.cli.executable import service_executable

class Disks(Consumer):
    async def process_message(self, message):
        self.notify_success("done")

class DiskService(Service):
    extension = "baton-disk"
    def setup_consumers(self):
        self.add_consumer(Disks("disks", self.server))

main = service_executable(Extension("baton-disk", service="disk_service:DiskService"))
"""


@pytest.fixture
def main(site: Path, own_logging: None) -> click.Command:
    """The executable of an extension."""
    (site / "disk_service.py").write_text(SERVICE)
    return service_executable(Extension("baton-disk", service="disk_service:DiskService"))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "x.cfg"


def fails(main: click.Command, *arguments: str) -> Result:
    """Runs *main*, which exits with 2 and one sentence."""
    result = CliRunner().invoke(main, ["--log-level", "error", *arguments])
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert SECRET not in result.stderr
    return result


def test_help(main: click.Command) -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for text in (
        "Start the baton-disk service on this server.",
        "--config",
        "--url",
        "--log-level",
    ):
        assert text in result.output


def test_an_unknown_option(main: click.Command) -> None:
    result = CliRunner().invoke(main, ["--unheard-of"])
    assert result.exit_code == 2
    assert "--unheard-of" in result.stderr


def test_an_unknown_level(main: click.Command) -> None:
    result = CliRunner().invoke(main, ["--log-level", "loud"])
    assert result.exit_code == 2
    assert "Invalid value for '--log-level': 'loud' is not one of" in result.stderr


def test_a_wrong_configuration(main: click.Command, config: Path) -> None:
    config.write_text(f"RABBIT_PASS: {SECRET}\nPREFETCH: lots\n")
    result = fails(main, "-c", str(config))
    assert result.stderr == f'baton-disk: {config}: PREFETCH "lots" should be a valid integer\n'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"RABBIT_PASS: hunter2: x\n",
            ", line 1: is not valid YAML: mapping values are not allowed here",
        ),
        (b"RABBIT_PASS: hunter2\xff\n", ": is not in UTF-8"),
        (b"hunter2\n", ": holds no keys: a line is KEY: value"),
    ],
)
def test_a_file_that_is_none(
    main: click.Command, config: Path, content: bytes, reason: str
) -> None:
    config.write_bytes(content)
    assert fails(main, "-c", str(config)).stderr == f"baton-disk: {config}{reason}\n"


def test_a_missing_file(main: click.Command, config: Path) -> None:
    result = fails(main, "-c", str(config))
    assert result.stderr == f"baton-disk: {config}: cannot be read: No such file or directory\n"


def test_a_folder(main: click.Command, tmp_path: Path) -> None:
    result = fails(main, "-c", str(tmp_path))
    assert result.stderr == f"baton-disk: {tmp_path}: cannot be read: Is a directory\n"


def test_a_wrong_url(main: click.Command) -> None:
    result = fails(main, "--url", f"http://baton:{SECRET}@mq1")
    assert result.stderr.startswith("baton-disk: option RABBIT_URL is no broker's URL")


def test_a_log_file_that_cannot_be_written(main: click.Command, config: Path) -> None:
    config.write_text(f"LOG_FILE: {config.parent}\n")
    result = fails(main, "-c", str(config))
    assert result.stderr == (
        f"baton-disk: LOG_FILE: {config.parent} cannot be written: Is a directory\n"
    )


def test_a_fact_file_that_cannot_be_read(
    main: click.Command, config: Path, memory_url: str
) -> None:
    config.write_text(f"FACTS: {config.parent}/facts.json\n")
    result = fails(main, "-c", str(config), "--url", memory_url)
    assert result.stderr == (
        f"baton-disk: FACTS: {config.parent}/facts.json cannot be read: No such file or directory\n"
    )


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (None, "The extension baton-disk has no service"),
        (
            "json:Service",
            "The service of the extension baton-disk, json:Service, cannot be imported",
        ),
    ],
)
def test_an_extension_without_a_service(service: str | None, reason: str, memory_url: str) -> None:
    main = service_executable(Extension("baton-disk", service=service))
    assert fails(main, "--url", memory_url).stderr.startswith(f"baton-disk: {reason}")


@pytest.mark.usefixtures("main")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.timeout(30)
def test_it_runs_until_it_is_told_to_stop(number: signal.Signals) -> None:
    command = [sys.executable, "-c", "from disk_service import main; main()", "--url", "memory://"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if " is ready since " in line:
                process.send_signal(number)
        assert process.wait() == 0
    text = "".join(said)
    assert f"INFO    Stopping on {number.name}\n" in text
    assert text.endswith("baton-disk stopped, everything was finished\n")


@pytest.mark.usefixtures("main")
@pytest.mark.timeout(30)
def test_it_logs_to_the_file_of_its_configuration(config: Path) -> None:
    log = config.parent / "x.log"
    os.mkfifo(log)
    config.write_text(f"LOG_FILE: {log}\nRABBIT_URL: memory://\n")
    program = "from disk_service import main; main()"
    command = [sys.executable, "-c", program, "-c", str(config)]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
        log.open() as lines,
    ):
        said = []
        for line in lines:
            said.append(line)
            if " is ready since " in line:
                process.terminate()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait() == 0
    assert said[-1].endswith("baton-disk stopped, everything was finished\n")


def test_the_help_of_a_monitor() -> None:
    main = monitor_executable(Extension("baton-disk", monitor="disk_monitor:DiskMonitor"))
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for text in (
        "Usage: baton-disk-monitor [OPTIONS]",
        "Read what the servers that run baton-disk say.",
        "--instance",
        "--daemonize",
        "--log-format",
    ):
        assert text in result.output
    unwrapped = "".join(result.output.split())
    assert "/etc/baton-disk-monitor/baton-disk-monitor.cfg" in unwrapped


@pytest.mark.parametrize("instance", [[], ["--instance", "office"]])
@pytest.mark.timeout(30)
def test_a_monitor_runs_until_it_is_told_to_stop(site: Path, instance: list[str]) -> None:
    (site / "disk_monitor.py").write_text(MONITOR)
    command = [sys.executable, "-c", "from disk_monitor import main; main()", "--url", "memory://"]
    with subprocess.Popen([*command, *instance], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "The monitor of baton-disk is ready" in line:
                process.terminate()
        assert process.wait() == 0
    assert "INFO    Stopping on SIGTERM\n" in "".join(said)


@pytest.mark.usefixtures("own_logging")
def test_a_monitor_that_cannot_be(memory_url: str) -> None:
    without = monitor_executable(Extension("baton-disk"))
    assert fails(without, "--url", memory_url).stderr == (
        "baton-disk-monitor: The extension baton-disk has no monitor\n"
    )
    named = monitor_executable(Extension("baton-disk", monitor="baton.monitor:Monitor"))
    result = fails(named, "--url", memory_url, "--instance", "")
    assert result.stderr.startswith('baton-disk-monitor: The monitor instance "" should be 1 to')
