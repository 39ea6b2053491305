"""Each host of the pool, by real sockets; a broker that lets us in is in tests/integration."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from pamqp import frame
from pamqp.commands import Connection

from baton import Configuration
from baton.broker_url import Endpoint
from baton.doctor.findings import Status
from baton.doctor.hosts import Host, examine_host, skip_hosts
from baton.errors import (
    AuthenticationFailed,
    BrokerUnavailable,
    CertificateRefused,
    ConfigurationError,
)
from baton.transports.memory import MemoryBroker, MemoryTransport, memory_broker

Listen = Callable[..., Awaitable[int]]
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def silent(reader: Reader, writer: Writer) -> None:
    await reader.read()


async def http(reader: Reader, writer: Writer) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def closing(reader: Reader, writer: Writer) -> None:
    pass


def broker(product: str, version: str) -> Callable[[Reader, Writer], Awaitable[None]]:
    """One that greets, and lets nobody in."""

    async def talk(reader: Reader, writer: Writer) -> None:
        properties = {"product": product, "version": version}
        start = Connection.Start(server_properties=dict(properties), mechanisms="PLAIN")
        writer.write(frame.marshal(start, 0))
        await reader.readexactly(9)

    return talk


async def examined(host: str, port: int, **settings: Any) -> Host:
    configuration = Configuration(rabbit_host=host, **{"deadline": 10, **settings})
    return await examine_host(configuration, Endpoint(host, port), "baton_ping_out")


def failed(host: Host) -> tuple[str, str, str]:
    """The check that failed, what it found, and the remedy; what comes after it was skipped."""
    (at,) = [n for n, each in enumerate(host.findings) if each.status is Status.FAILED]
    assert {each.status for each in host.findings[at + 1 :]} <= {Status.SKIPPED}
    assert not host.usable
    finding = host.findings[at]
    assert finding.host == str(host.endpoint)
    assert all(each.found == f'"{finding.name}" failed' for each in host.findings[at + 1 :])
    return finding.name, finding.found, finding.remedy


async def test_a_name_that_does_not_resolve() -> None:
    name, found, remedy = failed(await examined("nosuch.invalid", 5672))
    assert name == "address"
    assert found.startswith("the name nosuch.invalid has no address")
    assert remedy.endswith("getent hosts nosuch.invalid")


async def test_a_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(30))
    name, found, _ = failed(await examined("mq1.example.org", 5672, deadline=0.1))
    released.set()
    assert name == "address"
    assert found == "the name mq1.example.org has no address: no answer within 0.1 s"


async def test_all_addresses_are_told() -> None:
    host = await examined("127.0.0.1", 1)
    assert host.findings[0].found == "127.0.0.1"


async def test_a_closed_port() -> None:
    name, found, remedy = failed(await examined("127.0.0.1", 1))
    assert (name, found) == ("connection", "connection refused")
    assert remedy == "start the broker there, or correct RABBIT_PORT (now 1)"


async def test_a_port_that_speaks_something_else(listen: Listen) -> None:
    name, found, remedy = failed(await examined("127.0.0.1", await listen(http)))
    assert (name, found) == ("broker", "it speaks HTTP, not AMQP")
    assert remedy == "set RABBIT_PORT to the broker's, 5672"


async def test_a_port_that_says_nothing(listen: Listen) -> None:
    name, found, remedy = failed(await examined("127.0.0.1", await listen(silent), deadline=2))
    assert (name, found) == ("broker", "it says nothing for 2 s")
    assert "rabbitmq-diagnostics check_running" in remedy


async def test_a_port_that_closes(listen: Listen) -> None:
    name, found, remedy = failed(await examined("127.0.0.1", await listen(closing)))
    assert (name, found) == ("broker", "it closes the connection without a word")
    assert "or correct RABBIT_PORT" in remedy


@pytest.mark.parametrize(
    ("product", "version", "status", "remedy"),
    [
        ("RabbitMQ", "4.0.5", Status.OK, ""),
        ("RabbitMQ", "10.1", Status.OK, ""),
        ("RabbitMQ", "3.13.7", Status.WARNING, "upgrade it to RabbitMQ 4"),
        ("Other", "4.0.5", Status.WARNING, "Baton is tested on RabbitMQ alone"),
    ],
)
async def test_which_broker_it_is(
    listen: Listen, product: str, version: str, status: Status, remedy: str
) -> None:
    port = await listen(broker(product, version))
    host = await examined("127.0.0.1", port)
    (finding,) = [each for each in host.findings if each.name == "broker"]
    assert (finding.status, finding.found) == (status, f"{product} {version}")
    assert finding.remedy.startswith(remedy)


async def test_a_broker_that_lets_nobody_in(listen: Listen) -> None:
    name, _, remedy = failed(await examined("127.0.0.1", await listen(broker("RabbitMQ", "4.0"))))
    assert name == "login"
    assert remedy


async def test_a_broker_that_wants_a_certificate(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise ssl.SSLError(1, "tlsv13 alert certificate required")

    monkeypatch.setattr("baton.doctor.hosts.greet", refused)
    name, found, remedy = failed(await examined("127.0.0.1", await listen(silent)))
    assert name == "broker"
    assert found.startswith("it does not accept this server's certificate: ")
    assert "tlsv13 alert certificate required" in found
    assert "RABBIT_TLS_CERT_FILE" in remedy


async def test_a_tls_port_that_closes(listen: Listen, tmp_path: Path) -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(trusted)
    port = await listen(closing, context)
    name, found, remedy = failed(
        await examined("localhost", port, rabbit_scheme="amqps", rabbit_tls_ca_file=trusted)
    )
    assert (name, found) == ("broker", "it closes the connection without a word")
    assert "RABBIT_TLS_CERT_FILE" in remedy


async def test_a_port_that_wants_tls(listen: Listen) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    name, found, remedy = failed(await examined("127.0.0.1", await listen(silent, context)))
    assert (name, found) == ("broker", "it wants TLS")
    assert remedy.startswith("set RABBIT_SCHEME: amqps")


@pytest.fixture
def on_memory(monkeypatch: pytest.MonkeyPatch, memory_url: str) -> MemoryBroker:
    """The broker that lets in whoever was greeted."""
    broker = memory_broker(memory_url.removeprefix("memory://"))
    monkeypatch.setattr(
        "baton.doctor.session.open_transport",
        lambda settings, endpoint, listener, name: MemoryTransport(broker, listener),
    )
    return broker


@pytest.mark.usefixtures("on_memory")
async def test_a_host_that_is_well(listen: Listen) -> None:
    host = await examined("127.0.0.1", await listen(broker("RabbitMQ", "4.1")))
    assert {each.status for each in host.findings} == {Status.OK}
    assert host.usable


@pytest.mark.usefixtures("on_memory")
@pytest.mark.parametrize(("seconds", "found"), [(0, "none"), (2, "every 2 s")])
async def test_a_heartbeat_that_does_not_help(listen: Listen, seconds: int, found: str) -> None:
    port = await listen(broker("RabbitMQ", "4.1"))
    host = await examined("127.0.0.1", port, rabbit_heartbeat=seconds)
    (finding,) = [each for each in host.findings if each.name == "heartbeat"]
    assert (finding.status, finding.found) == (Status.WARNING, found)
    assert finding.remedy.startswith("set RABBIT_HEARTBEAT: 10")


async def test_an_alarm(listen: Listen, on_memory: MemoryBroker) -> None:
    on_memory.block()
    host = await examined("127.0.0.1", await listen(broker("RabbitMQ", "4.1")))
    assert host.usable
    finding = host.findings[-1]
    assert (finding.name, finding.status) == ("alarms", Status.FAILED)
    assert finding.found == "it takes no messages: memory: resource alarm"


async def test_a_host_that_confirms_nothing(
    listen: Listen, on_memory: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryTransport, "publish", lambda *_: None)
    port = await listen(broker("RabbitMQ", "4.1"))
    finding = (await examined("127.0.0.1", port, deadline=2)).findings[-1]
    assert (finding.name, finding.status) == ("alarms", Status.FAILED)
    assert finding.found == "no answer within 2 s while publishing"


@pytest.mark.parametrize(
    ("settings", "error", "remedy"),
    [
        ({}, AuthenticationFailed("wrong"), "guest is let in from the broker's own machine"),
        ({"rabbit_user": "web"}, AuthenticationFailed("wrong"), "change_password web …"),
        ({}, AuthenticationFailed('refused the vhost "/" to'), "rabbitmqctl add_vhost /"),
        ({}, CertificateRefused("no"), "to a certificate that the broker trusts"),
        ({}, ConfigurationError("no file"), "let the service's user read it"),
        ({}, BrokerUnavailable("busy"), "see the broker's log"),
    ],
)
async def test_a_login_that_is_refused(
    listen: Listen,
    monkeypatch: pytest.MonkeyPatch,
    on_memory: MemoryBroker,
    settings: dict[str, Any],
    error: Exception,
    remedy: str,
) -> None:
    async def refused(_: MemoryTransport) -> None:
        raise error

    monkeypatch.setattr(MemoryTransport, "open", refused)
    port = await listen(broker("RabbitMQ", "4.1"))
    name, found, mended_by = failed(await examined("127.0.0.1", port, **settings))
    assert (name, found) == ("login", str(error))
    assert remedy in mended_by


def test_a_broker_in_this_process_has_none() -> None:
    finding = skip_hosts(Configuration(rabbit_url="memory://here"))
    assert (finding.status, finding.host) == (Status.SKIPPED, "memory://here")
    assert finding.found == "it is a broker in this process"
