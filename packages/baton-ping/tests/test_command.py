"""`baton ping`, with servers in this process."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from baton import Message, Server
from baton.cli.group import baton
from baton.message import Envelope
from baton.testing import ServiceFactory
from baton.transports import Binding, Exchange, Publication, Queue, Topology, TransportListener
from baton.transports.memory import MemoryBroker, MemoryPublisher, MemoryTransport, memory_broker
from baton_ping.consumer import PingConsumer
from baton_ping.service import PingService

SECRET = "hunter2"
LINE = re.compile(r"(?P<fqdn>\S+) +[\d,]+\.\d ms  (?P<where>.*)")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(baton, ["ping", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert SECRET not in result.output
    return result


def test_who_answers(baton_service: ServiceFactory, memory_url: str, web01: Server) -> None:
    baton_service(PingService, web01)
    result = run("web01.example.org", "--url", memory_url)
    assert (result.exit_code, result.stderr) == (0, "")
    line, empty, summary, times = result.stdout.splitlines()
    match = LINE.fullmatch(line)
    assert match is not None
    assert match.groupdict() == {"fqdn": "web01.example.org", "where": "production shop"}
    assert empty == ""
    assert re.fullmatch(r"1 server answered in \d+\.\d+ s", summary)
    assert re.fullmatch(r"round trip       [\d,.]+ ms", times)


def test_a_server_that_is_asked_by_two_of_its_names_answers_once(
    baton_service: ServiceFactory, memory_url: str, web01: Server
) -> None:
    baton_service(PingService, web01)
    baton_service(PingService, Server("web02.example.org", "production"))
    targets = ["production", "shop.production", "web01.example.org"]
    result = run(*targets, "--url", memory_url, "--timeout", "2")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[3].startswith("2 servers answered in ")
    assert len(result.stdout.splitlines()) == 5


def test_all(baton_service: ServiceFactory, memory_url: str, web01: Server) -> None:
    baton_service(PingService, web01)
    baton_service(PingService, Server("db01.example.org", "staging"))
    result = run("--all", "--url", memory_url, "--expect", "2")
    assert result.exit_code == 0
    assert "\n2 of 2 servers answered in " in result.stdout


def test_json(baton_service: ServiceFactory, memory_url: str, web01: Server) -> None:
    baton_service(PingService, web01)
    result = run("web01.example.org", "--json", "--url", memory_url)
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert (document["extension"], document["type"]) == ("baton-ping", "ping")
    assert (document["silent"], document["unroutable"], document["answered"]) == ([], [], 1)
    (reply,) = document["replies"]
    assert 0 < reply["ms"] < 5000
    assert reply["message"] == {"type": "pong", **web01.attributes}


def fields(value: object, path: str = "") -> set[str]:
    """The paths of all fields in a document; what is within a message is its extension's."""
    if isinstance(value, list):
        return set().union(*(fields(each, path) for each in value))
    if not isinstance(value, dict) or path == "replies.message":
        return set()
    names = {f"{path}.{name}".removeprefix("."): each for name, each in value.items()}
    return set(names).union(*(fields(each, name) for name, each in names.items()))


def test_every_field_is_documented(
    baton_service: ServiceFactory, memory_url: str, web01: Server
) -> None:
    page = Path(__file__).parents[3] / "docs" / "collecting-replies.md"
    documented = set(re.findall(r"^\| `([\w.]+)` \|", page.read_text(), re.MULTILINE))
    baton_service(FailingService, web01)
    baton_service(FailingService, web01)
    arguments = ["--json", "--url", memory_url, "--expect", "2", "--timeout", "2"]
    document = json.loads(run("production", "staging", *arguments).stdout)
    printed = fields(document)
    assert {"duplicates.fqdn", "errors.message", "latency.p99", "replies.ms"} <= printed
    assert printed <= documented


def test_the_names_of_those_that_are_there(
    baton_service: ServiceFactory, memory_url: str, web01: Server
) -> None:
    baton_service(PingService, web01)
    result = run("web01.example.org", "--names", "--url", memory_url)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "web01.example.org\n", "")


def test_those_that_are_missing_are_named(
    baton_service: ServiceFactory, memory_url: str, web01: Server, tmp_path: Path
) -> None:
    baton_service(PingService, web01)
    file = tmp_path / "expected"
    file.write_text("web01.example.org\nweb02.example.org\n")
    arguments = ["--url", memory_url, "--timeout", "2", "--expect-file", str(file)]
    result = run("production", *arguments)
    assert (result.exit_code, result.stderr) == (1, "")
    assert "\n1 of 2 servers answered in " in result.stdout
    assert "\nmissing (1)      web02.example.org\n" in result.stdout
    file.write_text(run("production", *arguments, "--json").stdout)
    again = run("production", *arguments)
    assert "\nmissing (1)      web02.example.org\n" in again.stdout


