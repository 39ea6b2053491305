"""A link, on transports that the tests script."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from baton import Configuration
from baton.errors import (
    AuthenticationFailed,
    BatonError,
    BrokerUnavailable,
    CertificateRefused,
    NotFound,
)
from baton.link import Link, Phase, State
from baton.transports import Binding, Delivery, Publication, Topology, Transport, TransportListener


class Scripted(Transport):
    """A transport that does what the test says, and remembers what it was asked."""

    def __init__(self, endpoint: str, listener: TransportListener) -> None:
        self.endpoint = endpoint
        self.listener = listener
        self.calls: list[str] = []
        self.refusal: BatonError | None = None
        self.declared: Callable[[], None] = lambda: None

    async def open(self) -> None:
        self.calls.append("open")

    async def declare(self, topology: Topology) -> None:
        self.calls.append("declare")
        self.declared()
        if self.refusal is not None:
            error, self.refusal = self.refusal, None
            raise error

    async def has_exchange(self, exchange: str) -> bool:
        return True

    async def delete_exchange(self, exchange: str) -> None: ...

    async def delete_queue(self, queue: str) -> None: ...

    async def count(self, queue: str) -> int | None: ...

    async def unbind(self, binding: Binding) -> None: ...

    async def consume(self, queue: str, prefetch: int) -> None: ...

    async def cancel(self, queue: str) -> None: ...

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None: ...

    def reject(self, deliveries: Sequence[Delivery]) -> None: ...

    def give_back(self, deliveries: Sequence[Delivery]) -> None: ...

    def publish(self, publications: Sequence[Publication]) -> None: ...

    async def renew(self) -> None:
        self.calls.append("renew")

    async def close(self) -> None:
        self.calls.append("close")


class Probe(Link):
    def __init__(self, configuration: Configuration) -> None:
        self.states: list[State] = []
        self.changed = asyncio.Event()
        self.detachments = 0
        self.rounds = 0
        self.connections: list[Transport] = []
        self.parts = 0
        self.pulse_error: BatonError | None = None
        super().__init__(configuration, "probe", self._note)

    def _note(self, state: State) -> None:
        self.states.append(state)
        self.changed.set()

    def detached(self) -> None:
        self.detachments += 1

    def connected(self) -> None:
        assert isinstance(self.transport, Scripted)
        self.connections.append(self.transport)
        self.transport.declared = self.changed.set

    def went_round(self) -> None:
        self.rounds += 1
        self.changed.set()

    async def establish(self, transport: Transport) -> None:
        for _ in range(self.parts):
            await asyncio.sleep(0.5)
            self.progressed()
        await transport.declare(Topology())
        self.changed.set()

    async def assert_topology(self, transport: Transport) -> None:
        assert isinstance(transport, Scripted)
        if self.pulse_error is not None:
            error, self.pulse_error = self.pulse_error, None
            raise error
        transport.calls.append("pulse")
        self.changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def until_phase(self, phase: Phase) -> None:
        await self.until(lambda: self.state.phase is phase)


class Stage:
    """Opens scripted transports in place of real ones."""

    def __init__(self) -> None:
        self.opened: list[Scripted] = []
        self.kinds: dict[str, type[Scripted]] = {}
        self.changed = asyncio.Event()

    def open(
        self, configuration: Configuration, endpoint: object, listener: TransportListener, _: str
    ) -> Transport:
        kind = self.kinds.get(str(endpoint), Scripted)
        transport = kind(str(endpoint), listener)
        self.opened.append(transport)
        self.changed.set()
        return transport

    async def until_opened(self, count: int) -> None:
        """Wait until *count* transports were opened."""
        async with asyncio.timeout(5):
            while len(self.opened) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    monkeypatch.setattr("baton.link.open_transport", stage.open)
    return stage


MakeLink = Callable[..., Probe]


@pytest.fixture
async def link() -> AsyncIterator[MakeLink]:
    started: list[Probe] = []

    def make(**settings: Any) -> Probe:
        defaults: dict[str, Any] = {"pulse": 60, "reconnect_max": 0.1, "rabbit_host": "a:1,b:2"}
        probe = Probe(Configuration(**(defaults | settings)))
        probe.start()
        started.append(probe)
        return probe

    yield make
    for each in started:
        await each.stop()


class Refusing(Scripted):
    async def open(self) -> None:
        raise BrokerUnavailable(f"{self.endpoint}: connection refused")


class Frozen(Scripted):
    async def open(self) -> None:
        await asyncio.Event().wait()


class WrongPassword(Scripted):
    async def open(self) -> None:
        raise AuthenticationFailed("wrong password")


async def test_takes_the_hosts_in_turn_until_one_answers(stage: Stage, link: MakeLink) -> None:
    stage.kinds = {"a:1": Refusing}
    probe = link()
    await probe.until_phase(Phase.READY)
    assert stage.opened[-1].endpoint == "b:2"
    assert all(transport.calls[-1] == "close" for transport in stage.opened[:-1])


async def test_starts_at_a_random_host(stage: Stage, link: MakeLink) -> None:
    for _ in range(40):
        probe = link()
        await probe.until_phase(Phase.READY)
    assert {transport.endpoint for transport in stage.opened} == {"a:1", "b:2"}


async def test_a_frozen_host_costs_a_deadline(stage: Stage, link: MakeLink) -> None:
    stage.kinds = {"a:1": Frozen}
    probe = link(deadline=0.1)
    await probe.until_phase(Phase.READY)
    for state in probe.states:
        if state.phase is Phase.DISCONNECTED:
            assert state.reason == "a:1 (no answer within 0.1 s while connecting)"


async def test_a_lost_connection_is_detached_and_replaced(
    stage: Stage, link: MakeLink, caplog: pytest.LogCaptureFixture
) -> None:
    probe = link()
    await probe.until_phase(Phase.READY)
    first = stage.opened[-1]
    probe.lost(BrokerUnavailable("reset by peer"))
    await probe.until_phase(Phase.DISCONNECTED)
    assert "reset by peer" in probe.state.reason
    await probe.until_phase(Phase.READY)
    assert stage.opened[-1] is not first
    assert first.calls[-1] == "close"
    assert probe.detachments == 1
    assert len([r for r in caplog.records if "reset by peer" in r.getMessage()]) == 1


async def test_a_lost_channel_is_renewed_on_the_same_connection(
    stage: Stage, link: MakeLink
) -> None:
    probe = link()
    await probe.until_phase(Phase.READY)
    probe.channel_lost(NotFound("gone"))
    assert probe.detachments == 1
    await probe.until_phase(Phase.READY)
    assert stage.opened[0].calls == ["open", "declare", "renew", "declare"]
    assert len(stage.opened) == 1


async def test_what_is_lost_while_it_is_established_is_not_called_ready(
    stage: Stage, link: MakeLink
) -> None:
    """Another channel is opened after a pause: whoever asks meanwhile is told the truth."""
    losses = 2

    class Losing(Scripted):
        async def declare(self, topology: Topology) -> None:
            nonlocal losses
            await super().declare(topology)
            if losses:
                losses -= 1
                self.listener.channel_lost(NotFound("gone"))

    stage.kinds = {"a:1": Losing, "b:2": Losing}
    probe = link()
    await probe.until_phase(Phase.READY)
    assert stage.opened[0].calls.count("renew") == 2


async def test_a_refusal_is_retried_on_the_same_connection(stage: Stage, link: MakeLink) -> None:
    class Refused(Scripted):
        async def declare(self, topology: Topology) -> None:
            await super().declare(topology)
            if self.calls.count("declare") < 3:
                raise NotFound("not yet")

    stage.kinds = {"a:1": Refused, "b:2": Refused}
    probe = link()
    await probe.until_phase(Phase.READY)
    assert [state.phase for state in probe.states] == [Phase.DISCONNECTED, Phase.READY]
    assert len(stage.opened) == 1


async def test_the_pulse_goes_on(stage: Stage, link: MakeLink) -> None:
    probe = link(pulse=0.1)
    await probe.until(lambda: stage.opened and stage.opened[0].calls.count("pulse") >= 3)
    assert stage.opened[0].calls[:2] == ["open", "declare"]


async def test_a_pulse_that_finds_a_fault_establishes_again(
    stage: Stage, link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def faulty(self: Probe, transport: Transport) -> None:
        raise NotFound("the exchange is gone")

    monkeypatch.setattr(Probe, "assert_topology", faulty)
    probe = link(pulse=0.1)
    await probe.until(lambda: stage.opened and stage.opened[0].calls.count("declare") >= 3)
    assert len(stage.opened) == 1
    assert Phase.CONNECTING in [state.phase for state in probe.states]


async def test_a_pulse_without_an_answer_opens_another_connection(
    stage: Stage, link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(self: Probe, transport: Transport) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Probe, "assert_topology", silent)
    probe = link(pulse=0.1, deadline=0.1)
    await probe.until(lambda: len(stage.opened) >= 2)
    assert "no answer" in str([state.reason for state in probe.states])


async def test_a_blocked_link_says_so_and_has_no_pulse(stage: Stage, link: MakeLink) -> None:
    probe = link(pulse=0.1)
    await probe.until_phase(Phase.READY)
    probe.blocked("memory alarm")
    assert (probe.state.phase, probe.state.reason) == (Phase.BLOCKED, "memory alarm")
    pulses = stage.opened[0].calls.count("pulse")
    await asyncio.sleep(0.3)  # two pulses would have been due
    assert stage.opened[0].calls.count("pulse") == pulses
    probe.unblocked()
    await probe.until(lambda: stage.opened[0].calls.count("pulse") > pulses)
    assert probe.state.phase is Phase.READY


async def test_an_unexpected_error_is_logged_and_does_not_end_it(
    stage: Stage, link: MakeLink, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(Scripted):
        async def open(self) -> None:
            if len(stage.opened) == 1:
                raise KeyError("a fault of a library")

    stage.kinds = {"a:1": Faulty, "b:2": Faulty}
    probe = link()
    await probe.until_phase(Phase.READY)
    assert len(stage.opened) == 2
    assert "an unexpected error" in caplog.text


async def test_a_cancellation_that_is_not_ours_does_not_end_it(
    stage: Stage, link: MakeLink, caplog: pytest.LogCaptureFixture
) -> None:
    class Cancelling(Scripted):
        async def close(self) -> None:
            await super().close()
            raise asyncio.CancelledError  # as the future of a lost connection ends

    stage.kinds = {"a:1": Cancelling, "b:2": Cancelling}
    probe = link()
    await probe.until_phase(Phase.READY)
    probe.lost(BrokerUnavailable("reset by peer"))
    await stage.until_opened(2)
    await probe.until_phase(Phase.READY)
    assert "an unexpected error" in caplog.text
    stage.kinds = {}
    for transport in stage.opened:
        transport.__class__ = Scripted


async def test_who_cancels_every_task_does_not_end_it(stage: Stage, link: MakeLink) -> None:
    probe = link()
    await probe.until_phase(Phase.READY)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await probe.until_phase(Phase.DISCONNECTED)
    assert probe.state.reason == "its task was cancelled"
    await probe.until_phase(Phase.READY)
    assert len(stage.opened) == 2
    assert stage.opened[0].calls[-1] == "close"


class TestHeldUp:
    @pytest.fixture
    def sleep(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
        """Has the event loop held up for so many seconds."""
        shift = [0.0]
        monkeypatch.setattr("baton.stall.clock", lambda: shift[0])

        def sleep(seconds: float) -> None:
            shift[0] += seconds

        return sleep

    async def test_a_pulse_shows_what_is_left(
        self, stage: Stage, link: MakeLink, sleep: Callable[[float], None]
    ) -> None:
        probe = link(rabbit_heartbeat=10)
        await probe.until_phase(Phase.READY)
        assert probe.held_up() == 0
        sleep(20)
        assert probe.held_up() >= 20
        assert probe.state.phase is Phase.CONNECTING
        assert probe.state.reason.startswith("it was held up for 2")
        await probe.until_phase(Phase.READY)
        assert "pulse" in stage.opened[0].calls
        assert probe.held_up() == 0
        assert len(stage.opened) == 1

    async def test_a_connection_that_has_died_meanwhile_is_replaced(
        self, stage: Stage, link: MakeLink, sleep: Callable[[float], None]
    ) -> None:
        probe = link(rabbit_heartbeat=10)
        await probe.until_phase(Phase.READY)
        probe.pulse_error = BrokerUnavailable("it has gone")
        sleep(20)
        probe.held_up()
        await probe.until(lambda: len(stage.opened) == 2 and probe.state.phase is Phase.READY)
        assert Phase.READY not in [state.phase for state in probe.states[1:-1]]
        assert probe.held_up() == 0

    async def test_a_fault_that_the_pulse_finds_is_mended_first(
        self, stage: Stage, link: MakeLink, sleep: Callable[[float], None]
    ) -> None:
        probe = link(rabbit_heartbeat=10)
        await probe.until_phase(Phase.READY)
        probe.pulse_error = NotFound("no exchange")
        sleep(20)
        probe.held_up()
        await probe.until_phase(Phase.READY)
        assert stage.opened[0].calls == ["open", "declare", "declare"]
        assert probe.held_up() == 0

    async def test_for_less_than_a_heartbeat_it_stays_ready(
        self, stage: Stage, link: MakeLink, sleep: Callable[[float], None]
    ) -> None:
        probe = link(rabbit_heartbeat=60)
        await probe.until_phase(Phase.READY)
        sleep(20)
        assert probe.held_up() >= 20
        await probe.until(lambda: stage.opened[0].calls.count("declare") == 2)
        await asyncio.sleep(0)
        assert probe.held_up() == 0
        assert [state.phase for state in probe.states] == [Phase.READY]
        assert "pulse" not in stage.opened[0].calls

    async def test_a_refusal_while_it_catches_up_is_mended(
        self, stage: Stage, link: MakeLink, sleep: Callable[[float], None]
    ) -> None:
        probe = link(rabbit_heartbeat=60)
        await probe.until_phase(Phase.READY)
        stage.opened[0].refusal = NotFound("no exchange")
        sleep(20)
        probe.held_up()
        await probe.until(lambda: len(probe.states) == 3)
        assert [str(state.phase) for state in probe.states] == ["ready", "connecting", "ready"]
        assert probe.held_up() == 0


async def test_is_not_ready_while_a_lost_connection_is_being_closed(
    stage: Stage, link: MakeLink
) -> None:
    closing = asyncio.Event()

    class Slow(Scripted):
        async def close(self) -> None:
            closing.set()
            await asyncio.Event().wait()

    stage.kinds = {"a:1": Slow, "b:2": Slow}
    probe = link(deadline=0.2)
    await probe.until_phase(Phase.READY)
    probe.lost(BrokerUnavailable("reset by peer"))
    await asyncio.wait_for(closing.wait(), 5)
    assert probe.state.phase is Phase.DISCONNECTED


async def test_a_host_that_answers_slowly_is_not_given_up_while_it_is_connected_to(
    stage: Stage, link: MakeLink
) -> None:
    class Slow(Scripted):
        async def open(self) -> None:
            await super().open()
            for _ in range(5):  # longer than a deadline, in all
                await asyncio.sleep(0.5)
                self.answered()

    stage.kinds = {"a:1": Slow}
    probe = link(rabbit_host="a:1", deadline=2)
    await probe.until_phase(Phase.READY)
    assert [state.phase for state in probe.states] == [Phase.READY]


async def test_who_does_not_answer_is_not_waited_for_twice(stage: Stage, link: MakeLink) -> None:
    """Not for an answer, and then as long for the answer to a goodbye."""

    class Dead(Scripted):
        async def close(self) -> None:
            await asyncio.Event().wait()

    class DeadAfterwards(Dead):
        async def declare(self, topology: Topology) -> None:
            if "declare" in self.calls:
                await asyncio.Event().wait()
            await super().declare(topology)

    class DeadPulse(Probe):
        async def assert_topology(self, transport: Transport) -> None:
            await transport.declare(Topology())

    stage.kinds = {"a:1": DeadAfterwards}
    probe = DeadPulse(Configuration(pulse=0.1, deadline=4, reconnect_max=0.1, rabbit_host="a:1"))
    probe.start()
    try:
        await probe.until_phase(Phase.DISCONNECTED)
        assert "no answer within 4 s" in probe.state.reason
        noticed = asyncio.get_running_loop().time()
        await stage.until_opened(2)
        assert asyncio.get_running_loop().time() - noticed < 3.5
    finally:
        await probe.stop()


def test_a_dead_connection_is_noticed_within_a_pulse_and_a_deadline(stage: Stage) -> None:
    """With some room: 20 seconds is what is promised for the defaults."""

    async def waits() -> list[float]:
        probe = Probe(Configuration())
        return [probe._next_pulse() for _ in range(1000)]

    found = asyncio.run(waits())
    assert max(found) + Configuration().deadline <= 19.5
    assert max(found) - min(found) >= 2  # many do not come at once
    assert min(found) >= 11


async def test_hosts_that_hang_are_tried_in_rounds_with_pauses_between(
    stage: Stage, link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That an attempt takes longer than the longest pause does not mean that it went well."""
    stage.kinds = {"a:1": Frozen, "b:2": Frozen}
    worked = []
    monkeypatch.setattr("baton.link.Hosts.works", lambda _: worked.append(True))
    link(deadline=0.2, reconnect_max=0.1)
    await stage.until_opened(4)
    assert not worked


