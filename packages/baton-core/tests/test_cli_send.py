"""`baton send`, to a service in this process."""

from __future__ import annotations

import asyncio
import json
import re

import click
import pytest
from click.testing import CliRunner, Result

from baton import Consumer, Message, Server, Service
from baton.cli.group import baton
from baton.message import Envelope, encode_body
from baton.testing import ServiceFactory
from baton.transports import Binding, Exchange, Publication, Queue, Topology, TransportListener
from baton.transports.memory import MemoryPublisher, MemoryTransport, memory_broker

SECRET = "hunter2"
ECHO = '{"type":"echo","n":7}'


class Echo(Consumer):
    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, object]:
        return self.server.attributes

    async def process_message(self, message: Message) -> None:
        if message.type == "fail":
            raise OSError("the disk is full")
        if message.type == "late":
            self.end(message, "expired")
        if message.type == "echo":
            self.notify_info("about to echo")
            self.notify({"type": "echoed", **{key: message[key] for key in message if key == "n"}})

    def end(self, message: Message, outcome: str) -> None:
        """Tell the requester, and nobody else, that the command is finished."""
        envelope = Envelope(
            correlation_id=message.message_id,
            headers={"baton-instance": "another", "baton-end": {"outcome": outcome}},
        )
        body = encode_body({"type": "end", "fqdn": "web02.example.org"})
        end = Publication(1, "baton_echo_out", str(message.reply_to), body, envelope)
        assert MemoryPublisher(memory_broker(self.consumer_name)).publish([end], 1) == [None]


class EchoService(Service):
    extension = "baton-echo"

    def setup_consumers(self) -> None:
        self.add_consumer(Echo(self.configuration.endpoints[0].host, self.server))


@pytest.fixture
def web01(baton_service: ServiceFactory, memory_url: str) -> None:
    """A server that echoes."""
    server = Server("web01.example.org", "production", ("shop",))
    baton_service(EchoService, server, rabbit_url=memory_url)


async def send(*arguments: str) -> Result:
    """Runs the command in another thread, with an event loop of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, baton, ["send", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert SECRET not in result.output
    return result


@pytest.mark.usefixtures("web01")
async def test_it_prints_the_message_id(memory_url: str) -> None:
    result = await send("baton-echo", "production", ECHO, "--url", memory_url)
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(bytes.fromhex(result.stdout.strip())) == 16


WEB01 = re.compile(r"web01\.example\.org +[\d,.]+ ms  (.*)")


def said_by_web01(result: Result) -> list[str]:
    """What the lines of replies say; each is web01's. They end with an empty line."""
    lines = result.stdout.partition("\n\n")[0].splitlines()
    matches = [WEB01.fullmatch(line) for line in lines]
    assert None not in matches, lines
    return [match[1] for match in matches if match is not None]


@pytest.mark.usefixtures("web01")
async def test_it_prints_the_replies(memory_url: str) -> None:
    result = await send("baton-echo", "web01.example.org", ECHO, "--url", memory_url, "--wait")
    assert (result.exit_code, result.stderr) == (0, "")
    assert said_by_web01(result) == [
        '{"type": "info", "message": "about to echo"}',
        '{"type": "echoed", "n": 7}',
    ]
    assert "\n\n1 server answered in " in result.stdout


