"""Broker: a RabbitMQ for tests, and what a test may do to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote

from brokers.errors import Ended, NotReady, Unsupported
from brokers.management import Management
from brokers.notice import notice
from brokers.ports import speaks_amqp
from brokers.waiting import wait_until

READY_TIMEOUT = 60.0
ALARM_TIMEOUT = 15.0
MORE_THAN_ANY_DISK = "100000GB"


@dataclass(kw_only=True)
class Broker:
    """A RabbitMQ that runs. This class is one that somebody else runs: it can only be used.

    A subclass overrides the methods with an underscore for what it can do.
    """

    host: str
    port: int
    management_port: int
    user: str = "guest"
    password: str = "guest"
    management_scheme: str = "http"
    management_host: str | None = None
    tls_port: int | None = None

    _paused: bool = field(default=False, init=False, repr=False)
    _down: bool = field(default=False, init=False, repr=False)
    _watermark: str | None = field(default=None, init=False, repr=False)
    _disk_limit: str | None = field(default=None, init=False, repr=False)

    def url(self, vhost: str = "/", hosts: str | None = None) -> str:
        """The AMQP URL of *vhost*, as Baton takes it: a cluster's has several *hosts*."""
        user, password = quote(self.user, safe=""), quote(self.password, safe="")
        return f"amqp://{user}:{password}@{hosts or self.hosts}/{quote(vhost, safe='')}"

    @property
    def hosts(self) -> str:
        """Where its clients reach it, as host and port."""
        return f"{self.host}:{self.port}"

    @property
    def nearest(self) -> str:
        """The same, with as little as may be in between."""
        return self.hosts

    @property
    def is_troubled(self) -> bool:
        """Whether a test has stopped or frozen it, and did not mend it."""
        return self._paused or self._down

    @cached_property
    def management(self) -> Management:
        """The client of its management API."""
        host = self.management_host or self.host
        url = f"{self.management_scheme}://{host}:{self.management_port}"
        return Management(url, self.user, self.password)

    def wait_until_ready(self, timeout: float = READY_TIMEOUT) -> None:
        """Return when it greets and its management API answers. Raises NotReady, and Ended."""

        def is_ready() -> bool:
            if reason := self._why_ended():
                raise Ended(reason)
            return speaks_amqp(self.host, self.port) and self.management.is_ready()

        if not wait_until(is_ready, timeout):
            raise NotReady(
                f"{self.host}:{self.port} does not greet, or its management API on port "
                f"{self.management_port} does not answer, after {timeout:g} s"
            )

    def settle(self) -> None:
        """Wait until what was started is ready. Raises NotReady.

        It is started once more if it ends: on a machine with much to do RabbitMQ may miss a
        deadline of its own, and refuses to boot.
        """
        try:
            self.wait_until_ready()
        except Ended as error:
            notice(f"The broker is started once more: {error}")
            self._start()
            self.wait_until_ready()

    # What may happen to a broker

    def pause(self) -> None:
        """Freeze it: its connections stay open, and nothing answers."""
        self._pause()
        self._paused = True

    def unpause(self) -> None:
        """Let it go on."""
        self._unpause()
        self._paused = False

    def stop(self) -> None:
        """Shut it down in good order. What is durable stays."""
        self._stop()
        self._down = True

    def kill(self) -> None:
        """End it at once, as a loss of power does."""
        self._kill()
        self._down = True
        self._paused = False  # though it was frozen

    def start(self) -> None:
        """Start it again, on the same ports, and wait until it is ready."""
        self._start()
        self._down = False
        self._watermark = self._disk_limit = None  # a restart forgets what rabbitmqctl set
        self.settle()

    def restart(self) -> None:
        """Shut it down in good order, start it again, and wait until it is ready."""
        self.stop()
        self.start()

    def rabbitmqctl(self, *args: str) -> str:
        """Run ``rabbitmqctl`` on it and give what it prints. Raises CommandFailed."""
        return self._rabbitmqctl(*args)

    def set_memory_alarm(self, on: bool) -> None:
        """Raise or clear a memory alarm: it blocks every connection that publishes."""
        if on and self._watermark is None:
            asked = self.rabbitmqctl("eval", "vm_memory_monitor:get_vm_memory_high_watermark().")
            self._watermark = asked.strip()
            self.rabbitmqctl("set_vm_memory_high_watermark", "0")
        elif not on and self._watermark is not None:
            self.rabbitmqctl("set_vm_memory_high_watermark", self._watermark)
            self._watermark = None
        self._wait_for_alarm(on)

    def set_disk_alarm(self, on: bool) -> None:
        """Raise or clear a disk alarm: it does what a memory alarm does."""
        if on and self._disk_limit is None:
            asked = self.rabbitmqctl("eval", "rabbit_disk_monitor:get_disk_free_limit().")
            self._disk_limit = asked.strip()
            self.rabbitmqctl("set_disk_free_limit", MORE_THAN_ANY_DISK)
        elif not on and self._disk_limit is not None:
            self.rabbitmqctl("set_disk_free_limit", self._disk_limit)
            self._disk_limit = None
        self._wait_for_alarm(on)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Frozen within the block."""
        self.pause()
        try:
            yield
        finally:
            self.unpause()

    @contextmanager
    def memory_alarm(self) -> Iterator[None]:
        """Out of memory within the block."""
        self.set_memory_alarm(True)
        try:
            yield
        finally:
            self.set_memory_alarm(False)

    @contextmanager
    def disk_alarm(self) -> Iterator[None]:
        """Out of room on its disk within the block."""
        self.set_disk_alarm(True)
        try:
            yield
        finally:
            self.set_disk_alarm(False)

    def heal(self) -> None:
        """Undo what a test that failed half-way left: frozen, down, or alarmed."""
        if self._paused:
            self.unpause()
        if self._down:
            self.start()
        if self._watermark is not None:
            self.set_memory_alarm(False)
        if self._disk_limit is not None:
            self.set_disk_alarm(False)

    # What a kind of broker can do

    def _pause(self) -> None:
        raise self._unsupported("pause")

    def _unpause(self) -> None:
        raise self._unsupported("unpause")

    def _stop(self) -> None:
        raise self._unsupported("stop")

    def _kill(self) -> None:
        raise self._unsupported("kill")

    def _start(self) -> None:
        raise self._unsupported("start")

    def _rabbitmqctl(self, *args: str) -> str:
        raise self._unsupported(f"run `rabbitmqctl {' '.join(args)}` on")

    def _why_ended(self) -> str | None:
        """Why it does not run any more, None while it does or nobody knows."""
        return None

    def _wait_for_alarm(self, on: bool) -> None:
        if not wait_until(lambda: self.management.has_alarm() == on, ALARM_TIMEOUT):
            raise NotReady(f"The alarm was not {'raised' if on else 'cleared'} in time")

    def _unsupported(self, what: str) -> Unsupported:
        return Unsupported(
            f"Cannot {what} the broker at {self.host}:{self.port}: somebody else runs it "
            "(BATON_TEST_AMQP_URL). Unset the variable, and the tests run one of their own."
        )