def test_facts(baton_service: ServiceFactory, memory_url: str) -> None:
    facts = {"cpus": 8, "platform": "debian", "odd": "x\x1b"}
    baton_service(PingService, Server("web01.example.org", "production", ("shop",), facts))
    result = run("web01.example.org", "--facts", "--url", memory_url)
    assert (result.exit_code, result.stderr) == (0, "")
    line, *facts_shown = result.stdout.partition("\n\n")[0].splitlines()
    match = LINE.fullmatch(line)
    assert match is not None
    assert match["where"] == "production shop"
    assert sorted(facts_shown) == ["  cpus      8", '  odd       "x\\u001b"', "  platform  debian"]


def test_the_servers_of_a_filter(baton_service: ServiceFactory, memory_url: str) -> None:
    for name, cpus in (("web01.example.org", 8), ("web02.example.org", 4)):
        baton_service(PingService, Server(name, "production", (), {"cpus": cpus}))
    arguments = ["--url", memory_url, "--expect", "1", "--names"]
    assert run("production", *arguments, "--where", "cpus>=8").stdout == "web01.example.org\n"
    result = run("production", *arguments, "--where", "cpus>=>8")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith('baton: The condition "cpus>=>8" ')


def test_a_random_one_of_those_that_are_named(
    baton_service: ServiceFactory, memory_url: str, web01: Server
) -> None:
    names = [web01.fqdn, "web02.example.org"]
    for name in names:
        baton_service(PingService, Server(name, "production"))
    result = run(*names, "--url", memory_url, "--limit", "1", "--names")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.strip() in names
    result = run(*names, "--url", memory_url, "--batch", "1", "--max-failures", "0", "--names")
    assert (result.exit_code, result.stderr) == (0, "")
    assert sorted(result.stdout.split()) == names


def test_several_rounds(baton_service: ServiceFactory, memory_url: str, web01: Server) -> None:
    baton_service(PingService, web01)
    arguments = ["--url", memory_url, "--count", "2", "--interval", "0.01"]
    result = run("web01.example.org", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[3] == "2 rounds: 2 of 2 answers came, 0% lost"


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_one_of_two_targets_is_not_there(
    baton_service: ServiceFactory, memory_url: str, web01: Server, option: list[str]
) -> None:
    baton_service(PingService, web01)
    result = run("web01.example.org", "staging", "--url", memory_url, *option)
    assert result.exit_code == 1
    if option:
        document = json.loads(result.stdout)
        assert [reply["fqdn"] for reply in document["replies"]] == ["web01.example.org"]
        assert document["unroutable"] == ["staging"]
    else:
        assert "\n1 server answered in " in result.stdout
    assert result.stderr == 'baton: No server listens on "staging" (exchange baton_ping_in)\n'


def test_nobody_is_there(baton_service: ServiceFactory, memory_url: str, web01: Server) -> None:
    baton_service(PingService, web01)
    result = run("staging", "--url", memory_url)
    assert (result.exit_code, result.stdout) == (1, "0 servers answered\n")
    assert result.stderr == 'baton: No server listens on "staging" (exchange baton_ping_in)\n'


def test_nobody_is_there_in_json(memory_url: str) -> None:
    result = run("staging", "--json", "--url", memory_url)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["replies"], document["silent"], document["unroutable"]) == (
        [],
        [],
        ["staging"],
    )
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
@pytest.mark.parametrize("option", [[], ["--json"], ["--names"]])
def test_nobody_answers(memory_url: str, option: list[str]) -> None:
    result = run("production", "--url", memory_url, "--timeout", "0.001", *option)
    assert result.exit_code == 1
    assert result.stderr == 'baton: No answer from "production" within 0.001 s\n'
    match option:
        case ["--json"]:
            assert json.loads(result.stdout)["silent"] == ["production"]
        case ["--names"]:
            assert result.stdout == ""
        case _:
            assert result.stdout.startswith("0 servers answered\nlater: baton replies ")


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
    assert result.exit_code == 1
    assert "\nfailed (1)       web01.example.org: OSError: the disk is full\n" in result.stdout
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
