"""Simulation: servers that are made up, and answer as real ones do.

Each has its own name, applications, facts and queue, and runs the consumers of a real service. Many
share a channel, so that a thousand fit into a process. A :class:`Character` makes one slow, failing
or silent.

>>> [server.fqdn for server in made_up_servers(2, ["production"])]
['sim00001.example.org', 'sim00002.example.org']
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final

from baton.channel import Abandoned, Channel
from baton.consumer import Consumer
from baton.link import Phase, State
from baton.server import Server
from baton.watched import Rounds, Watched

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.consumer_manager import ConsumerManager
    from baton.extension import Extension
    from baton.message import Message
    from baton.observer import Observer
    from baton.service import Service

logger = logging.getLogger(__name__)

_SHARED_BY: Final = 500
"""Servers that share a channel: more would wait for each other when they are declared."""

_APPS: Final = (("shop",), ("shop", "blog"), ("orders",), ("mail",), ("search",), ("ci",))
_PLATFORMS: Final = (
    {"platform": "debian", "platform_family": "debian", "platform_version": "12"},
    {"platform": "debian", "platform_family": "debian", "platform_version": "13"},
    {"platform": "ubuntu", "platform_family": "debian", "platform_version": "24.04"},
    {"platform": "rocky", "platform_family": "rhel", "platform_version": "9.4"},
    {"platform": "rocky", "platform_family": "rhel", "platform_version": "9.10"},
)
_SIZES: Final = ((2, 4), (4, 8), (8, 16), (16, 64))
"""CPUs, and GiB of memory."""
_SLOW: Final = (0.5, 2.0)
_ROUND: Final = 24
_SILENT_FROM: Final = 2


@dataclass(frozen=True, slots=True)
class Character:
    """How a made-up server behaves.

    It takes a time between the two of ``pause``, in seconds, for each command; it fails at the
    rate of ``failures``, with ``error`` and ``complaint``; it says nothing to ``silent`` commands
    of each 24, from the third on.
    """

    pause: tuple[float, float] = (0.0, 0.0)
    failures: float = 0.0
    error: type[Exception] = RuntimeError
    complaint: str = "it is simulated to fail"
    silent: int = 0


@dataclass(frozen=True, slots=True)
class Mixture:
    """What a fleet is made of: the shares of its servers, from 0 to 1, that are slow (they take
    0.5 to 2 seconds longer) and that fail at every command; and ``latency``, the seconds that a
    command takes on average."""

    slow: float = 0.0
    failing: float = 0.0
    latency: float = 0.0

    def characters(self, count: int, seed: int) -> list[Character]:
        """The characters of *count* servers, in an order that *seed* decides."""
        slow, failing = round(count * self.slow), round(count * self.failing)
        shuffled = random.Random(seed)
        is_slow = [True] * slow + [False] * (count - slow)
        is_failing = [True] * failing + [False] * (count - failing)
        shuffled.shuffle(is_slow)
        shuffled.shuffle(is_failing)
        return [self._character(*each) for each in zip(is_slow, is_failing, strict=True)]

    def _character(self, slow: bool, failing: bool) -> Character:
        least, most = _SLOW if slow else (0.0, 0.0)
        pause = (self.latency * 0.5 + least, self.latency * 1.5 + most)
        return Character(pause, failures=float(failing))


def made_up_servers(
    count: int, environments: Sequence[str], prefix: str = "sim"
) -> Iterator[Server]:
    """Servers in each of *environments* in turn, which run an application or two, and differ in
    their facts. The same number has the same ones."""
    places = zip(cycle(environments), cycle(_APPS), strict=False)
    for number, (environment, apps) in enumerate(islice(places, count), start=1):
        name = f"{prefix}{number:05}"
        yield Server(f"{name}.example.org", environment, apps, _facts(name, number))


def _facts(name: str, number: int) -> dict[str, Any]:
    cpus, memory = _SIZES[number // len(_PLATFORMS) % len(_SIZES)]
    return {
        "fqdn": f"{name}.example.org",
        "hostname": name,
        "ipaddress": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        **_PLATFORMS[number % len(_PLATFORMS)],
        "machine": "aarch64" if number % 7 == 0 else "x86_64",
        "container": "docker" if number % 4 == 0 else None,
        "cpus": cpus,
        "memory": memory * 1024**3,
        "simulated": True,
    }


class SimulatedConsumer(Consumer):
    """Another consumer on a made-up server: it answers as *character* has it. The same *seed*
    gives the same answers."""

    def __init__(self, consumer: Consumer, character: Character, seed: int = 1) -> None:
        super().__init__(consumer.consumer_name, consumer.server)
        self.concurrency = consumer.concurrency
        self._consumer = consumer
        self._character = character
        self._is_plain = character == Character()
        self._random = random.Random(f"{seed} {consumer.server.fqdn}")
        self._commands = 0
        self._hurry = asyncio.Event()
        self._hurry_thread = threading.Event() if consumer.blocking else None

    @property
    def routing_key(self) -> str:
        """As the other has it."""
        return self._consumer.routing_key

    @property
    def routing_keys(self) -> tuple[str, ...]:
        """As the other has them."""
        return self._consumer.routing_keys

    @property
    def attributes(self) -> Any:
        """As the other has them."""
        return self._consumer.attributes

    @property
    def blocking(self) -> bool:
        """Whether the other needs a thread."""
        return self._consumer.blocking

    @property
    def observers(self) -> list[Observer]:
        """Those of the other: it is the one that notifies."""
        return self._consumer.observers

    def hurry(self) -> None:
        """Answer what is to be answered at once: the fleet is stopping."""
        self._hurry.set()
        if self._hurry_thread is not None:
            self._hurry_thread.set()

    def process_message(self, message: Message) -> Awaitable[None] | None:
        """Answer late, with an error, or not at all, as the character has it."""
        if self._is_plain:
            return self._consumer.process_message(message)
        character = self._character
        turn, self._commands = self._commands % _ROUND, self._commands + 1
        if _SILENT_FROM <= turn < _SILENT_FROM + character.silent:
            return None
        pause = self._random.uniform(*character.pause)
        fails = self._random.random() < character.failures
        if self._hurry_thread is None:
            return self._answer(message, pause, fails)
        if pause:
            self._hurry_thread.wait(pause)
        if fails:
            raise character.error(character.complaint)
        return self._consumer.process_message(message)

    async def _answer(self, message: Message, pause: float, fails: bool) -> None:
        if pause:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
        if fails:
            raise self._character.error(self._character.complaint)
        result = self._consumer.process_message(message)
        if result is not None:
            await result


class Simulation(Watched):
    """The services of one extension on servers that are made up, in this event loop.

    *servers* are the servers with their characters. It is started, watched and stopped as a
    service is.
    """

    def __init__(
        self,
        configuration: Configuration,
        extension: Extension,
        servers: Iterable[tuple[Server, Character]],
        seed: int = 1,
    ) -> None:
        super().__init__()
        self.configuration = configuration
        self.extension = extension
        self.servers = tuple(servers)
        self._seed = seed
        self._channels: list[_SimulatedChannel] = []
        self._state = State()
        self._rounds = Rounds()
        self._began = 0.0

    @property
    def name(self) -> str:
        """What it is called in logs and in answers about its health."""
        return f"{self.extension.name}, {len(self.servers):,} simulated servers"

    @property
    def state(self) -> State:
        """The worst of the channels' states: ready when every server is."""
        states = [channel.state for channel in self._channels]
        return State.worst(states) if states else State()

    async def start(self) -> None:
        """Set up the services and begin to connect. Returns at once: see :meth:`watch`."""
        self._began = time.monotonic()
        service: type[Service] = self.extension.load("service")
        for at in range(0, len(self.servers), _SHARED_BY):
            servers = self.servers[at : at + _SHARED_BY]
            channel = _SimulatedChannel(self, dict(servers), self._seed)
            self._channels.append(channel)
            for server, _ in servers:
                member = service(self.configuration, server)
                member.share(channel)
                await member.start()
        for channel in self._channels:
            channel.start()

    async def stop(self, grace: float | None = None) -> Abandoned:
        """Answer what is under way at once, for *grace* seconds at most, and disconnect."""
        for channel in self._channels:
            channel.hurry()
        grace = self.configuration.grace if grace is None else grace
        ends = await asyncio.gather(*(channel.stop(grace) for channel in self._channels))
        return Abandoned(sum(end.commands for end in ends), sum(end.outputs for end in ends))

    def refresh_state(self) -> None:
        """A channel's state changed: tell the watchers if that changes ours."""
        state = self.state
        if state == self._state:
            return
        self._state = state
        took = f", {time.monotonic() - self._began:.1f} s after the start"
        logger.info("%s: %s%s", self.name, state, took if state.phase is Phase.READY else "")
        self.tell_state(state)

    def note_round(self, channel: Channel) -> None:
        """A channel went round: tell the watchers of the pulse if all have."""
        if self._rounds.complete(channel, of=len(self._channels)):
            self.tell_pulse()


class _SimulatedChannel(Channel):
    """A channel that many servers share, and that gives each consumer its character."""

    quiet = True  # a line for each answer of each of so many would be read by nobody

    def __init__(
        self, simulation: Simulation, characters: dict[Server, Character], seed: int
    ) -> None:
        super().__init__(simulation.configuration, simulation.extension)
        self._characters = characters
        self._seed = seed
        self._simulated: list[SimulatedConsumer] = []
        self.watch(lambda _: simulation.refresh_state())
        self.watch_pulse(lambda: simulation.note_round(self))

    def add_consumer(self, consumer: Consumer, instance: str | None = None) -> ConsumerManager:
        simulated = SimulatedConsumer(consumer, self._characters[consumer.server], self._seed)
        self._simulated.append(simulated)
        return super().add_consumer(simulated, instance)

    def hurry(self) -> None:
        """Have what is under way answered at once."""
        for consumer in self._simulated:
            consumer.hurry()