async def test_what_is_refused_by_authentication_is_retried_slowly(
    stage: Stage, link: MakeLink
) -> None:
    stage.kinds = {"a:1": WrongPassword, "b:2": WrongPassword}
    probe = link(reconnect_max=0.2)
    await probe.until_phase(Phase.DISCONNECTED)
    began = asyncio.get_running_loop().time()
    await stage.until_opened(2)
    assert asyncio.get_running_loop().time() - began >= 0.15


async def test_a_pause_ends_when_another_link_has_reached_the_broker(
    stage: Stage, link: MakeLink
) -> None:
    stage.kinds = {"a:1": WrongPassword, "b:2": WrongPassword}
    probe = link(reconnect_max=60)  # the pause is at least as long
    await probe.until_phase(Phase.DISCONNECTED)
    stage.kinds = {}
    probe.try_now()
    await probe.until_phase(Phase.READY)
    assert len(stage.opened) == 2


async def test_after_a_bad_certificate_the_next_host_is_tried_at_once(
    stage: Stage, link: MakeLink
) -> None:
    class Expired(Scripted):
        async def open(self) -> None:
            raise CertificateRefused("the certificate has expired")

    stage.kinds = {"a:1": Expired}
    for _ in range(40):  # it starts anywhere
        probe = link(reconnect_max=30)
        await probe.until_phase(Phase.READY)
    assert any(isinstance(transport, Expired) for transport in stage.opened)


