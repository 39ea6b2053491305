"""What a command carries beside its body, and what servers make of it, on a real RabbitMQ."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from baton import Configuration, Server, Unroutable
from baton.link import Phase
from baton.message import Envelope, decode_body, new_id
from baton.simulation import made_up_servers
from baton.transports import (
    Binding,
    Delivery,
    Exchange,
    Publication,
    Queue,
    Topology,
    Transport,
    open_transport,
)
from baton.where import parse
from baton_ping.api import PingAPI
from brokers.vhost import Vhost
from integration.recorder import Recorder
from integration.running import WEB01, process, reach, reaching, running

IN, OUT = Exchange("baton_ping_in"), Exchange("baton_ping_out")
SERVERS = 50


class Requester(Recorder):
    """Publishes as an API does, and hears what is said to it under its reply key."""

    def __init__(self, configuration: Configuration, key: str) -> None:
        super().__init__()
        self.transport: Transport
        self.key = key
        self._api = PingAPI(configuration)

    async def publish(self, message: dict[str, Any], keys: str | Sequence[str], **how: Any) -> str:
        return await asyncio.to_thread(self._api.publish, message, keys, reply_to=self.key, **how)

    def publish_raw(self, body: bytes, headers: dict[str, Any], message_id: str) -> None:
        envelope = Envelope(message_id, reply_to=self.key, headers=headers)
        self.transport.publish([Publication(1, IN.name, "*", body, envelope)])

    def close(self) -> None:
        self._api.close()

    def answers(self, message_id: str) -> list[Delivery]:
        return [each for each in self.deliveries if each.envelope.correlation_id == message_id]

    def ends(self, message_id: str) -> dict[str, str]:
        """What came of the command on each server that has finished it."""
        ends = [each.envelope.headers.get("baton-end") for each in self.answers(message_id)]
        return {end["fqdn"]: end["outcome"] for end in ends if end is not None}

    def bodies(self, message_id: str) -> list[dict[str, Any]]:
        return [decode_body(each.body) for each in self.answers(message_id)]


@asynccontextmanager
async def requesting(
    configuration: Configuration, key: str | None = None
) -> AsyncIterator[Requester]:
    """A requester, which hears when the block begins, by a reply key of its own or by *key*."""
    requester = Requester(configuration, key or new_id())
    transport = open_transport(configuration, configuration.endpoints[0], requester, "requester")
    requester.transport = transport
    await transport.open()
    try:
        topology = Topology([IN, OUT], [Queue("mine")], [Binding("mine", OUT.name, requester.key)])
        await transport.declare(topology)
        await transport.consume("mine", 5000)
        yield requester
    finally:
        await transport.close()
        requester.close()


@pytest.fixture
def held_for(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each command with a splay is held, in seconds; without one, for an hour."""
    held_for: list[float] = []

    def draw(splay: object) -> float:
        return 0.0 if splay is None else held_for.pop(0) if held_for else 3600.0

    monkeypatch.setattr("baton.consumer_manager.draw", draw)
    return held_for


# Filters


async def test_only_the_servers_that_are_meant_answer(vhost: Vhost) -> None:
    where = ["platform_family=debian", "cpus>=8", "fqdn=sim000*"]
    servers = list(made_up_servers(SERVERS, ["production"]))
    meant = {server.fqdn for server in servers if parse(where).matches(server)}
    assert 0 < len(meant) < SERVERS
    fleet = ("run", "ping", "--url", vhost.url, "--simulate", str(SERVERS))
    with process(*fleet, "--environments", "production", program="baton") as simulation:
        simulation.wait_for("ready since")
        async with requesting(vhost.configuration()) as requester:
            some = await requester.publish({"type": "ping"}, "production", where=where)
            await requester.until(lambda: len(requester.ends(some)) == len(meant))
            # Commands are done in order: who has done this one is done with the other.
            everybody = await requester.publish({"type": "ping"}, "production")
            await requester.until(lambda: len(requester.ends(everybody)) == SERVERS)
            assert requester.ends(some) == dict.fromkeys(meant, "done")
            assert Counter(body["type"] for body in requester.bodies(some)) == {"pong": len(meant)}


