"""An executable as a process of the system: on a broker in memory, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from baton.pid_file import find_holder, hold_pid_file

measured = pytest.mark.measured
"""Of those that reach what no other test does: being measured doubles what they take."""

PROGRAM = "from disk_service import main; main()"
SERVICE = """\
import os
from baton import ConfigurationError, Consumer, Extension, Service
from baton.cli.executable import service_executable

class Disks(Consumer):
    async def process_message(self, message):
        self.notify_success("done")

class DiskService(Service):
    extension = "baton-disk"
    def setup_consumers(self):
        match self.configuration.trouble:
            case "wrong":
                raise ConfigurationError("TROUBLE is wrong")
            case "fault":
                raise ValueError("a fault")
            case "end":
                os._exit(0)
            case "hang":
                __import__("time").sleep(60)
        self.add_consumer(Disks("disks", self.server))

main = service_executable(Extension("baton-disk", service="disk_service:DiskService"))
"""
SLOW = """\
import time, daemon
class Slow(daemon.DaemonContext):
    def open(self):
        super().open()
        open("{}/x.detached", "w").close()
        time.sleep(1)
daemon.DaemonContext = Slow
"""
"""Detached, it takes a second until it says who it is."""


@dataclass
class Executable:
    """The executable, and its configuration in a folder of its own."""

    folder: Path

    @property
    def pid_file(self) -> Path:
        return self.folder / "x.pid"

    @property
    def log(self) -> Path:
        return self.folder / "x.log"

    def configure(self, **settings: object) -> None:
        """Write the configuration. The paths in it are relative to the folder."""
        known = {"RABBIT_URL": "memory://", "PID_FILE": "x.pid", "LOG_FILE": "x.log"}
        lines = [f"{key}: {value}\n" for key, value in (known | settings).items() if value]
        (self.folder / "x.cfg").write_text("".join(lines))

    @property
    def is_detached(self) -> bool:
        """Whether it is, where it is SLOW."""
        return (self.folder / "x.detached").exists()

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        command = [sys.executable, "-c", PROGRAM, "-c", str(self.folder / "x.cfg"), *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def running(self) -> list[int]:
        """The processes of it that run."""
        marker = os.fsencode(self.folder / "x.cfg")
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    command = (process / "cmdline").read_bytes()
                except OSError:  # it has ended
                    continue
                if marker in command:
                    found.append(int(process.name))
        return found

    def wait_for(self, text: str) -> None:
        """Until *text* is in the log."""
        wait_until(lambda: text in self.log.read_text(), f"{text} in {self.log.read_text()}")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.fixture
def executable(tmp_path: Path, site: Path) -> Iterator[Executable]:
    (site / "disk_service.py").write_text(SERVICE)
    executable = Executable(tmp_path)
    executable.configure()
    yield executable
    for number in executable.running():
        os.kill(number, signal.SIGKILL)
    wait_until(lambda: executable.running() == [], "all have ended")


class TestDaemonize:
    @measured
    def test_from_the_start_to_the_end(self, executable: Executable) -> None:
        started = executable("-d")
        assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
        (number,) = executable.running()
        assert executable.pid_file.read_text() == f"{number}\n"
        assert Path(f"/proc/{number}/cwd").resolve() == Path("/")
        assert os.getsid(number) not in (os.getsid(0), number)
        executable.wait_for(" is ready since ")
        asked = executable("--status")
        assert asked.returncode == 0
        assert asked.stdout.startswith(f"baton-disk (process {number}) is ready since ")
        ended = executable("--stop")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout == f"baton-disk (process {number}) has ended\n"
        assert executable.running() == []
        assert sorted(path.name for path in executable.folder.iterdir()) == [
            "site",
            "x.cfg",
            "x.log",
        ]
        assert executable.log.read_text().endswith("baton-disk stopped, everything was finished\n")

    def test_a_second_one_is_refused(self, executable: Executable) -> None:
        assert executable("-d").returncode == 0
        (number,) = executable.running()
        for arguments in (["-d"], []):
            refused = executable(*arguments)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert refused.stderr == (
                f"baton-disk: It runs already, as process {number} "
                f"(PID_FILE {executable.pid_file})\n"
            )
        assert executable.running() == [number]

    def test_after_it_was_killed_it_is_started_again(self, executable: Executable) -> None:
        executable("-d")
        (number,) = executable.running()
        os.kill(number, signal.SIGKILL)
        wait_until(lambda: find_holder(executable.pid_file) is None, "it has ended")
        left = f"baton-disk does not run ({executable.pid_file} is left over from a process that"
        assert executable("--status").stdout.startswith(left)
        stopped = executable("--stop")
        assert stopped.returncode == 1
        assert stopped.stderr.startswith(left)
        assert executable("-d").returncode == 0
        assert executable.running() != [number]

    @measured
    @pytest.mark.parametrize(
        ("settings", "reason"),
        [
            (
                {"PID_FILE": "", "LOG_FILE": ""},
                "--daemonize needs PID_FILE and LOG_FILE, in the configuration file or as BATON_",
            ),
            (
                {"LOG_FILE": ""},
                "--daemonize needs LOG_FILE, in the configuration file or as BATON_LOG_FILE",
            ),
            ({"PID_FILE": "no/x.pid"}, "PID_FILE: {}/no/x.pid cannot be written: No such file"),
            ({"LOG_FILE": "no/x.log"}, "LOG_FILE: {}/no/x.log cannot be written: No such file"),
            ({"FACTS": "no.json"}, "FACTS: {}/no.json cannot be read: No such file"),
            ({"PREFETCH": "lots"}, '{}/x.cfg: PREFETCH "lots" should be a valid integer'),
            ({"HEALTH_HOST": "192.0.2.1", "HEALTH_PORT": 4711}, "HEALTH_PORT: port 4711 of"),
            ({"TROUBLE": "wrong"}, "TROUBLE is wrong"),
        ],
    )
    def test_what_is_wrong_is_said_at_once(
        self, executable: Executable, settings: dict[str, object], reason: str
    ) -> None:
        executable.configure(**settings)
        ended = executable("-d")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith(f"baton-disk: {reason.format(executable.folder)}")
        assert len(ended.stderr.splitlines()) == 1
        assert executable.running() == []
        assert not executable.pid_file.exists()
        assert not executable.pid_file.with_name("x.pid.sock").exists()

    @measured
    def test_a_module_that_cannot_be_imported(self, executable: Executable, site: Path) -> None:
        broken = SERVICE.replace('service="disk_service:', 'service="no_such_service:')
        (site / "disk_service.py").write_text(broken)
        ended = executable("-d")
        assert ended.returncode == 2
        assert "cannot be imported: No module named 'no_such_service'" in ended.stderr
        assert executable.running() == []

    @measured
    @pytest.mark.parametrize(
        ("trouble", "reason"),
        [
            ("fault", "ValueError: a fault"),
            ("end", "It ended, or hung, before it had started"),
        ],
    )
    def test_one_that_does_not_start(
        self, executable: Executable, trouble: str, reason: str
    ) -> None:
        executable.configure(TROUBLE=trouble)
        ended = executable("-d")
        assert (ended.returncode, ended.stderr) == (1, f"baton-disk: {reason}\n")
        wait_until(lambda: executable.running() == [], "no orphan")
        assert find_holder(executable.pid_file) is None
        assert ("ValueError: a fault" in executable.log.read_text()) == (trouble == "fault")

    def test_one_that_hangs(self, executable: Executable, site: Path) -> None:
        (site / "sitecustomize.py").write_text("import baton.cli.detach as d\nd._PATIENCE = 0.5\n")
        executable.configure(TROUBLE="hang")
        ended = executable("-d")
        assert ended.returncode == 1
        assert ended.stderr == "baton-disk: It ended, or hung, before it had started\n"
        wait_until(lambda: executable.running() == [], "no orphan")

    @measured
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("is_early", [True, False])
    def test_whoever_starts_it_is_interrupted(
        self, executable: Executable, site: Path, number: signal.Signals, is_early: bool
    ) -> None:
        """Early: before it knows whom it has started."""
        executable.configure(TROUBLE="hang")
        if is_early:
            (site / "sitecustomize.py").write_text(SLOW.format(executable.folder))
        command = [sys.executable, "-c", PROGRAM, "-c", str(executable.folder / "x.cfg"), "-d"]
        with subprocess.Popen(command, cwd=executable.folder) as first:

            def is_detached() -> bool:
                if is_early:
                    return executable.is_detached
                numbers = executable.pid_file.read_text() if executable.pid_file.exists() else ""
                return numbers not in ("", f"{first.pid}\n")

            wait_until(is_detached, "it was detached")
            first.send_signal(number)
            assert first.wait() == 130
        assert executable.running() == []
        assert find_holder(executable.pid_file) is None

    def test_a_service_is_made_by_the_process_that_runs_it(
        self, executable: Executable, site: Path
    ) -> None:
        """What it opens, and the threads that it starts, would be lost with another one."""
        made = executable.folder / "x.made"
        maker = f"""
    def __init__(self, configuration):
        super().__init__(configuration)
        open("{made}", "w").write(str(os.getpid()))