async def test_an_outage_is_logged_once(
    stage: Stage, link: MakeLink, caplog: pytest.LogCaptureFixture
) -> None:
    stage.kinds = {"a:1": Refusing}
    caplog.set_level(logging.WARNING)
    probe = link(rabbit_host="a:1")
    await stage.until_opened(5)
    assert [record.getMessage() for record in caplog.records] == [
        "probe: a:1: connection refused; trying again"
    ]
    assert str(probe.state).startswith("disconnected since ")
    assert str(probe.state).endswith("(a:1: connection refused)")


async def test_stopping_closes_whatever_is_going_on(stage: Stage, link: MakeLink) -> None:
    stage.kinds = {"a:1": Frozen, "b:2": Frozen}
    probe = link(deadline=60)
    await stage.until_opened(1)
    await probe.stop()
    await probe.stop()
    assert stage.opened[0].calls == ["close"]


async def test_a_link_is_for_subclasses() -> None:
    bare = Link(Configuration(), "bare", lambda state: None)
    transport = Scripted("a", bare)
    with pytest.raises(NotImplementedError):
        await bare.establish(transport)
    with pytest.raises(NotImplementedError):
        await bare.assert_topology(transport)
    assert issubclass(BrokerUnavailable, BatonError)


async def test_each_round_is_told_while_it_is_well_and_while_it_is_not(
    stage: Stage, link: MakeLink
) -> None:
    probe = link(pulse=0.1)
    await probe.until(lambda: probe.rounds >= 2)
    assert stage.opened[0].calls.count("pulse") >= 1
    stage.kinds = {"a:1": Refusing, "b:2": Refusing}
    stage.opened[0].listener.lost(BrokerUnavailable("gone"))
    await probe.until_phase(Phase.DISCONNECTED)
    so_far = probe.rounds
    await stage.until_opened(4)
    await probe.until(lambda: probe.rounds >= so_far + 2)