@pytest.mark.parametrize("where", [["cpus=>8"], "cpus>=8", [1], ["cpus"] * 65])
async def test_a_filter_that_is_not_understood_is_answered_with_an_error(
    vhost: Vhost, where: object
) -> None:
    configuration = vhost.configuration()
    async with running(configuration), requesting(configuration) as requester:
        requester.publish_raw(b'{"type": "ping"}', {"baton-where": where}, "m")
        await requester.until(lambda: requester.ends("m"))
        assert requester.ends("m") == {WEB01.fqdn: "failed"}
        (error,) = requester.bodies("m")
        assert error["error_class"] == "InvalidFilter"


async def test_the_largest_filter_and_all_targets_fit_into_a_frame(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    where = ["not nothing=" + "x" * 499] * 64
    targets = [f"{number:02}" + "x" * 253 for number in range(63)]
    async with running(configuration), requesting(configuration) as requester:
        with pytest.raises(Unroutable) as caught:
            await requester.publish({"type": "ping"}, [WEB01.fqdn, *targets], where=where)
        assert len(caught.value.keys) == 63
        await requester.until(lambda: requester.deliveries)
        (delivery,) = requester.deliveries
        assert decode_body(delivery.body)["type"] == "pong"


async def test_ten_thousand_targets(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    targets = [f"web{number:05}.example.org" for number in range(9_999)]
    async with running(configuration), requesting(configuration) as requester:
        with pytest.raises(Unroutable) as caught:
            await requester.publish({"type": "ping"}, [*targets, WEB01.fqdn], timeout=40)
        assert list(caught.value.keys) == targets
        await requester.until(lambda: requester.deliveries)
        assert len(requester.deliveries) == 1


# Splay


async def test_answers_come_within_the_splay_and_not_at_once(vhost: Vhost) -> None:
    fleet = ("run", "ping", "--url", vhost.url, "--simulate", str(SERVERS))
    with process(*fleet, "--environments", "production", program="baton") as simulation:
        simulation.wait_for("ready since")
        async with requesting(vhost.configuration()) as requester:
            message_id = await requester.publish({"type": "ping"}, "production", splay=2)
            began = time.monotonic()
            await requester.until(lambda: len(requester.ends(message_id)) == SERVERS)
            assert 0.5 < time.monotonic() - began < 20
            assert set(requester.ends(message_id).values()) == {"done"}


@pytest.mark.usefixtures("held_for")
async def test_what_is_held_holds_up_nothing_and_is_answered_at_the_end(vhost: Vhost) -> None:
    configuration = vhost.configuration(prefetch=2)
    async with running(configuration) as service, requesting(configuration) as requester:
        held = [
            await requester.publish({"type": "ping"}, WEB01.fqdn, splay=3600) for _ in range(10)
        ]
        plain = await requester.publish({"type": "ping"}, WEB01.fqdn)
        await requester.until(lambda: requester.ends(plain))
        assert len(requester.deliveries) == 1
        assert not await service.stop()
        await requester.until(lambda: len(requester.deliveries) == 11)
        for message_id in held:
            assert requester.ends(message_id) == {WEB01.fqdn: "failed"}
            assert requester.bodies(message_id)[0]["error_class"] == "Stopping"


async def test_what_is_held_outlives_a_lost_connection_and_is_done_once(
    vhost: Vhost, held_for: list[float]
) -> None:
    configuration = vhost.configuration(prefetch=2, reconnect_max=0.2)
    held_for += [10.0, 10.0]  # by then, somebody has to listen again
    async with running(configuration) as service:
        async with requesting(configuration) as requester:
            held = [
                await requester.publish({"type": "ping"}, [WEB01.fqdn, "*"], splay=3600)
                for _ in range(2)
            ]
            plain = await requester.publish({"type": "ping"}, WEB01.fqdn)
            await requester.until(lambda: requester.ends(plain))
        async with reaching(service, Phase.DISCONNECTED):
            await asyncio.to_thread(vhost.close_connections)
        await reach(service, Phase.READY)
        async with requesting(configuration, requester.key) as again:
            await again.until(lambda: len(again.deliveries) == 2)
            last = await again.publish({"type": "ping"}, WEB01.fqdn)
            await again.until(lambda: again.ends(last))
    assert [again.ends(message_id) for message_id in held] == [{WEB01.fqdn: "done"}] * 2
    assert len(again.deliveries) == 3


async def test_what_is_held_is_lost_with_its_process(vhost: Vhost) -> None:
    settings = {"BATON_FQDN": WEB01.fqdn}
    async with requesting(vhost.configuration()) as requester:
        with process("--url", vhost.url, **settings) as service:
            await _once_it_listens(requester)
            held = await requester.publish({"type": "ping"}, "*", splay=3600)
            plain = await requester.publish({"type": "ping"}, "*")
            await requester.until(lambda: requester.ends(plain))
            service.signal(signal.SIGKILL)
            service.wait()
        with process("--url", vhost.url, **settings) as service:
            # Asking until somebody takes it would not do: the dead one's queue may still be there.
            await asyncio.to_thread(service.wait_for, "ready")
            await _once_it_listens(requester)
        assert requester.answers(held) == []


# The audit


async def test_every_command_is_kept_in_the_audit_file(vhost: Vhost, tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    settings = {"BATON_FQDN": WEB01.fqdn, "BATON_AUDIT_FILE": str(file)}
    with process("--url", vhost.url, "--log-level", "warning", **settings) as service:
        async with requesting(vhost.configuration()) as requester:
            good = await _once_it_listens(requester)
            requester.publish_raw(b"{not json", {"baton-sender": "mallory\n\x1b[2J"}, "bad")
            await requester.until(lambda: requester.ends("bad"))
            rotated = file.rename(f"{file}.1")
            service.signal(signal.SIGHUP)
            await asyncio.to_thread(_until_there, file)
            unknown = await requester.publish({"type": "restart"}, "*")
            await requester.until(lambda: requester.ends(unknown))
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
    first, second = map(json.loads, rotated.read_text("ascii").splitlines()[-2:])
    (third,) = map(json.loads, file.read_text("ascii").splitlines())
    assert (first["id"], first["user"], first["type"]) == (good, "guest", "ping")
    assert (first["outcome"], first["key"], first["extension"]) == ("done", "*", "baton-ping")
    assert "@" in first["sender"]
    assert second["sender"] == "mallory\ufffd\ufffd[2J"
    assert (second["type"], second["outcome"], second["user"]) == ("", "failed", None)
    assert (third["id"], third["type"], third["outcome"]) == (unknown, "restart", "failed")
    assert file.stat().st_mode & 0o777 == 0o640


async def _once_it_listens(requester: Requester) -> str:
    """The id of a ping that was answered."""
    async with asyncio.timeout(30):
        while True:
            with suppress(Unroutable):
                message_id = await requester.publish({"type": "ping"}, "*")
                break
            await asyncio.sleep(0.05)  # nobody listens yet: ask again, not in a tight loop
    await requester.until(lambda: requester.ends(message_id))
    return message_id


def _until_there(file: Path) -> None:
    deadline = time.monotonic() + 10
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_audit_file_that_cannot_be_written_is_an_error_of_the_configuration(
    vhost: Vhost, tmp_path: Path
) -> None:
    with process("--url", vhost.url, BATON_AUDIT_FILE=str(tmp_path)) as service:
        service.wait_for(f"AUDIT_FILE: {tmp_path} cannot be written: Is a directory")
        assert service.wait() == 2


# Facts


async def test_facts_are_told(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    server = Server("db01.example.org", "production", (), {"cpus": 8, "disks": ["sda", "sdb"]})
    async with running(configuration, server), requesting(configuration) as requester:
        message_id = await requester.publish({"type": "facts"}, "*", where="disks contains sdb")
        await requester.until(lambda: requester.ends(message_id))
        (told,) = requester.bodies(message_id)
        assert told == {"type": "facts", **server.attributes, "facts": dict(server.facts)}


async def test_facts_too_large_for_a_message_are_an_error(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    server = Server("db01.example.org", "production", (), {"motd": "x" * 17 * 1024 * 1024})
    async with running(configuration, server), requesting(configuration) as requester:
        message_id = await requester.publish({"type": "facts"}, "*")
        await requester.until(lambda: requester.ends(message_id))
        assert requester.bodies(message_id)[0]["error_class"] == "MessageTooLarge"
