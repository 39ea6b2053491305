"""What a monitor reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from baton import Configuration, Message, Monitor
from baton.testing.failure import HarnessError
from baton.testing.reader import AsyncReader, OutputMonitor

DONE = Message({"type": "success", "message": "done"})
STRANGE = Message({"type": "strange"})


class Counter(Monitor):
    extension = "baton-greet"
    count = 0

    async def process_message(self, message: Message) -> None:
        if message.type == "strange":
            raise LookupError("strange")
        self.count += 1


@pytest.fixture
def reader(memory_url: str) -> AsyncReader[Counter]:
    return AsyncReader(Counter(Configuration(rabbit_url=memory_url)), timeout=0.01)


async def process(reader: AsyncReader[Counter], message: Message) -> None:
    """What the monitor's link does with a message."""
    await reader.monitor.process_message(message)


async def test_it_keeps_what_the_monitor_has_processed(reader: AsyncReader[Counter]) -> None:
    await process(reader, DONE)
    await process(reader, DONE)
    assert reader.monitor.count == 2
    assert await reader.next() is DONE
    assert reader.messages == [DONE, DONE]


async def test_a_monitor_that_does_nothing(memory_url: str) -> None:
    monitor = OutputMonitor(Configuration(rabbit_url=memory_url), "baton-greet")
    reader = AsyncReader(monitor, timeout=5)
    process_message: Any = monitor.process_message  # what the monitor's link calls
    await process_message(DONE)
    assert await reader.next() is DONE


async def test_a_monitor_that_reads_batches(memory_url: str) -> None:
    class Batches(Monitor):
        extension = "baton-greet"
        count = 0

        async def process_messages(self, messages: Sequence[Message]) -> None:
            if STRANGE in messages:
                raise LookupError("strange")
            self.count += len(messages)

    monitor = Batches(Configuration(rabbit_url=memory_url))
    reader = AsyncReader(monitor, timeout=5)
    await monitor.process_messages([DONE, DONE])
    assert monitor.count == 2
    assert [await reader.next(), await reader.next()] == reader.messages == [DONE, DONE]
    with pytest.raises(LookupError):
        await monitor.process_messages([STRANGE])
    with pytest.raises(LookupError):
        await reader.next()


async def test_nothing_comes(reader: AsyncReader[Counter]) -> None:
    with pytest.raises(HarnessError) as caught:
        await reader.next()
    assert str(caught.value).startswith(
        "The monitor of baton-greet has read no other message within 0.01 s, it is connecting since"
    )
    assert str(caught.value).endswith("it has read: nothing")
    await process(reader, DONE)
    await reader.next()
    with pytest.raises(HarnessError, match=r"within 0\.001 s(?s:.*)\n  <Message .*'done'"):
        await reader.next(timeout=0.001)


async def test_what_the_monitor_raises_is_raised_in_its_place(reader: AsyncReader[Counter]) -> None:
    await process(reader, DONE)
    with pytest.raises(LookupError):
        await process(reader, STRANGE)
    assert await reader.next() is DONE
    with pytest.raises(LookupError, match="strange"):
        await reader.next()
    assert reader.failures == []
    assert reader.messages == [DONE]


async def test_what_nobody_has_come_to_is_a_failure(reader: AsyncReader[Counter]) -> None:
    await process(reader, DONE)
    with pytest.raises(LookupError):
        await process(reader, STRANGE)
    assert [repr(error) for error in reader.failures] == ["LookupError('strange')"]
