"""What a monitor reads, kept for a test to look at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from baton.monitor import Monitor
from baton.testing.failure import HarnessError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baton.configuration import Configuration
    from baton.message import Message

M = TypeVar("M", bound=Monitor)


class OutputMonitor(Monitor):
    """Reads every output of an *extension*, and does nothing with it."""

    def __init__(self, configuration: Configuration, extension: str) -> None:
        super().__init__(configuration)
        self.extension = extension

    def process_message(self, message: Message) -> None:
        """Nothing: its reader keeps it."""


class AsyncReader(Generic[M]):
    """Keeps what a *monitor* has read and processed, in order.

    ``messages`` is all of it so far. What ``process_message`` (or ``process_messages``) raises
    is raised by :meth:`next` in the place of its message, and fails a test that never came to it.
    """

    def __init__(self, monitor: M, timeout: float) -> None:
        self.monitor = monitor
        self.messages: list[Message] = []
        self._timeout = timeout
        self._read: asyncio.Queue[Message | Exception] = asyncio.Queue()
        # Of this object alone: the class is the author's, and stays as it is.
        if type(monitor).process_messages is Monitor.process_messages:
            self._process = monitor.process_message
            monitor.process_message = self._process_and_keep  # type: ignore[method-assign]
        else:
            self._process_all = monitor.process_messages
            monitor.process_messages = self._process_and_keep_all  # type: ignore[method-assign]

    async def next(self, timeout: float | None = None) -> Message:
        """The next message; raises HarnessError if none comes within *timeout* seconds."""
        __tracebackhide__ = True
        seconds = self._timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                read = await self._read.get()
        except TimeoutError:
            came = "".join(f"\n  {message!r}" for message in self.messages) or " nothing"
            raise HarnessError(
                f"The monitor of {self.monitor.extension} has read no other message within "
                f"{seconds:g} s, it is {self.monitor.state}; it has read:{came}"
            ) from None
        if isinstance(read, Exception):
            raise read
        return read

    @property
    def failures(self) -> list[Exception]:
        """What ``process_message`` raised and :meth:`next` has not: what is left is taken."""
        left = [self._read.get_nowait() for _ in range(self._read.qsize())]
        return [each for each in left if isinstance(each, Exception)]

    async def _process_and_keep(self, message: Message) -> None:
        try:
            result = self._process(message)
            if result is not None:
                await result
        except Exception as error:
            self._read.put_nowait(error)
            raise
        self._keep(message)

    async def _process_and_keep_all(self, messages: Sequence[Message]) -> None:
        try:
            await self._process_all(messages)
        except Exception as error:
            self._read.put_nowait(error)
            raise
        for message in messages:
            self._keep(message)

    def _keep(self, message: Message) -> None:
        self.messages.append(message)
        self._read.put_nowait(message)