@pytest.mark.usefixtures("web01")
async def test_it_prints_the_replies_in_json(memory_url: str) -> None:
    arguments = ["--url", memory_url, "--wait", "--json"]
    result = await send("baton-echo", "web01.example.org", ECHO, *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    server = {"environment": "production", "fqdn": "web01.example.org", "app_names": ["shop"]}
    assert (document["extension"], document["type"]) == ("baton-echo", "echo")
    assert [each["message"] for each in document["replies"]] == [
        {**server, "type": "info", "message": "about to echo"},
        {**server, "type": "echoed", "n": 7},
    ]


@pytest.mark.usefixtures("web01")
@pytest.mark.parametrize("keys", [["web01.example.org", "production"], ["--all"]])
async def test_several_targets_are_one_command(memory_url: str, keys: list[str]) -> None:
    arguments = ["--url", memory_url, "--wait", "--expect", "1"]
    result = await send("baton-echo", *keys, ECHO, *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(said_by_web01(result)) == 2
    assert "1 of 1 server answered" in result.stdout
    sent = await send("baton-echo", *keys, ECHO, "--url", memory_url)
    assert (sent.exit_code, len(sent.stdout.split())) == (0, 1)


@pytest.mark.usefixtures("web01")
async def test_a_server_that_says_nothing_has_answered(memory_url: str) -> None:
    result = await send(
        "baton-echo", "web01.example.org", '{"type":"hush"}', "--url", memory_url, "--wait"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert said_by_web01(result) == ["done"]


@pytest.mark.usefixtures("web01")
async def test_a_server_that_has_not_done_it(memory_url: str) -> None:
    arguments = ["--url", memory_url, "--wait"]
    result = await send("baton-echo", "web01.example.org", '{"type":"fail"}', *arguments)
    assert result.exit_code == 1
    assert said_by_web01(result) == ["error: the disk is full"]
    assert "\nfailed (1)       web01.example.org: OSError: the disk is full" in result.stdout


@pytest.mark.usefixtures("web01")
async def test_a_server_that_says_no_more_than_that_it_has_not_done_it(memory_url: str) -> None:
    arguments = ["--url", memory_url, "--wait", "--expect", "2"]
    result = await send("baton-echo", "web01.example.org", '{"type":"late"}', *arguments)
    assert (result.exit_code, result.stderr) == (1, "")
    assert re.search(r"^web02\.example\.org +[\d,.]+ ms  expired$", result.stdout, re.MULTILINE)
    assert "\nfailed (1)       web02.example.org: expired\n" in result.stdout


@pytest.mark.usefixtures("web01")
@pytest.mark.parametrize(("where", "code"), [("apps contains shop", 0), ("apps contains x", 1)])
async def test_a_filter(memory_url: str, where: str, code: int) -> None:
    arguments = ["--url", memory_url, "--wait", "--timeout", "2", "--where", where, "--names"]
    result = await send("baton-echo", "production", ECHO, *arguments)
    assert (result.exit_code, result.stderr) == (code, "")
    assert result.stdout == ("" if code else "web01.example.org\n")


@pytest.mark.usefixtures("web01")
async def test_a_filter_where_nobody_waits(memory_url: str) -> None:
    arguments = ["--url", memory_url, "--splay", "0.1"]
    result = await send("baton-echo", "production", ECHO, *arguments, "--where", "cpus")
    assert (result.exit_code, len(result.stdout.split())) == (0, 1)
    result = await send("baton-echo", "production", ECHO, *arguments, "--where", "cpus >> 8")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith('baton: The condition "cpus >> 8" ')


async def test_nobody_answers(memory_url: str) -> None:
    broker = memory_broker(memory_url.removeprefix("memory://"))
    deaf = Topology(
        [Exchange("baton_echo_in"), Exchange("baton_echo_out")],
        [Queue("deaf", exclusive=False)],
        [Binding("deaf", "baton_echo_in", "production")],
    )
    broker.declare(deaf, MemoryTransport(broker, TransportListener()))
    arguments = ["--url", memory_url, "--wait", "--timeout", "0.001"]
    result = await send("baton-echo", "production", ECHO, *arguments)
    assert result.exit_code == 1
    assert result.stdout.startswith("0 servers answered\nlater: baton replies ")
    assert result.stderr == 'baton: No answer from "production" within 0.001 s\n'


@pytest.mark.usefixtures("web01")
@pytest.mark.parametrize("wait", [[], ["--wait"]])
async def test_nobody_listens(memory_url: str, wait: list[str]) -> None:
    result = await send("baton-echo", "staging", ECHO, "--url", memory_url, *wait)
    assert (result.exit_code, result.stdout) == (1, "0 servers answered\n" if wait else "")
    assert result.stderr == 'baton: No server listens on "staging" (exchange baton_echo_in)\n'


@pytest.mark.parametrize("wait", [[], ["--wait"]])
async def test_no_service_has_connected_yet(memory_url: str, wait: list[str]) -> None:
    result = await send("baton-echo", "production", ECHO, "--url", memory_url, *wait)
    assert (result.exit_code, result.stdout) == (1, "0 servers answered\n" if wait else "")
    assert result.stderr == (
        'baton: No server listens on "production" (exchange baton_echo_in): '
        "no service has connected yet, the exchange does not exist\n"
    )


@pytest.mark.parametrize("wait", [[], ["--wait"]])
async def test_the_broker_is_away(memory_url: str, wait: list[str]) -> None:
    memory_broker(memory_url.removeprefix("memory://")).stop("connection refused")
    url = memory_url.replace("memory://", f"memory://baton:{SECRET}@")
    result = await send("baton-echo", "production", ECHO, "--url", url, *wait)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("baton: No broker could be reached: memory")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "{not json",
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("", "it was empty"),
        ("[]", "it is an array"),
        ("{}", "it has no type"),
        ('{"type":1}', "the type is a number"),
        ('{"type":NaN}', "NaN is not JSON"),
        ('{"type":"\\ud800"}', "it contains half of a surrogate pair"),
    ],
)
async def test_a_command_that_is_none(memory_url: str, text: str, reason: str) -> None:
    result = await send("baton-echo", "production", text, "--url", memory_url)
    assert (result.exit_code, result.stdout) == (2, "")
    said = result.stderr.splitlines()[-1]
    assert said.startswith(
        f"Error: Invalid value for JSON: A command is a JSON object with a type; {reason}"
    )


async def test_arguments_that_are_not_utf_8(memory_url: str) -> None:
    result = await send("baton-echo", "production", '{"type":"\udcff"}', "--url", memory_url)
    assert result.exit_code == 2
    assert "byte 9 is not UTF-8" in result.stderr
    result = await send("baton-echo", "web\udcff", ECHO, "--url", memory_url)
    assert result.exit_code == 2
    assert result.stderr == (
        'baton: "web\\udcff" is no target: 1 to 255 bytes of UTF-8 are allowed\n'
    )


@pytest.mark.parametrize("wait", [[], ["--wait"]])
async def test_an_empty_target(memory_url: str, wait: list[str]) -> None:
    result = await send("baton-echo", "", ECHO, "--url", memory_url, *wait)
    assert result.exit_code == 2
    assert result.stderr == 'baton: "" is no target: 1 to 255 bytes of UTF-8 are allowed\n'


@pytest.mark.parametrize("option", ["--expires", "--timeout"])
async def test_no_number_of_seconds(memory_url: str, option: str) -> None:
    result = await send("baton-echo", "production", ECHO, "--url", memory_url, option, "0")
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr


async def test_the_json_is_forgotten(memory_url: str) -> None:
    result = await send("baton-echo", "production", "--url", memory_url)
    assert (result.exit_code, result.stdout) == (2, "")
    said = result.stderr.splitlines()[-1]
    assert said.startswith("Error: Invalid value for JSON: A command is a JSON object with a type")
    assert said.endswith('came: "production"')


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["production", ECHO, "--timeout", "1"], "--timeout goes with --wait"),
        (["production", ECHO, "--json"], "--json goes with --wait"),
        (["production", ECHO, "--expect", "3"], "--expect goes with --wait"),
        ([ECHO], "Name one KEY or more, or --all"),
        ([ECHO, "--wait"], "Name one KEY or more, or --all"),
        (["production", ECHO, "--all"], "Name one KEY or more, or --all"),
    ],
)
async def test_wrong_use(memory_url: str, arguments: list[str], reason: str) -> None:
    result = await send("baton-echo", *arguments, "--url", memory_url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == f"Error: {reason}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"http://baton:{SECRET}@mq1", "is no broker's URL: it starts with one of amqp://"),
        (f"amqp://baton:{SECRET}", "has no valid host"),
    ],
)
async def test_a_wrong_url(url: str, reason: str) -> None:
    result = await send("baton-echo", "production", ECHO, "--url", url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"baton: option RABBIT_URL {reason}")
    assert len(result.stderr.splitlines()) == 1


def test_it_is_a_command() -> None:
    found = baton.get_command(click.Context(baton), "send")
    assert isinstance(found, click.Command)
