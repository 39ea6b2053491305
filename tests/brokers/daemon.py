"""A Docker daemon that the tests start, where none runs, and stop when nobody needs it."""

import hashlib
import json
import os
import shlex
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from testcontainers.core.docker_client import get_docker_host

from brokers import apt
from brokers.commands import LINES_TOLD, run
from brokers.errors import CommandFailed, Unavailable
from brokers.lock import is_held, locked
from brokers.notice import notice
from brokers.ports import speaks_http
from brokers.processes import born, command_of
from brokers.waiting import wait_until

STARTING = "engine"
"""The lock that is held while an engine is looked for, started or stopped."""

DEFAULT_HOST = "unix:///var/run/docker.sock"
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
STATE = Path("/run/baton-test")


@dataclass(frozen=True)
class Daemon:
    """A daemon that some test run started. ``born`` tells its pid from a later one's."""

    pid: int
    born: str
    socket: str

    @property
    def runs(self) -> bool:
        """Whether it still runs."""
        return self.born == born(self.pid) is not None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Needed within the block; the last run that needs it stops it. Enter under STARTING."""
        lock = f"engine-{_key(self.socket)}"
        try:
            with locked(lock, shared=True):
                yield
        finally:
            with locked(STARTING):
                if not is_held(lock):
                    self._stop()

    def _stop(self) -> None:
        if self.runs:
            os.kill(self.pid, signal.SIGTERM)
            if not wait_until(lambda: not self.runs, STOP_TIMEOUT):
                os.kill(self.pid, signal.SIGKILL)
        _record(self.socket).unlink(missing_ok=True)


def engine_socket() -> str:
    """The Unix socket where an engine is looked for. Raises Unavailable if it is elsewhere."""
    host = get_docker_host() or DEFAULT_HOST
    if not host.startswith("unix://"):
        raise Unavailable(f"DOCKER_HOST or the Docker context names one elsewhere, {host}")
    return host.removeprefix("unix://")


def started_daemon() -> Daemon | None:
    """The daemon of the engine, if it was a test run that started it."""
    try:
        recorded = Daemon(**json.loads(_record(engine_socket()).read_text()))
    except (OSError, ValueError, TypeError, Unavailable):
        return None
    return recorded if recorded.runs else None


def start_daemon() -> Daemon | None:
    """Install Docker if need be, and start its daemon. Raises Unavailable.

    None if installing it started it: then it is the system's.
    """
    socket = engine_socket()
    if os.geteuid() != 0:
        raise Unavailable("only root may start one")
    program = _find_program()
    if speaks_http(socket):
        return None
    _mount_cgroups()
    _forget_dead_containerd()
    STATE.mkdir(mode=0o700, exist_ok=True)
    log = STATE / f"dockerd-{_key(socket)}.log"
    pid_file = log.with_suffix(".pid")
    pid_file.unlink(missing_ok=True)
    options = shlex.split(os.environ.get("BATON_TEST_DOCKERD_ARGS", ""))
    command = [program, "--host", f"unix://{socket}", "--pidfile", str(pid_file), *options]
    notice("No Docker engine runs: starting dockerd. It is stopped after the tests; images stay.")
    pid = os.posix_spawn(
        program,
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    daemon = Daemon(pid, born(pid) or "", socket)
    _record(socket).write_text(json.dumps(asdict(daemon)))
    try:
        wait_until(lambda: speaks_http(socket) or not daemon.runs, START_TIMEOUT)
    except BaseException:
        daemon._stop()  # nobody uses it yet, so nobody else would
        raise
    if not speaks_http(socket):
        said = "\n".join(log.read_text(errors="replace").splitlines()[-LINES_TOLD:])
        daemon._stop()
        raise Unavailable(f"dockerd did not start:\n{said}")
    return daemon


def _find_program() -> str:
    program = shutil.which("dockerd", path=SEARCH_PATH)
    if program is None or shutil.which("iptables", path=SEARCH_PATH) is None:
        apt.install("docker.io", "iptables", reason="A Docker engine for the tests")
        program = shutil.which("dockerd", path=SEARCH_PATH)
    if program is None:
        raise Unavailable("the package docker.io brought no dockerd")
    return program


def _mount_cgroups() -> None:
    folder = Path("/sys/fs/cgroup")
    if folder.is_dir() and not any(folder.iterdir()):
        try:
            run(["mount", "-t", "cgroup2", "none", str(folder)], timeout=10)
        except CommandFailed as error:
            raise Unavailable(f"containers need cgroups: {error}") from None


def _forget_dead_containerd() -> None:
    """A pid file that an engine killed earlier left would be taken for a containerd that runs."""
    pid_file = Path("/var/run/docker/containerd/containerd.pid")
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return
    if command_of(pid) != "containerd":
        pid_file.unlink(missing_ok=True)


def _record(socket: str) -> Path:
    return STATE / f"dockerd-{_key(socket)}.json"


def _key(socket: str) -> str:
    return hashlib.sha256(socket.encode()).hexdigest()[:12]
