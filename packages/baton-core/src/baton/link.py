"""A link: one connection that is kept, over hosts, outages and what the broker does to it.

It opens a transport, has its topology established, asserts it again on every pulse, and opens
another transport when this one is lost. Whatever a link waits for has a deadline.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from baton.backoff import Backoff
from baton.errors import (
    AuthenticationFailed,
    BatonError,
    BrokerError,
    BrokerUnavailable,
    CertificateRefused,
    ConfigurationError,
    TopologyError,
)
from baton.kept import Kept
from baton.stall import Stall
from baton.transports import Topology, Transport, TransportListener, open_transport
from baton.transports.hosts import Hosts

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

logger = logging.getLogger(__name__)

_AUTHENTICATION_FACTOR: Final = 10
_GOODBYE: Final = 0.5
"""Seconds within which a connection is closed that has missed a deadline: it answers nothing."""
_OVERTAKEN: Final = 3
"""Deadlines after which an answer is not waited for any longer, however much else is said: a node
that delivers may be unable to declare anything, and who is connected to it to tell of it."""
_PULSE_SPREAD: Final = (0.75, 0.95)
"""The part of ``PULSE`` that is between two pulses, so that many do not come at once: with a
deadline behind it, a connection that is dead is noticed within both, and some room is left."""
_REMINDER: Final = 60.0
"""Seconds after which an outage that goes on is logged again."""


class Phase(StrEnum):
    """How far a link is."""

    CONNECTING = "connecting"
    READY = "ready"
    BLOCKED = "blocked"
    DISCONNECTED = "disconnected"


_SEVERITY: Final = {
    Phase.READY: 0,
    Phase.BLOCKED: 1,
    Phase.CONNECTING: 2,
    Phase.DISCONNECTED: 3,
}


@dataclass(frozen=True, slots=True)
class State:
    """A phase, since when (seconds since the epoch), and why if it is not a good one."""

    phase: Phase = Phase.CONNECTING
    since: float = field(default_factory=time.time)
    reason: str = ""

    @classmethod
    def worst(cls, states: Iterable[State]) -> State:
        """The one of *states* that is the furthest from ready. Of several, the one since when that
        is true of all, or of one."""

        def severity(state: State) -> tuple[int, float]:
            since = state.since if state.phase is Phase.READY else -state.since
            return _SEVERITY[state.phase], since

        return max(states, key=severity)

    def __str__(self) -> str:
        since = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"{self.phase} since {since}" + (f" ({self.reason})" if self.reason else "")


class Link(TransportListener):
    """Keeps one connection. A subclass says what to establish, and hears what a transport tells.

    *name* is what the broker shows for the connection; *on_state* is called with each new state.
    """

    def __init__(
        self, configuration: Configuration, name: str, on_state: Callable[[State], None]
    ) -> None:
        self.name = name
        self.state = State()
        self.transport: Transport | None = None
        self.doubt = ""
        """Why a link that is established is not to be called ready yet; empty if it is."""
        self._configuration = configuration
        self._on_state = on_state
        self._event = asyncio.Event()
        self._hurry = asyncio.Event()
        self._lost: BrokerError | None = None
        self._channel_lost = False
        self._stale = False
        self._blocked = ""
        self._reported: dict[str, float] = {}
        self._deadline: asyncio.Timeout | None = None
        self._latest = 0.0
        self._reached = False
        self._established = False
        self._silent = False
        self._kept = Kept(self._keep, name, self._task_ended)
        self._stall = Stall(self._was_held_up)

    @property
    def pulses_per_period(self) -> float:
        """How many pulses a link has in each ``PULSE`` seconds."""
        return 1.0

    def connected(self) -> None:
        """A transport was opened: nothing is established on it yet."""

    def went_round(self) -> None:
        """Something was tried since the last call: a pulse, or to connect. However bad things are,
        a link goes round, at the latest when a pulse and a deadline, or the longest pause after a
        refusal, are over."""

    def progressed(self) -> None:
        """The broker has answered a part of what is waited for: the rest of it has a deadline of
        its own."""
        self._latest = asyncio.get_running_loop().time() + _OVERTAKEN * self._configuration.deadline
        self.overtaken()

    def overtaken(self) -> None:
        """The broker has said something else, behind which what is waited for may come: it has
        another deadline from here on, but no more than a few from when it was asked for."""
        if self._deadline is not None and not self._deadline.expired():
            now = asyncio.get_running_loop().time()
            self._deadline.reschedule(min(now + self._configuration.deadline, self._latest))

    async def establish(self, transport: Transport) -> None:
        """Declare and consume all that this link stands for.

        Called after *transport* was opened, and again on the same one when something of it was
        lost: what still stands must be left standing. Raises a BrokerError.
        """
        raise NotImplementedError

    async def assert_topology(self, transport: Transport) -> None:
        """Assert what must exist for this link to be of use. Called on each pulse."""
        raise NotImplementedError

    def detached(self) -> None:
        """The data channel has gone: what was published on it and not confirmed is in doubt, what
        was delivered on it and not acknowledged may come again. Called before another is opened.
        """

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._stall.start()
        self._kept.start()

    def try_now(self) -> None:
        """Another link has reached the broker: if this one waits before it tries again, it need not
        wait any longer."""
        if self.transport is None:
            self._hurry.set()

    async def stop(self) -> None:
        """Close the connection, at most a deadline later."""
        self._stall.stop()
        await self._kept.stop()

    def cancelled(self, queue: str) -> None:
        """A queue was deleted: establish it again."""
        logger.warning("%s: the broker cancelled the consumer of the queue %s", self.name, queue)
        self._mend()

    def channel_lost(self, error: BatonError) -> None:
        """The data channel was closed: open another one."""
        self._warn(f"the broker closed the channel: {error}")
        self._channel_lost = True
        self.detached()
        self._mend()

    def blocked(self, reason: str) -> None:
        """The broker takes nothing: say so, and wait."""
        logger.warning("%s: blocked: %s", self.name, reason)
        self._blocked = reason
        if self.state.phase is Phase.READY:
            self._become(Phase.BLOCKED, reason)

    def unblocked(self) -> None:
        """The broker takes messages again."""
        logger.info("%s: unblocked", self.name)
        self._blocked = ""
        if self.state.phase is Phase.BLOCKED:
            self._become(Phase.READY)

    def lost(self, error: BrokerError) -> None:
        """The connection has gone: open another one."""
        self._lost = error
        self._event.set()

    def held_up(self) -> float:
        """For how many seconds what is received now may have waited in the socket: the event loop
        was held up, and it is not sure yet that all of that was read. 0 if it was not."""
        self._stall.look()
        return self._stall.seconds

    def _task_ended(self, reason: str) -> None:
        self._become(Phase.DISCONNECTED, reason)

    def _was_held_up(self, seconds: float) -> None:
        """The event loop was: find out when what has waited is read, and what is left."""
        logger.debug("%s: the event loop was held up for %.1f s", self.name, seconds)
        heartbeat = self._configuration.rabbit_heartbeat
        if self.state.phase is Phase.READY and 0 < heartbeat <= seconds:
            # The broker may have given it up, and deleted its queue, long ago.
            self._become(Phase.CONNECTING, f"it was held up for {seconds:.0f} s")
        self._event.set()

    def _caught_up(self, count: int) -> None:
        """The broker has answered what was asked when the loop had been held up *count* times."""
        self._stall.over(count)
        if self.state.phase is Phase.CONNECTING and not self._stale and self._lost is None:
            self._works()

    async def _keep(self) -> None:
        cap = self._configuration.reconnect_max
        refusal = (cap, cap * _AUTHENTICATION_FACTOR)
        hosts = Hosts(self._configuration.endpoints, cap, refusal)
        while True:
            opened = time.monotonic()
            self._hurry.clear()
            try:
                await self._connect(hosts.next)
            except CertificateRefused as error:
                hosts.failed(str(error), refused=True)
            except (AuthenticationFailed, ConfigurationError) as error:
                hosts.refused(str(error))
            except BatonError as error:
                if self._established and time.monotonic() - opened > cap:
                    hosts.works()
                (hosts.lost if self._reached else hosts.failed)(str(error))
            except (Exception, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                # A fault of ours or of a library: whatever it is, a link goes on.
                self._warn(f"an unexpected error: {error!r}", error)
                self._report(hosts.next, error)
                hosts.lost(repr(error))
            self.went_round()
            await self._rest(hosts.not_before)

    async def _rest(self, until: float) -> None:
        """Wait until then, by the monotonic clock, or until there is a reason to try."""
        with suppress(TimeoutError):
            async with asyncio.timeout(until - time.monotonic()):
                await self._hurry.wait()

    async def _connect(self, endpoint: Endpoint) -> None:
        """Serve one connection until it is lost; always raises."""
        self._lost, self._channel_lost, self._stale, self._blocked = None, False, True, ""
        self._reached = self._established = self._silent = False
        transport = open_transport(self._configuration, endpoint, self, self.name)
        transport.answered = self.progressed
        try:
            await self._within(transport.open(), "connecting")
            self._stall.over(self._stall.count)  # nothing has waited on this connection
            self.transport = transport
            self._hurry.clear()
            self._reached = True
            self.connected()
            await self._serve(transport)
        except BatonError as error:
            # Before the transport is closed, which may take its time: it is not ready any more.
            self._report(endpoint, error)
            raise
        finally:
            self.transport = None
            self.detached()
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    _GOODBYE if self._silent else self._configuration.deadline
                ):
                    await transport.close()

    async def _serve(self, transport: Transport) -> None:
        backoff = Backoff(self._configuration.reconnect_max)
        wait = self._next_pulse()
        while self._lost is None:
            self._event.clear()
            if self._stale:
                self._stale = False
                try:
                    if self._channel_lost:
                        await self._renew(transport, backoff)
                    await self._establish(transport)
                    self.went_round()
                    wait = self._next_pulse()
                except TopologyError as error:
                    self._stale = True
                    self._report(None, error)
                    wait = backoff.next()
            is_held_up = self._stall.seconds > 0 and not self._stale and not self._blocked
            if is_held_up and self.state.phase is Phase.READY:
                await self._catch_up(transport)
                continue
            if not is_held_up and await self._is_told(wait):
                continue
            self.went_round()
            if not self._stale and not self._blocked:
                await self._pulse(transport)
                backoff.reset()
                wait = self._next_pulse()
        raise self._lost

    async def _is_told(self, wait: float) -> bool:
        """Whether something happened within *wait* seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._event.wait()
        return self._event.is_set()

    async def _renew(self, transport: Transport, backoff: Backoff) -> None:
        # Something that closes each channel at once must not do so in a tight loop.
        await asyncio.sleep(backoff.next())
        await self._within(transport.renew(), "opening a channel")
        self._channel_lost = False

    async def _establish(self, transport: Transport) -> None:
        count = self._stall.count
        await self._within(self.establish(transport), "declaring")
        self._established = True
        self._stall.over(count)
        self._works()

    def _works(self) -> None:
        """What was established does what it is for, unless the link itself has a doubt, or
        something of it was lost again in the meantime."""
        if self._stale:
            return
        if self.doubt:
            self._become(Phase.CONNECTING, self.doubt)
            return
        self._reported.clear()
        self._become(Phase.BLOCKED if self._blocked else Phase.READY, self._blocked)

    async def _catch_up(self, transport: Transport) -> None:
        """Ask for nothing: what was sent before the answer was read before it, too."""
        count = self._stall.count
        try:
            await self._within(transport.declare(Topology()), "catching up")
            self._caught_up(count)
        except TopologyError as error:
            logger.warning("%s: while it caught up: %s", self.name, error)
            self._mend()

    async def _pulse(self, transport: Transport) -> None:
        count = self._stall.count
        try:
            await self._within(self.assert_topology(transport), "asserting the topology")
            self._caught_up(count)
        except BrokerUnavailable:
            if not self._blocked:
                raise
            # A blocked connection answers nothing: it is not lost.
        except TopologyError as error:
            logger.warning("%s: the pulse found a fault: %s", self.name, error)
            self._mend()

    async def _within(self, coroutine: Awaitable[None], what: str) -> None:
        deadline = self._configuration.deadline
        try:
            async with asyncio.timeout(None) as self._deadline:
                self.progressed()  # from here on
                await coroutine
            self._silent = False
        except TimeoutError:
            self._silent = True
            overtaken = asyncio.get_running_loop().time() >= self._latest
            waited = deadline * _OVERTAKEN if overtaken else deadline
            raise BrokerUnavailable(f"no answer within {waited:g} s while {what}") from None
        except BatonError:
            # aiormq raises why a channel was closed, even to who is cancelled while it is: a stop
            # would wait for ever.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from None
            raise
        finally:
            self._deadline = None

    def _next_pulse(self) -> float:
        return self._configuration.pulse / self.pulses_per_period * random.uniform(*_PULSE_SPREAD)

    def _mend(self) -> None:
        self._stale = True
        if self.state.phase is not Phase.DISCONNECTED:
            self._become(Phase.CONNECTING, self.doubt)
        self._event.set()

    def _report(self, endpoint: Endpoint | None, error: BaseException) -> None:
        """One line for each reason in an outage, and a reminder while it goes on."""
        reason = str(error) or type(error).__name__
        if endpoint is not None and str(endpoint) not in reason:
            reason = f"{endpoint} ({reason})"
        self._become(Phase.DISCONNECTED, reason)
        self._warn(f"{reason}; trying again")

    def _warn(self, text: str, error: BaseException | None = None) -> None:
        now = time.monotonic()
        if now - self._reported.get(text, -_REMINDER) >= _REMINDER:
            logger.log(
                logging.ERROR if error else logging.WARNING,
                "%s: %s",
                self.name,
                text,
                exc_info=error,
            )
            self._reported[text] = now

    def _become(self, phase: Phase, reason: str = "") -> None:
        if (phase, reason) == (self.state.phase, self.state.reason):
            return
        since = self.state.since if phase is self.state.phase else time.time()
        self.state = State(phase, since, reason)
        self._on_state(self.state)
