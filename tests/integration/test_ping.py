"""The main job, on a real RabbitMQ: a fleet is pinged."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from baton import Server
from baton.message import Message
from baton_ping.api import PingAPI
from baton_ping.monitor import PingMonitor
from brokers.broker import Broker
from brokers.vhost import Vhost
from integration.running import WEB01, ask, command, process, running


async def test_a_fleet_answers_and_a_monitor_sees_it(vhost: Vhost) -> None:
    seen: list[Message] = []
    all_seen = asyncio.Event()

    class Seeing(PingMonitor):
        def process_message(self, message: Message) -> None:
            seen.append(message)
            if len(seen) == 3:
                all_seen.set()

    configuration = vhost.configuration()
    names = ["web01.example.org", "web02.example.org", "db01.example.org"]
    async with AsyncExitStack() as stack:
        monitor = Seeing(configuration)
        ready = asyncio.Event()
        await monitor.start(lambda state: ready.set() if state.phase == "ready" else None)
        stack.push_async_callback(monitor.stop)
        await asyncio.wait_for(ready.wait(), 10)
        for name in names:
            await stack.enter_async_context(running(configuration, Server(name, "production")))
        replies = await ask(configuration, {"type": "ping"}, *names)
        await asyncio.wait_for(all_seen.wait(), 10)
    assert sorted(reply.fqdn for reply in replies) == sorted(names)
    assert all(reply.end is not None and reply.end["outcome"] == "done" for reply in replies)
    assert sorted(message["fqdn"] for message in seen) == sorted(names)
    assert "BCC" not in seen[0].headers
    assert seen[0].user_id == "guest"


async def test_several_targets_are_answered_once_by_each_server(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    async with running(configuration):
        replies = await ask(
            configuration, {"type": "ping"}, "production", "shop.production", WEB01.fqdn, "*",
            timeout=1,
        )  # fmt: skip
    assert [reply.fqdn for reply in replies] == [WEB01.fqdn]


async def test_the_api_pings(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    async with running(configuration):
        with PingAPI(configuration) as api:
            message_id = await asyncio.to_thread(api.ping, "production")
    assert len(message_id) == 32


class TestCommands:
    def test_the_executable_and_baton_ping(self, vhost: Vhost) -> None:
        server = {"BATON_FQDN": "web01.example.org", "BATON_ENVIRONMENT": "Production"}
        with process("--url", vhost.url, **server) as service:
            service.wait_for("is ready")
            by_name = command("ping", "web01.example.org", "--url", vhost.url)
            as_json = command("ping", "--all", "--expect", "1", "--json", "--url", vhost.url)
            partly = command("ping", "web01.example.org", "nowhere", "--url", vhost.url)
        assert by_name.code == 0
        assert by_name.out.startswith("web01.example.org ")
        assert "production" in by_name.out
        assert "1 server answered" in by_name.out
        (reply,) = json.loads(as_json.out)["replies"]
        assert (reply["fqdn"], reply["message"]["type"]) == ("web01.example.org", "pong")
        assert partly.code == 1
        assert "1 server answered" in partly.out
        assert 'No server listens on "nowhere"' in partly.err

    def test_a_server_that_does_not_answer_is_named(self, vhost: Vhost) -> None:
        first = {"BATON_FQDN": "web01.example.org", "BATON_ENVIRONMENT": "production"}
        second = {"BATON_FQDN": "web02.example.org", "BATON_ENVIRONMENT": "production"}
        names = ["web01.example.org", "web02.example.org"]
        with (
            process("--url", vhost.url, **first) as up,
            process("--url", vhost.url, **second) as hung,
        ):
            up.wait_for("is ready")
            hung.wait_for("is ready")
            hung.signal(signal.SIGSTOP)
            ended = command("ping", *names, "--timeout", "3", "--url", vhost.url)
        assert ended.code == 1
        assert ended.out.startswith("web01.example.org ")
        assert ended.err == 'baton: No answer from "web02.example.org" within 3 s\n'

    def test_nobody_listens_is_said_at_once(self, vhost: Vhost) -> None:
        with process("--url", vhost.url, BATON_ENVIRONMENT="production") as service:
            service.wait_for("is ready")
            ended = command("ping", "nowhere", "--timeout", "45", "--url", vhost.url)
        assert ended.code == 1
        assert ended.err == 'baton: No server listens on "nowhere" (exchange baton_ping_in)\n'
        assert ended.out == "0 servers answered\n"
        assert ended.seconds < 30

    def test_also_where_no_service_ever_connected(self, vhost: Vhost) -> None:
        for arguments in (["ping", "nowhere"], ["send", "ping", "nowhere", '{"type": "ping"}']):
            ended = command(*arguments, "--url", vhost.url)
            assert ended.code == 1
            assert 'No server listens on "nowhere"' in ended.err
            assert "no service has connected yet" in ended.err

    def test_a_dead_broker_is_named(self) -> None:
        for arguments in (["ping", "production"], ["send", "ping", "x", '{"type": "ping"}']):
            ended = command(*arguments, "--url", "amqp://127.0.0.1:1")
            assert ended.code == 3
            assert "127.0.0.1:1" in ended.err
            assert "refused" in ended.err
            assert "Traceback" not in ended.err
            assert ended.seconds < 30

    def test_a_wrong_password_is_called_that(self, vhost: Vhost) -> None:
        url = vhost.url.replace(":guest@", ":s3cret@")
        for arguments in (["ping", "production"], ["send", "ping", "x", '{"type": "ping"}']):
            ended = command(*arguments, "--url", url)
            assert ended.code == 3
            assert 'refused the user "guest"' in ended.err or "password" in ended.err
            assert "s3cret" not in ended.err + ended.out
        with process("--url", url) as service:
            line = service.wait_for("wrong user or password")
            assert "s3cret" not in line

    def test_a_vhost_that_is_not_there(self, rabbitmq: Broker) -> None:
        ended = command("ping", "production", "--url", rabbitmq.url("no such vhost"))
        assert ended.code == 3
        assert 'vhost "no such vhost"' in ended.err

    def test_send_waits_for_replies(self, vhost: Vhost) -> None:
        with process("--url", vhost.url, BATON_FQDN="web01", BATON_ENVIRONMENT="p") as service:
            service.wait_for("is ready")
            ended = command("send", "ping", "web01", '{"type":"foo"}', "--wait", "--url", vhost.url)
            sent = command("send", "baton-ping", "web01", '{"type":"ping"}', "--url", vhost.url)
        assert ended.code == 1  # it was not done
        assert "web01: UnknownMessageType: Unknown message type: foo" in ended.out
        assert sent.code == 0
        assert len(sent.out.strip()) == 32

    def test_the_plain_monitor_logs_each_output(self, vhost: Vhost) -> None:
        plain = process("--plain", "--url", vhost.url, program="baton-ping-monitor")
        server = {"BATON_FQDN": "web01", "BATON_ENVIRONMENT": "production"}
        with plain as monitor, process("--url", vhost.url, **server) as service:
            monitor.wait_for("ready")
            service.wait_for("is ready")
            command("ping", "web01", "--url", vhost.url)
            line = monitor.wait_for("pong")
            assert "'fqdn': 'web01'" in line

    def test_the_original_configuration_file_works(self, vhost: Vhost, tmp_path: Path) -> None:
        file = tmp_path / "baton-ping.cfg"
        file.write_text(
            f"RABBIT_HOST: 127.0.0.1,127.0.0.1\nRABBIT_PORT: {vhost.broker.port}\n"
            f"RABBIT_VHOST: {vhost.name}\nRABBIT_USER: guest\nRABBIT_PASS: guest\n"
            "RABBIT_HEARTBEAT: 60\nPID_FILE:\nLOG_FILE:\nMY_OWN_KEY: 1\n"
        )
        with process("-c", str(file), BATON_FQDN="web01") as service:
            service.wait_for("is ready")
            assert command("ping", "web01", "-c", str(file)).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "http://localhost"],
        ["--url", "amqp://guest:s3cret@a:b:c/"],
        ["-c", "/no/such/file.cfg"],
    ],
)
def test_a_wrong_configuration_is_one_sentence(arguments: list[str]) -> None:
    for ended in (
        command("ping", "production", *arguments),
        command(*arguments, program="baton-ping"),
        command("--plain", *arguments, program="baton-ping-monitor"),
    ):
        assert ended.code == 2
        sentences = [line for line in ended.err.splitlines() if " INFO " not in line]
        assert len(sentences) == 1
        assert "s3cret" not in ended.err