"""
        heading = 'extension = "baton-disk"\n'
        (site / "disk_service.py").write_text(SERVICE.replace(heading, heading + maker))
        assert executable("-d").returncode == 0
        assert made.read_text() == str(executable.running()[0])

    @measured
    def test_without_python_daemon(self, executable: Executable, site: Path) -> None:
        (site / "sitecustomize.py").write_text("import sys\nsys.modules['daemon'] = None\n")
        ended = executable("-d")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == (
            "baton-disk: --daemonize needs python-daemon: pip install 'baton-core[daemon]'\n"
        )
        assert executable.running() == []

    def test_relative_paths_go_on_working(self, executable: Executable) -> None:
        """It works in another folder, and the log is opened by its name again."""
        executable("-d")
        (number,) = executable.running()
        executable.wait_for(" is ready since ")
        rotated = executable.log.rename(executable.folder / "x.log.1")
        os.kill(number, signal.SIGHUP)
        wait_until(executable.log.exists, "the log was opened anew")
        assert executable("--stop").returncode == 0
        executable.wait_for("Stopping on SIGTERM")
        assert "Stopping" not in rotated.read_text()


class TestForeground:
    def test_a_pid_file_is_written_and_held(self, executable: Executable) -> None:
        command = [sys.executable, "-c", PROGRAM, "-c", str(executable.folder / "x.cfg")]
        with subprocess.Popen(command, cwd=executable.folder) as process:
            wait_until(executable.log.exists, "it logs")
            executable.wait_for(" is ready since ")
            assert find_holder(executable.pid_file) == process.pid
            assert executable("--status").returncode == 0
            assert executable("--stop").returncode == 0
            assert process.wait() == 0

    @measured
    def test_without_a_pid_file(self, executable: Executable) -> None:
        executable.configure(PID_FILE="")
        for option, reason in [
            ("--stop", "--stop needs PID_FILE, which tells what runs"),
            (
                "--status",
                "--status needs PID_FILE or HEALTH_PORT, which tell where it is asked",
            ),
        ]:
            ended = executable(option)
            assert (ended.returncode, ended.stdout) == (2, "")
            assert ended.stderr == f"baton-disk: {reason}\n"


class TestStop:
    @measured
    def test_nothing_runs(self, executable: Executable) -> None:
        ended = executable("--stop")
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == (f"baton-disk does not run ({executable.pid_file} does not exist)\n")

    def test_one_that_is_about_to_detach(self, executable: Executable, site: Path) -> None:
        (site / "sitecustomize.py").write_text(SLOW.format(executable.folder))
        command = [sys.executable, "-c", PROGRAM, "-c", str(executable.folder / "x.cfg"), "-d"]
        with subprocess.Popen(command, cwd=executable.folder):
            wait_until(lambda: executable.is_detached, "it was detached")
            assert executable("--stop").returncode == 0
            assert find_holder(executable.pid_file) is None
        assert executable.running() == []

    @measured
    def test_it_does_not_end_in_time(self, executable: Executable, site: Path) -> None:
        (site / "sitecustomize.py").write_text("import baton.cli.process as p\np._MARGIN = 0.2\n")
        executable.configure(GRACE=0.1)
        executable("-d")
        (number,) = executable.running()
        os.kill(number, signal.SIGSTOP)
        ended = executable("--stop")
        os.kill(number, signal.SIGCONT)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == (
            f"baton-disk: It has not ended within 0.3 s (PID_FILE {executable.pid_file})\n"
        )


class TestStatus:
    def test_in_json(self, executable: Executable) -> None:
        idle = executable("--status", "--json")
        assert idle.returncode == 1
        assert json.loads(idle.stdout) == {"running": False, "pid": None, "ready": False}
        executable("-d")
        executable.wait_for(" is ready since ")
        asked = executable("--status", "--json")
        assert asked.returncode == 0
        known = json.loads(asked.stdout)
        assert (known["running"], known["ready"]) == (True, True)
        assert known["services"][0]["state"] == "ready"

    def test_one_that_is_not_ready(self, executable: Executable) -> None:
        executable.configure(RABBIT_URL="amqp://127.0.0.1:1")
        executable("-d")
        executable.wait_for(" is disconnected since ")
        asked = executable("--status")
        assert asked.returncode == 1
        assert " is disconnected since " in asked.stdout
        assert "(127.0.0.1:1 " in asked.stdout

    def test_one_that_is_frozen(self, executable: Executable) -> None:
        executable("-d")
        executable.wait_for(" is ready since ")
        (number,) = executable.running()
        os.kill(number, signal.SIGSTOP)
        asked = executable("--status")
        os.kill(number, signal.SIGCONT)
        assert (asked.returncode, asked.stderr) == (1, "")
        assert asked.stdout == (
            f"baton-disk (process {number}) runs, but does not answer within 2 s\n"
        )

    @measured
    def test_one_that_has_lost_its_socket(self, executable: Executable) -> None:
        executable("-d")
        (number,) = executable.running()
        beside = executable.pid_file.with_name("x.pid.sock")
        beside.unlink()
        asked = executable("--status")
        assert asked.returncode == 1
        assert asked.stdout == (
            f"baton-disk (process {number}) runs, but does not answer on {beside}: "
            "No such file or directory\n"
        )

    def test_another_that_answers_in_its_place(self, executable: Executable) -> None:
        executable("-d")
        (number,) = executable.running()
        executable.wait_for(" is ready since ")
        other = executable.folder / "y.pid"
        (executable.folder / "y.pid.sock").symlink_to("x.pid.sock")
        executable.configure(PID_FILE="y.pid")
        with hold_pid_file(other):
            asked = executable("--status")
        assert asked.returncode == 1
        assert asked.stdout == (
            f"baton-disk (process {os.getpid()}) runs, but does not answer: "
            f"process {number} answers on {other}.sock\n"
        )

    @measured
    @pytest.mark.parametrize("is_folder", [True, False])
    def test_what_is_no_pid_file(self, executable: Executable, is_folder: bool) -> None:
        if is_folder:
            executable.pid_file.mkdir()
        else:
            executable.pid_file.write_text("RABBIT_HOST: mq1\n")
        asked = executable("--status")
        assert asked.returncode == 1
        assert asked.stdout == f"baton-disk does not run ({executable.pid_file} is no PID file)\n"

    def test_by_the_port(self, executable: Executable) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        executable.configure(HEALTH_PORT=port)
        executable("-d")
        executable.wait_for(" is ready since ")
        (number,) = executable.running()
        executable.configure(HEALTH_PORT=port, PID_FILE="")
        asked = executable("--status")
        assert asked.returncode == 0
        assert asked.stdout.startswith(f"baton-disk (process {number}) is ready since ")
        os.kill(number, signal.SIGTERM)
        wait_until(lambda: executable.running() == [], "it has ended")
        asked = executable("--status")
        assert asked.returncode == 1
        assert asked.stdout == (
            f"baton-disk does not run: port {port} of 127.0.0.1: Connection refused\n"
        )


@measured
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-d", "--stop"], "--daemonize, --stop and --status exclude each other"),
        (["--stop", "--status"], "--daemonize, --stop and --status exclude each other"),
        (["--json"], "--json goes with --status"),
    ],
)
def test_wrong_use(executable: Executable, options: list[str], reason: str) -> None:
    ended = executable(*options)
    assert ended.returncode == 2
    assert reason in ended.stderr


def test_one_that_belongs_to_another_user(
    executable: Executable, site: Path, tmp_path: Path
) -> None:
    (site / "sitecustomize.py").write_text(
        "import signal\n"
        "def refuse(*_):\n"
        "    raise PermissionError(1, 'Operation not permitted')\n"
        "signal.pidfd_send_signal = refuse\n"
    )
    executable("-d")
    ended = executable("--stop")
    assert ended.returncode == 1
    assert ended.stderr == (
        "baton-disk: It cannot be stopped: Operation not permitted "
        f"(PID_FILE {tmp_path / 'x.pid'})\n"
    )
