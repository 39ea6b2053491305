"""An extension whose handlers do what handlers should not: the patient of the tests of services.

As a program it is an executable like any other, and runs until a signal::

    python -m faults.afflicted --url amqp://…

Each command says what is to be done by its ``type``, see :data:`DEEDS`. One consumer, ``async``, is
an ``async def``; the other, ``plain``, is a plain ``def``. Both listen on ``<name>.<fqdn>``.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from baton import Consumer, Message, Service
from baton.cli.executable import service_executable
from baton.errors import UnknownMessageType
from baton.extension import Extension

extension = Extension(
    "baton-afflicted", service="faults.afflicted:AfflictedService", summary="Misbehaves"
)

_leaked: list[asyncio.Task[None]] = []


class Unspeakable(Exception):
    """An exception that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


RAISED: Final[dict[str, Callable[[], BaseException]]] = {
    "exception": lambda: ValueError("wrong"),
    "base": lambda: BaseException("the root of all"),
    "exit": lambda: SystemExit(3),
    "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit,
    "stop": StopIteration,
    "stop-async": StopAsyncIteration,
    "memory": MemoryError,
    "group": lambda: ExceptionGroup("several", [ValueError("one"), TypeError("two")]),
    "base-group": lambda: BaseExceptionGroup("several", [KeyboardInterrupt()]),
    "cancelled": asyncio.CancelledError,
    "timeout": TimeoutError,
    "unspeakable": Unspeakable,
    "surrogate": lambda: ValueError("half \ud800 of it"),
    "huge": lambda: ValueError("x" * 10_000_000),
}
"""What is raised, by the ``what`` of the command."""


def _raise(consumer: Consumer, message: Message) -> None:
    error = RAISED[message["what"]]()
    raise error


def _exit(consumer: Consumer, message: Message) -> None:
    sys.exit(3)


def _die(consumer: Consumer, message: Message) -> None:
    os._exit(3)


def _recurse(consumer: Consumer, message: Message) -> None:
    _recurse(consumer, message)


def _sleep(consumer: Consumer, message: Message) -> None:
    """Hold up whatever runs it: the event loop, if that is where it runs."""
    consumer.notify_info("begun")
    time.sleep(message["seconds"])


def _flood(consumer: Consumer, message: Message) -> None:
    for number in range(message["outputs"]):
        consumer.notify({"type": "info", "number": number})


def _unserialisable(consumer: Consumer, message: Message) -> None:
    consumer.notify({"type": "info", "value": object()})


def _circle(consumer: Consumer, message: Message) -> None:
    circle: dict[str, Any] = {"type": "info"}
    circle["self"] = circle
    consumer.notify(circle)


def _tell_time(consumer: Consumer, message: Message) -> None:
    """Say what time of day it is, as Python has it in two ways, and what the other clock says."""
    now = datetime.now(UTC).timestamp()
    consumer.notify({"type": "info", "time": time.time(), "now": now, "other": time.monotonic()})


def _leak_memory(consumer: Consumer, message: Message) -> None:
    """Take all the memory there is, and keep it for so many *seconds*."""
    taken: list[bytes] = []
    timer = threading.Timer(message["seconds"], taken.clear)
    timer.daemon = True
    timer.start()
    while True:
        taken.append(bytes(256 * 1024))


def _leak_files(consumer: Consumer, message: Message) -> None:
    """Take every descriptor that there is, or that gets free, for so many *seconds*, and have its
    connections cut meanwhile."""
    until = time.monotonic() + message["seconds"]
    full = threading.Event()

    def take() -> None:
        taken: list[IO[bytes]] = []
        while time.monotonic() < until:
            try:
                file: IO[bytes] = Path(os.devnull).open("rb")  # noqa: SIM115
            except OSError:
                full.set()
                time.sleep(0.001)
            else:
                taken.append(file)
        for file in taken:
            file.close()

    threading.Thread(target=take, daemon=True).start()
    assert full.wait(5)
    _cut()


def _cut() -> None:
    """Cut this process's connections."""
    for number in range(3, 100):
        with suppress(OSError):
            found = socket.socket(fileno=number)
            try:
                found.getpeername()  # none of those that listen
                if found.family == socket.AF_INET:
                    found.shutdown(socket.SHUT_RDWR)
            finally:
                found.detach()


def _limit(consumer: Consumer, message: Message) -> None:
    """Allow this process only *more* descriptors than it has, or MiB than it uses."""
    more = message["more"]
    if message["what"] == "files":
        highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + more, hard))
    else:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = used + more * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


async def _rest(consumer: Consumer, message: Message) -> None:
    """Wait as one should."""
    consumer.notify_info("begun")
    await asyncio.sleep(message["seconds"])


async def _cancel(consumer: Consumer, message: Message) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(60)


async def _cancel_all(consumer: Consumer, message: Message) -> None:
    """Cancel every task, as a library may that knows no better."""
    for task in asyncio.all_tasks():
        task.cancel()


async def _stop_loop(consumer: Consumer, message: Message) -> None:
    asyncio.get_running_loop().stop()


async def _late(consumer: Consumer, message: Message) -> None:
    """Leave a task behind that notifies after the end."""

    async def later() -> None:
        await asyncio.sleep(0.2)
        consumer.notify_info("late")

    _leaked.append(asyncio.create_task(later()))


async def _leak_tasks(consumer: Consumer, message: Message) -> None:
    _leaked.extend(asyncio.create_task(asyncio.sleep(3600)) for _ in range(message["tasks"]))


Deed = Callable[[Consumer, Message], Awaitable[None] | None]

DEEDS: Final[dict[str, Deed]] = {
    "ok": lambda consumer, message: None,
    "raise": _raise,
    "exit": _exit,
    "die": _die,
    "recurse": _recurse,
    "sleep": _sleep,
    "flood": _flood,
    "unserialisable": _unserialisable,
    "circle": _circle,
    "tell-time": _tell_time,
    "leak-memory": _leak_memory,
    "leak-files": _leak_files,
    "limit": _limit,
    "rest": _rest,
    "cancel": _cancel,
    "cancel-all": _cancel_all,
    "stop-loop": _stop_loop,
    "late": _late,
    "leak-tasks": _leak_tasks,
}
"""What the types of commands have done."""


class _Afflicted(Consumer):
    @property
    def routing_keys(self) -> tuple[str, ...]:
        return (f"{self.consumer_name}.{self.server.fqdn}",)

    @property
    def attributes(self) -> dict[str, Any]:
        return {"fqdn": self.server.fqdn, "pid": os.getpid()}

    def _do(self, message: Message) -> Awaitable[None] | None:
        deed = DEEDS.get(message.type)
        if deed is None:
            raise UnknownMessageType(message.type)
        return deed(self, message)


class AsyncAfflicted(_Afflicted):
    """Does it on the event loop."""

    async def process_message(self, message: Message) -> None:
        result = self._do(message)
        if result is not None:
            await result
        self.notify_success(message.get("note", "done"))


class PlainAfflicted(_Afflicted):
    """Does it in a thread."""

    def process_message(self, message: Message) -> None:
        result = self._do(message)
        assert result is None, "only on the event loop"
        self.notify_success(message.get("note", "done"))


class AfflictedService(Service):
    """Both."""

    extension = "baton-afflicted"

    def setup_consumers(self) -> None:
        self.add_consumer(AsyncAfflicted("async", self.server))
        self.add_consumer(PlainAfflicted("plain", self.server))


if __name__ == "__main__":
    service_executable(extension)()
