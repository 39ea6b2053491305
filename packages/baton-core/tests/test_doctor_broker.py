"""What a service does on the broker, tried on the one in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import pytest

from baton import Configuration, Extension
from baton.doctor.broker import CHECKS, STAMP_HEADER, Subject, Trials, skip_trials
from baton.doctor.findings import Finding, Status
from baton.errors import NotPermitted, TopologyError
from baton.transports import Binding, Delivery, Exchange, Queue, Topology, TransportListener
from baton.transports.memory import MemoryBroker, MemoryTransport, memory_broker

PING = Extension("baton-ping")
PERMIT = "rabbitmqctl set_permissions -p / guest '^(baton_ping_in(_dead)?|baton_ping_out|baton-ping"


@pytest.fixture
def broker(memory_url: str) -> MemoryBroker:
    return memory_broker(memory_url.removeprefix("memory://"))


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Exception], None]:
    """Has the broker refuse to declare what has a name that begins like this."""

    def refuse(name: str, error: Exception) -> None:
        declare = MemoryBroker.declare

        def refusing(self: MemoryBroker, topology: Topology, owner: MemoryTransport) -> None:
            names = [exchange.name for exchange in topology.exchanges]
            names += [queue.name for queue in topology.queues]
            if any(each.startswith(name) for each in names):
                raise error
            declare(self, topology, owner)

        monkeypatch.setattr(MemoryBroker, "declare", refusing)

    return refuse


def trials(memory_url: str, **settings: Any) -> Trials:
    configuration = Configuration(rabbit_url=memory_url, **settings)
    subject = Subject(PING, configuration, "web01.example.org")
    return Trials(subject, configuration.endpoints[0], [subject])


async def made(memory_url: str, **settings: Any) -> dict[str, Finding]:
    findings = [each async for each in trials(memory_url, **settings).findings()]
    assert tuple(each.name for each in findings) == CHECKS
    assert {each.extension for each in findings} == {"baton-ping"}
    return {each.name: each for each in findings}


async def test_all_is_well(memory_url: str, broker: MemoryBroker) -> None:
    findings = await made(memory_url)
    assert {each.status for each in findings.values()} == {Status.OK}
    assert findings["input exchange"].found == (
        "baton_ping_in is not there yet: the first service makes it, direct, durable"
    )
    assert (broker.exchanges, broker.queues) == ([], [])


async def test_exchanges_that_are_there_stay(memory_url: str, broker: MemoryBroker) -> None:
    there = [Exchange("baton_ping_in"), Exchange("baton_ping_out")]
    broker.declare(Topology(there), MemoryTransport(broker, TransportListener()))
    findings = await made(memory_url)
    assert {each.status for each in findings.values()} == {Status.OK}
    assert findings["output exchange"].found == "baton_ping_out is there: direct, durable"
    assert broker.exchanges == there


async def test_the_exchanges_of_the_settings(memory_url: str, broker: MemoryBroker) -> None:
    there = [Exchange("x", False), Exchange("y", False)]
    broker.declare(Topology(there), MemoryTransport(broker, TransportListener()))
    findings = await made(memory_url, exchange="x", exchange_out="y", interop=True)
    assert findings["input exchange"].found == "x is there: direct, not durable (INTEROP)"
    assert findings["output exchange"].status is Status.OK


async def test_an_exchange_of_the_settings_that_is_not_there(
    memory_url: str, broker: MemoryBroker
) -> None:
    findings = await made(memory_url, exchange="batton_ping_in", interop=True)
    finding = findings["input exchange"]
    assert finding.status is Status.WARNING
    assert finding.found == (
        "batton_ping_in, which EXCHANGE names, is not there yet: "
        "the first service makes it, direct, not durable (INTEROP)"
    )
    assert finding.remedy == "correct EXCHANGE, if a service has run with it before"
    assert findings["round trip"].status is Status.OK, "it was tried all the same"
    assert broker.exchanges == []


async def test_an_exchange_that_is_used_meanwhile_stays(
    memory_url: str, broker: MemoryBroker
) -> None:
    service = MemoryTransport(broker, TransportListener())
    await service.open()
    async for finding in trials(memory_url).findings():
        if finding.name == "round trip":
            await service.declare(
                Topology(queues=[Queue("q")], bindings=[Binding("q", "baton_ping_in", "*")])
            )
    assert broker.exchanges == [Exchange("baton_ping_in")]
    await service.close()


async def test_nothing_stays_when_nobody_listens_any_more(
    memory_url: str, broker: MemoryBroker
) -> None:
    findings = trials(memory_url).findings()
    assert isinstance(findings, AsyncGenerator)
    async for finding in findings:
        if finding.name == "output exchange":
            break
    assert len(broker.exchanges) == 2
    await findings.aclose()
    assert (broker.exchanges, broker.queues) == ([], [])


async def test_no_server_and_no_monitor_hears_of_it(memory_url: str, broker: MemoryBroker) -> None:
    heard: list[Delivery] = []

    class Ear(TransportListener):
        def delivered(self, deliveries: Any) -> None:
            heard.extend(deliveries)

    transport = MemoryTransport(broker, Ear())
    await transport.open()
    await transport.declare(
        Topology(
            [Exchange("baton_ping_in"), Exchange("baton_ping_out")],
            [Queue("q")],
        )
    )
    await transport.consume("q", 10)
    await made(memory_url)
    await transport.close()
    assert heard == []


async def test_an_exchange_with_other_flags(memory_url: str, broker: MemoryBroker) -> None:
    other = Topology([Exchange("baton_ping_in", durable=False)])
    broker.declare(other, MemoryTransport(broker, TransportListener()))
    findings = await made(memory_url)
    failed = findings["input exchange"]
    assert failed.status is Status.FAILED
    assert failed.found == 'The exchange "baton_ping_in" exists with durable=False'
    assert failed.remedy == "set INTEROP, or delete the exchange"
    assert findings["binding"].found == '"input exchange" failed'
    assert findings["round trip"].found == '"binding" skipped'
    assert findings["publishing"].status is Status.OK


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("baton_ping_in", "input exchange"),
        ("baton_ping_out", "output exchange"),
        ("baton-ping.web01.example.org.", "queue"),
    ],
)
async def test_a_permission_that_is_missing(
    memory_url: str,
    broker: MemoryBroker,
    refuse: Callable[[str, Exception], None],
    name: str,
    check: str,
) -> None:
    refuse(name, NotPermitted(f"ACCESS_REFUSED - configure access to '{name}' refused"))
    finding = (await made(memory_url))[check]
    assert finding.status is Status.FAILED
    assert finding.found == f"the user lacks a permission: configure access to '{name}' refused"
    assert finding.remedy.startswith(PERMIT)
    assert broker.exchanges == []


async def test_something_else_that_is_refused(
    memory_url: str, refuse: Callable[[str, Exception], None]
) -> None:
    refuse("baton-ping.", TopologyError("queue limit in vhost reached"))
    finding = (await made(memory_url))["queue"]
    assert (finding.status, finding.found) == (Status.FAILED, "queue limit in vhost reached")
    assert "limits of the vhost" in finding.remedy


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("Feature `transient_nonexcl_queues` is deprecated", Status.WARNING),
        ("something else", Status.FAILED),
    ],
)
async def test_old_features_are_tried_for_a_ruby_baton(
    memory_url: str, monkeypatch: pytest.MonkeyPatch, words: str, status: Status
) -> None:
    declare = MemoryBroker.declare

    def denying(self: MemoryBroker, topology: Topology, owner: MemoryTransport) -> None:
        if any(not queue.durable and not queue.exclusive for queue in topology.queues):
            raise TopologyError(words)
        declare(self, topology, owner)

    assert (await made(memory_url, interop=True))["old features"].status is Status.OK
    monkeypatch.setattr(MemoryBroker, "declare", denying)
    finding = (await made(memory_url, interop=True))["old features"]
    assert finding.status is status
    if status is Status.WARNING:
        assert finding.remedy == (
            "deprecated_features.permit.transient_nonexcl_queues = true in its rabbitmq.conf"
        )


async def test_a_queue_that_was_tried_is_gone(memory_url: str, broker: MemoryBroker) -> None:
    await made(memory_url, interop=True)
    assert broker.queues == []


async def test_an_alarm(memory_url: str, broker: MemoryBroker) -> None:
    broker.block()
    findings = await made(memory_url)
    for name in ("publishing", "round trip"):
        assert findings[name].status is Status.SKIPPED
        assert "resource alarm" in findings[name].found
    assert broker.exchanges == []
    assert findings["consuming"].status is Status.OK


async def test_a_broker_that_is_away(memory_url: str, broker: MemoryBroker) -> None:
    broker.stop()
    first, *others = (await made(memory_url)).values()
    assert first.status is Status.FAILED
    assert "connection refused" in first.found
    assert {each.status for each in others} == {Status.SKIPPED}


async def test_a_broker_that_goes_away_meanwhile(memory_url: str, broker: MemoryBroker) -> None:
    findings = []
    async for finding in trials(memory_url).findings():
        findings.append(finding)
        if finding.name == "queue":
            broker.stop()
    by_name = {each.name: each for each in findings}
    assert by_name["binding"].status is Status.FAILED
    assert by_name["consuming"].found == '"binding" failed'
    assert tuple(by_name) == CHECKS


async def test_a_broker_that_tells_the_time(
    memory_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = MemoryBroker.publish

    def stamping(self: MemoryBroker, publication: Any) -> list[bool]:
        envelope = replace(publication.envelope, headers={STAMP_HEADER: 1_500})
        return publish(self, replace(publication, envelope=envelope))

    monkeypatch.setattr(MemoryBroker, "publish", stamping)
    tried = trials(memory_url)
    assert [each async for each in tried.findings()]
    assert tried.stamp is not None
    assert tried.stamp[0] == 1.5


def test_none_is_made() -> None:
    findings = skip_trials("baton-ping", "because")
    assert tuple(each.name for each in findings) == CHECKS
    assert {(each.status, each.found) for each in findings} == {(Status.SKIPPED, "because")}
