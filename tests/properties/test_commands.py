"""The command line, whatever stands on it and whatever servers say to it: it ends with an exit code
that is documented, says what was wrong, and never prints what acts on a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from baton.cli.group import baton
from baton.consumer import Consumer
from baton.errors import InvalidMessage
from baton.fleet import Amount
from baton.message import Message
from baton.service import Service
from baton.testing import ServiceFactory
from fuzz.files import written
from fuzz.oracle import check_message, no_stall
from properties.strategies import conditions, outputs, texts, values, whole_numbers

COMMAND = '{"type":"tell"}'
NOBODY = "memory://nobody"


def _as_argument(text: str) -> str:
    """*text* as a program is given it: without a NUL, and what is no UTF-8 escaped."""
    raw = text.replace("\0", "").encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "surrogateescape")


arguments = texts.map(_as_argument)
amounts = st.one_of(
    arguments,
    st.sampled_from(["0", "-1", "1", "50%", "0%", "101%", "1e3", "nan", "inf", "0.01", "٣", "1_0"]),
    whole_numbers.filter(lambda number: abs(number) < 10**100).map(str),
)
_OPTIONS = {
    "--where": conditions.map(_as_argument),
    "--splay": amounts,
    "--expires": amounts,
    "--expect": amounts,
    "--expect-file": st.sampled_from(["/nowhere", "/", "/dev/null", "EXPECTED"]) | arguments,
    "--limit": amounts,
    "--batch": amounts,
    "--max-failures": amounts,
}
_FLAGS = st.sampled_from(
    ["--json", "--jsonl", "--names", "--graph", "--all", "--facts", "--nosuch"]
)
options: st.SearchStrategy[list[str]] = st.lists(
    st.one_of(
        *(st.tuples(st.just(name), values) for name, values in _OPTIONS.items()),
        _FLAGS.map(lambda flag: (flag,)),
    ),
    max_size=3,
).map(lambda pairs: [part for pair in pairs for part in pair])
expected = st.one_of(st.binary(max_size=60), arguments.map(lambda it: it.encode(errors="replace")))


def check(words: Sequence[str]) -> str:
    """What `baton` prints for *words*."""
    with no_stall(2):
        result = CliRunner().invoke(baton, list(words))
    error = result.exception
    if error is not None and not isinstance(error, SystemExit):
        raise error
    assert result.exit_code in (0, 1, 2, 3), result.output
    said = result.output.replace("\n", "")
    if "Usage:" not in said:  # click repeats what its user typed, as it stands there
        assert said.isprintable(), repr(said)
    if result.exit_code >= 2:
        assert result.stderr, "nothing was said"
    return str(result.output)


@given(options, st.lists(arguments, max_size=3), expected)
def test_ping(options: list[str], targets: list[str], names: bytes) -> None:
    path = str(written("names", names))
    words = [path if word == "EXPECTED" else word for word in options]
    check(["ping", "--url", NOBODY, "--timeout", "0.01", *words, "--", *targets])


@given(options, arguments, arguments, arguments | values.map(json.dumps))
def test_send(options: list[str], extension: str, key: str, body: str) -> None:
    check(["send", "--url", NOBODY, *options, "--", extension, key, body])


@given(st.lists(arguments | st.sampled_from(["--list", "--json", "--from"]), max_size=3))
def test_replies(words: list[str]) -> None:
    check(["replies", *words])


@given(st.lists(arguments | st.sampled_from(["--json", "--extension", "-c"]), max_size=3))
def test_facts(words: list[str]) -> None:
    check(["facts", "--url", NOBODY, *words])


@given(st.sampled_from(["ping", "send", "facts"]), arguments)
def test_the_url(command: str, url: str) -> None:
    words = {"ping": ["web01"], "send": ["baton-ping", "web01", "{}"], "facts": ["fqdn"]}[command]
    if url.startswith("amqp"):
        return  # that would connect
    check([command, "--url", url, *words])


@given(st.lists(arguments, max_size=3))
def test_what_is_no_command(words: list[str]) -> None:
    check(["--", *words] if words else [])


@given(amounts)
def test_amounts(text: str) -> None:
    try:
        Amount.parse(text)
    except InvalidMessage as error:
        check_message(str(error).encode("utf-8", "backslashreplace").decode())


class Liar(Consumer):
    """Says what a test likes, in whatever name."""

    said: ClassVar[dict[str, Any]] = {}

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    async def process_message(self, message: Message) -> None:
        self.notify(self.said)


class LiarService(Service):
    extension = "baton-liar"

    def setup_consumers(self) -> None:
        self.add_consumer(Liar("liar", self.server))


@given(outputs, st.sampled_from([(), ("--json",), ("--jsonl",), ("--names",), ("--graph",)]))
def test_what_servers_say(
    baton_service: ServiceFactory, liar: str, said: dict[str, Any], options: Sequence[str]
) -> None:
    del baton_service
    Liar.said = said
    shown = check(
        ["send", "--url", liar, "--wait", "--expect", "1", *options, "baton-liar", "web01", COMMAND]
    )
    if "--json" in options:
        (reply,) = json.loads(shown)["replies"]
        assert reply["message"] == json.loads(json.dumps(said))


@pytest.fixture
def liar(baton_service: ServiceFactory) -> str:
    """The broker of a server that lies."""
    service = baton_service(LiarService, "web01")
    return f"memory://{service.configuration.endpoints[0].host}"
