"""A broker as a private node of a ``rabbitmq-server`` that is installed here."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from brokers.broker import Broker
from brokers.commands import LINES_TOLD, run
from brokers.errors import CommandFailed, NotReady, Unavailable
from brokers.image import SETTINGS
from brokers.notice import notice
from brokers.ports import LOOPBACK, free_ports
from brokers.tls import Identity, enabled_plugins

# Debian's script of this name in /usr/sbin changes the user and starts the system's own node.
FOLDERS = ("/usr/lib/rabbitmq/bin", *os.environ.get("PATH", os.defpath).split(os.pathsep))
STOP_TIMEOUT = 30
CONTROL_TIMEOUT = 90


@contextmanager
def node_broker(tls: Identity | None = None) -> Iterator[Broker]:
    """A private node with its own name, folder and ports. Raises Unavailable."""
    programs = Path(_find("rabbitmq-server")).parent
    with tempfile.TemporaryDirectory(prefix="baton-test-node-") as folder:
        port, management_port, tls_port, *others = free_ports(5)
        broker = NodeBroker(
            host=LOOPBACK,
            port=port,
            management_port=management_port,
            tls_port=None if tls is None else tls_port,
            programs=programs,
            folder=Path(folder),
            environment=_prepare(Path(folder), port, management_port, *others),
        )
        if tls is not None:
            _encrypt(Path(folder), tls, tls_port)
        notice(f"Starting {programs / 'rabbitmq-server'} as a private node.")
        try:
            try:
                broker.start()
            except NotReady as error:
                raise Unavailable(str(error)) from None
            yield broker
        finally:
            broker.end()


@dataclass(kw_only=True)
class NodeBroker(Broker):
    """A node that is a process group of this machine: everything may happen to it."""

    programs: Path
    folder: Path
    environment: dict[str, str]

    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def end(self) -> None:
        """End it and what it started, for good."""
        if self._process is not None:
            self._kill()
        epmd = shutil.which("epmd")
        if epmd is not None:
            try:
                run([epmd, "-kill"], timeout=10, environment=self.environment)
            except CommandFailed as error:
                notice(f"The name server of the private node stays: {error}")

    def _start(self) -> None:
        command = 'ulimit -n "$(ulimit -Hn)"; exec "$0"'
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", command, str(self.programs / "rabbitmq-server")],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    def _stop(self) -> None:
        self._signal(signal.SIGTERM)
        self._wait()

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._wait()

    def _pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def _unpause(self) -> None:
        self._signal(signal.SIGCONT)

    def _rabbitmqctl(self, *args: str) -> str:
        program = str(self.programs / "rabbitmqctl")
        return run([program, *args], timeout=CONTROL_TIMEOUT, environment=self.environment)

    def _why_ended(self) -> str | None:
        if self._process is None or self._process.poll() is None:
            return None
        said = self._log.read_text(errors="replace").splitlines()[-LINES_TOLD:]
        return "the private node ended:\n" + "\n".join(said)

    @property
    def _log(self) -> Path:
        return self.folder / "output.log"

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _wait(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _find(program: str) -> str:
    path = shutil.which(program, path=os.pathsep.join(FOLDERS))
    if path is None:
        raise Unavailable(f"no {program} is installed")
    return path


def _prepare(folder: Path, port: int, management_port: int, *others: int) -> dict[str, str]:
    """Write its configuration; what its programs need in their environment."""
    distribution_port, name_server_port = others
    settings = f"""{SETTINGS}
listeners.tcp.1 = {LOOPBACK}:{port}
management.tcp.ip = {LOOPBACK}
management.tcp.port = {management_port}
"""
    (folder / "rabbitmq.conf").write_text(settings)
    (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
    (folder / "environment").write_text("")
    return {
        "HOME": str(folder),  # where Erlang keeps its cookie
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(name_server_port),
        "ERL_EPMD_RELAXED_COMMAND_CHECK": "1",  # it may be ended before it saw its nodes end
        "RABBITMQ_CONF_ENV_FILE": str(folder / "environment"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_NODENAME": "baton-test@localhost",
        "RABBITMQ_PID_FILE": str(folder / "node.pid"),
    }


def _encrypt(folder: Path, tls: Identity, port: int) -> None:
    """Add TLS to the configuration."""
    with (folder / "rabbitmq.conf").open("a") as settings:
        settings.write(tls.settings(folder, f"{LOOPBACK}:{port}"))
    (folder / "enabled_plugins").write_text(enabled_plugins())
    for content, path in tls.files(folder):
        Path(path).write_bytes(content)
