"""`baton ping`, with servers in this process."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner, Result

from baton import Message, Server
from baton.cli.main import baton
from baton.message import Envelope
from baton.testing import ServiceFactory
from baton.transports import Binding, Exchange, Publication, Queue, Topology, TransportListener
from baton.transports.memory import MemoryBroker, MemoryPublisher, MemoryTransport, memory_broker
from baton_ping.consumer import PingConsumer
from baton_ping.service import PingService

SECRET = "hunter2"
LINE = re.compile(r"(?P<fqdn>\S+) +\d+\.\d ms  (?P<where>.*)")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(baton, ["ping", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert SECRET not in result.output
    return result


def test_who_answers(baton_service: ServiceFactory, memory_url: str, web01: Server) -> None:
    baton_service(PingService, web01)
    result = run("web01.example.org", "--url", memory_url)
    assert (result.exit_code, result.stderr) == (0, "")
    line, summary = result.stdout.splitlines()
    match = LINE.fullmatch(line)
    assert match is not None
    assert match.groupdict() == {"fqdn": "web01.example.org", "where": "production shop"}
    assert summary == "1 server answered"


def test_a_server_that_is_asked_by_two_of_its_names_answers_once(
    baton_service: ServiceFactory, memory_url: str, web01: Server
) -> None:
    baton_service(PingService, web01)
    baton_service(PingService, Server("web02.example.org", "production"))
    targets = ["production", "shop.production", "web01.example.org"]
    result = run(*targets, "--url", memory_url, "--timeout", "1")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "2 servers answered"
    assert len(result.stdout.splitlines()) == 3


def test_all(baton_service: ServiceFactory, memory_url: str, web01: Server) -> None:
    baton_service(PingService, web01)
    baton_service(PingService, Server("db01.example.org", "staging"))
    result = run("--all", "--url", memory_url, "--timeout", "1")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "2 servers answered"


def test_json(baton_service: ServiceFactory, memory_url: str, web01: Server) -> None:
    baton_service(PingService, web01)
    result = run("web01.example.org", "--json", "--url", memory_url)
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert (document["silent"], document["unroutable"]) == ([], [])
    (answer,) = document["answers"]
    assert 0 < answer.pop("ms") < 5000
    assert answer == {"type": "pong", **web01.attributes, "original": False}


def test_one_of_two_targets_is_not_there(
    baton_service: ServiceFactory, memory_url: str, web01: Server
) -> None:
    baton_service(PingService, web01)
    result = run("web01.example.org", "staging", "--url", memory_url)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "1 server answered"
    assert result.stderr == 'baton: No server listens on "staging" (exchange baton_ping_in)\n'


def test_one_of_two_targets_is_not_there_in_json(
    baton_service: ServiceFactory, memory_url: str, web01: Server
) -> None:
    baton_service(PingService, web01)
    result = run("web01.example.org", "staging", "--json", "--url", memory_url)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert [answer["fqdn"] for answer in document["answers"]] == ["web01.example.org"]
    assert document["unroutable"] == ["staging"]
    assert result.stderr == 'baton: No server listens on "staging" (exchange baton_ping_in)\n'


def test_nobody_is_there(baton_service: ServiceFactory, memory_url: str, web01: Server) -> None:
    baton_service(PingService, web01)
    result = run("staging", "--url", memory_url)
    assert (result.exit_code, result.stdout) == (1, "0 servers answered\n")
    assert result.stderr == 'baton: No server listens on "staging" (exchange baton_ping_in)\n'


def test_nobody_is_there_in_json(memory_url: str) -> None:
    result = run("staging", "--json", "--url", memory_url)
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"answers": [], "silent": [], "unroutable": ["staging"]}
    assert "no service has connected yet" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.fixture
def deaf(broker: MemoryBroker) -> None:
    """A server that is there, and says nothing."""
    topology = Topology(
        [Exchange("baton_ping_in"), Exchange("baton_ping_out")],
        [Queue("deaf", exclusive=False)],
        [Binding("deaf", "baton_ping_in", "production")],
    )
    broker.declare(topology, MemoryTransport(broker, TransportListener()))


@pytest.mark.usefixtures("deaf")
def test_nobody_answers(memory_url: str) -> None:
    result = run("production", "--url", memory_url, "--timeout", "0.001")
    assert (result.exit_code, result.stdout) == (1, "0 servers answered\n")
    assert result.stderr == 'baton: No answer from "production" within 0.001 s\n'


@pytest.mark.usefixtures("deaf")
def test_nobody_answers_in_json(memory_url: str) -> None:
    result = run("production", "--json", "--url", memory_url, "--timeout", "0.001")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "answers": [],
        "silent": ["production"],
        "unroutable": [],
    }


def test_the_exchange_of_the_settings_is_named(
    baton_service: ServiceFactory, memory_url: str, web01: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_EXCHANGE", "other_in")
    baton_service(PingService, web01, exchange="other_in")
    result = run("web01.example.org", "staging", "--url", memory_url)
    assert result.exit_code == 1
    assert result.stderr == 'baton: No server listens on "staging" (exchange other_in)\n'


class FailingConsumer(PingConsumer):
    async def process_message(self, message: Message) -> None:
        raise OSError("the disk is full")


class FailingService(PingService):
    def setup_consumers(self) -> None:
        self.add_consumer(FailingConsumer("failing", self.server))


def test_an_error_is_an_answer(
    baton_service: ServiceFactory, memory_url: str, web01: Server
) -> None:
    baton_service(FailingService, web01)
    result = run("web01.example.org", "--url", memory_url)
    assert result.exit_code == 0
    match = LINE.fullmatch(result.stdout.splitlines()[0])
    assert match is not None
    assert match["where"] == "error: the disk is full"


class RubyConsumer(PingConsumer):
    """Answers without a correlation, to everybody, and leaves out what it does not know."""

    pong = (
        b'{"type":"pong","environment":"production\\u001b[2J","fqdn":"old.example.org",'
        b'"app_names":null}'
    )

    async def process_message(self, message: Message) -> None:
        broker = memory_broker(self.consumer_name)
        publication = Publication(1, "baton_ping_out", "", self.pong, Envelope(content_type=None))
        MemoryPublisher(broker).publish([publication], 1.0)


class RubyService(PingService):
    def setup_consumers(self) -> None:
        broker = self.configuration.endpoints[0].host
        self.add_consumer(RubyConsumer(broker, self.server))


def test_a_ruby_server_is_marked_and_acts_on_no_terminal(
    memory_url: str, baton_service: ServiceFactory, web01: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_INTEROP", "true")
    baton_service(RubyService, web01, interop=True)
    result = run("production", "--url", memory_url, "--timeout", "1")
    assert result.exit_code == 0
    match = LINE.fullmatch(result.stdout.splitlines()[0])
    assert match is not None
    assert match.groupdict() == {"fqdn": "old.example.org", "where": "production�[2J (original)"}


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_the_broker_is_away(broker: MemoryBroker, memory_url: str, json_option: list[str]) -> None:
    broker.stop("connection refused")
    url = memory_url.replace("memory://", f"memory://baton:{SECRET}@")
    result = run("production", "--url", url, *json_option)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("baton: No broker could be reached: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Error: Name one TARGET or more, or --all"),
        (["production", "--all"], "Error: Name one TARGET or more, or --all"),
        (["production", "--timeout", "0"], "Error: Invalid value for '--timeout'"),
        (["production", "--unheard-of"], "Error: No such option"),
        (["production", "-c", "/no/such.cfg"], "baton: /no/such.cfg: cannot be read: No such file"),
        (["production", "--url", "http://x"], "baton: option RABBIT_URL is no broker's URL"),
        (["", "--url", "memory://"], 'baton: "" is no target: 1 to 255 bytes'),
    ],
)
def test_wrong_use(arguments: list[str], reason: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].startswith(reason)