async def test_what_asks_for_much_has_a_deadline_for_each_part(
    stage: Stage, link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton.link._OVERTAKEN", 1)  # each part is an answer: this does not matter
    probe = link(deadline=2)
    probe.parts = 5  # each takes 0.5 s, and a busy machine's second or so
    await probe.until_phase(Phase.READY)
    assert len(stage.opened) == 1


async def test_a_link_in_doubt_is_not_ready(stage: Stage, link: MakeLink) -> None:
    probe = link(pulse=0.1)
    probe.doubt = "it may not write"
    await probe.until(lambda: probe.state.reason == "it may not write")
    await probe.until(lambda: stage.opened[0].calls.count("pulse") >= 2)
    assert {state.phase for state in probe.states} == {Phase.CONNECTING}
    probe.doubt = ""
    probe._works()
    assert probe.state.phase is Phase.READY


async def test_a_new_connection_is_told_before_it_is_used(stage: Stage, link: MakeLink) -> None:
    probe = link()
    await probe.until_phase(Phase.READY)
    stage.opened[0].listener.channel_lost(NotFound("no exchange"))
    await probe.until(lambda: "renew" in stage.opened[0].calls)
    assert probe.connections == stage.opened
    stage.opened[0].listener.lost(BrokerUnavailable("gone"))
    await stage.until_opened(2)
    await probe.until_phase(Phase.READY)
    assert probe.connections == stage.opened


async def test_a_channel_that_is_closed_again_and_again_is_told_of_once(
    stage: Stage, link: MakeLink, caplog: pytest.LogCaptureFixture
) -> None:
    probe = link()
    probe.doubt = "it may not write"
    await probe.until(lambda: probe.state.reason == "it may not write")
    for number in range(1, 4):
        stage.opened[0].listener.channel_lost(NotFound("no exchange"))
        await probe.until(lambda: stage.opened[0].calls.count("renew") == number)  # noqa: B023
    assert caplog.text.count("the broker closed the channel") == 1
    assert {state.reason for state in probe.states} == {"it may not write"}


def test_the_worst_of_several_states() -> None:
    states = [State(phase) for phase in (Phase.READY, Phase.DISCONNECTED, Phase.BLOCKED)]
    assert State.worst(states) is states[1]
    assert State.worst(states[:1]) is states[0]


def test_all_are_ready_since_the_last_one_is_and_one_is_away_since_the_first() -> None:
    ready = [State(Phase.READY, since=1), State(Phase.READY, since=3), State(Phase.READY, since=2)]
    assert State.worst(ready).since == 3
    away = [State(Phase.DISCONNECTED, since=2), State(Phase.DISCONNECTED, since=1), *ready]
    assert State.worst(away).since == 1


async def test_what_comes_as_the_deadline_passes_does_no_harm(stage: Stage, link: MakeLink) -> None:
    class Late(Scripted):
        async def declare(self, topology: Topology) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                probe.progressed()  # the deadline has passed, and nobody has seen it yet
                noticed.set()

    noticed = asyncio.Event()
    stage.kinds = {"a:1": Late, "b:2": Late}
    probe = link(deadline=0.1)
    await asyncio.wait_for(noticed.wait(), 5)
    await probe.until_phase(Phase.DISCONNECTED)
    assert "no answer within 0.1 s" in probe.state.reason


async def test_an_answer_may_wait_behind_much_else(stage: Stage, link: MakeLink) -> None:
    class Busy(Scripted):
        async def declare(self, topology: Topology) -> None:
            for _ in range(5):
                await asyncio.sleep(0.5)
                probe.overtaken()  # as a link is when something is delivered
            await super().declare(topology)

    stage.kinds = {"a:1": Busy, "b:2": Busy}
    probe = link(deadline=2)
    await probe.until_phase(Phase.READY)
    assert len(stage.opened) == 1


async def test_who_says_much_and_never_answers_is_left(stage: Stage, link: MakeLink) -> None:
    class Talkative(Scripted):
        async def declare(self, topology: Topology) -> None:
            while True:
                await asyncio.sleep(0.05)
                probe.overtaken()

    stage.kinds = {"a:1": Talkative, "b:2": Talkative}
    probe = link(deadline=0.5)
    await probe.until_phase(Phase.DISCONNECTED)
    assert "while declaring" in probe.state.reason


class Closing(Scripted):
    """Its channel is closed while it declares; who is cancelled then is told why, as by aiormq."""

    async def declare(self, topology: Topology) -> None:
        self.calls.append("declare")
        self.declared()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise NotFound("it was deleted") from None


async def test_a_stop_is_heard_while_the_channel_is_closed(stage: Stage, link: MakeLink) -> None:
    stage.kinds = {"a:1": Closing, "b:2": Closing}
    probe = link()
    await probe.until(lambda: "declare" in stage.opened[-1].calls if stage.opened else False)
    async with asyncio.timeout(10):
        await probe.stop()
    assert stage.opened[-1].calls[-1] == "close"
