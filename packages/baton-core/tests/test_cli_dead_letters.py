"""`baton dead-letters`, on a broker in this process."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner, Result

from baton.cli import dead_letters as command
from baton.cli.group import baton
from baton.configuration import Configuration
from baton.dead_letters import DeadLetters
from baton.durable import dead_letters
from baton.extension import Extension
from baton.message import Envelope
from baton.transports.memory import memory_broker

if TYPE_CHECKING:
    from conftest import Graveyard

GREET = Extension("baton-greet")
M1 = "54912c6b2c079223842fdac4a314bf56"
M2 = "aaaa2c6b2c079223842fdac4a314bf56"
Call = Callable[..., Awaitable[Result]]


@pytest.fixture
def call(memory_url: str) -> Call:
    """Calls a command on the dead letters of baton-greet in another thread, and returns what it
    said."""

    async def call(name: str, *arguments: str, input: str | None = None) -> Result:
        line = ["dead-letters", name, "baton-greet", *arguments, "--url", memory_url]
        result = await asyncio.to_thread(CliRunner().invoke, baton, line, input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return call


@pytest.fixture
async def three(graveyard: Graveyard, call: Call) -> list[str]:
    """The ids of three letters: of one command on two servers, and of another."""
    sender = {"baton-sender": "alice@adm01"}
    await graveyard.bury("web01.example.org", message_id=M1, user_id="requester", headers=sender)
    await graveyard.bury("web02.example.org", message_id=M1)
    await graveyard.bury("web01.example.org", b'{"type":"wave"}', message_id=M2)
    return await ids(call)


async def ids(call: Call) -> list[str]:
    lines = (await call("list", "--jsonl")).stdout.splitlines()
    return [json.loads(line)["id"] for line in lines]


async def test_list(three: list[str], call: Call, graveyard: Graveyard) -> None:
    queue = await graveyard.queue_of("web01.example.org")
    graveyard.publish("", queue, b"{}", Envelope(expires=0))
    result = await call("list")
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows, last = result.stdout.splitlines()
    assert head.split() == ["id", "died", "reason", "server", "type", "key"]
    cells = [re.split(" {2,}", row) for row in rows]
    assert [[row[0], *row[2:]] for row in cells] == [
        [three[0], "rejected", "web01.example.org", "greet", "production"],
        [three[1], "rejected", "web02.example.org", "greet", "production"],
        [three[2], "rejected", "web01.example.org", "wave", "production"],
    ]
    assert last == "3 dead letters; 1 command expired within the last day"


async def test_list_in_json(three: list[str], call: Call) -> None:
    result = await call("list", "--json")
    whole = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [each["id"] for each in whole.pop("letters")] == three
    assert whole == {"extension": "baton-greet", "known": True, "expired": 0}


async def test_list_in_lines_of_json(three: list[str], call: Call) -> None:
    result = await call("list", "--jsonl")
    first, *_ = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, result.stderr) == (0, "")
    assert (first["id"], first["command"], first["sender"]) == (three[0], M1, "alice@adm01")


@pytest.mark.usefixtures("graveyard")
async def test_there_are_none(call: Call) -> None:
    result = await call("list")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "no dead letters; no commands expired within the last day\n"
    assert (await call("list", "--jsonl")).stdout == ""
    for name in ("retry", "drop"):
        result = await call(name, "--all")
        assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("name", ["ping", "baton-ping"])
def test_no_durable_consumer_has_run(memory_url: str, name: str) -> None:
    line = ["dead-letters", "list", name, "--url", memory_url]
    result = CliRunner().invoke(baton, line)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "no dead letters; no durable consumer of baton-ping has run on this vhost\n"
    )
    whole = {"extension": "baton-ping", "known": False, "expired": 0, "letters": []}
    assert json.loads(CliRunner().invoke(baton, [*line, "--json"]).stdout) == whole


def test_an_extension_that_neither_this_server_nor_the_broker_knows(memory_url: str) -> None:
    for name in ("list", "retry", "drop"):
        line = ["dead-letters", name, "pong", *(["--all"] if name != "list" else [])]
        result = CliRunner().invoke(baton, [*line, "--url", memory_url])
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == ("baton: The extension pong is not installed: did you mean ping?\n")


async def test_show(three: list[str], call: Call) -> None:
    result = await call("show", three[0])
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[:2] == [f"id            {three[0]}", f"command       {M1}"]
    assert "sender        alice@adm01  (user requester)" in lines
    assert lines[-3:] == ["{", '  "type": "greet"', "}"]
    assert await ids(call) == three


async def test_show_all_of_a_command(three: list[str], call: Call) -> None:
    result = await call("show", M1)
    assert re.findall("^id +(.*)$", result.stdout, re.MULTILINE) == three[:2]
    documents = json.loads((await call("show", M1, "--json")).stdout)
    assert [each["id"] for each in documents] == three[:2]
    assert [each["body"] for each in documents] == [{"type": "greet"}] * 2


async def test_show_what_a_monitor_saw(
    three: list[str], call: Call, listen: Callable[..., Awaitable[int]]
) -> None:
    asked: list[str] = []

    def reply(fqdn: str, text: str, type: str = "error") -> dict[str, Any]:
        body = {"type": type, "error_class": "OSError", "error_message": text}
        return {"fqdn": fqdn, "received": 1.0, "type": type, "body": body}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
        replies = [
            reply("web01.example.org", "full\x1b"),
            reply("web02.example.org", "of another"),
            reply("web01.example.org", "no error", "info"),
        ]
        body = json.dumps({"replies": replies}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

    url = f"http://127.0.0.1:{await listen(answer)}"
    result = await call("show", three[0], "--from", url)
    assert asked == [f"/api/replies/{M1}"]
    assert re.findall("^error.*$", result.stdout, re.MULTILINE) == ["error         OSError: full�"]
    (whole,) = json.loads((await call("show", three[0], "--from", url, "--json")).stdout)
    assert whole["errors"] == ["OSError: full�"]


async def test_a_monitor_is_not_asked_about_what_has_no_id(
    graveyard: Graveyard, call: Call
) -> None:
    graveyard.forge()
    (letter,) = await ids(call)
    result = await call("show", letter, "--from", "http://127.0.0.1:1")
    assert (result.exit_code, result.stderr) == (0, "")


async def test_a_monitor_that_is_away(three: list[str], call: Call) -> None:
    result = await call("show", three[0], "--from", "http://127.0.0.1:1")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "could not be reached" in result.stderr
    result = await call("show", three[0], "--from", "ftp://x")
    assert (result.exit_code, result.stdout) == (2, "")


async def test_retry_one(three: list[str], call: Call, graveyard: Graveyard) -> None:
    result = await call("retry", three[1][:8], "--expires", "30")
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(
        rf"{three[1]}  web02\.example\.org  greet  retried as [0-9a-f]{{32}}\n", result.stdout
    )
    assert await ids(call) == [three[0], three[2]]
    assert await graveyard.transport.count("baton-greet.web02.example.org.greeter") == 1
    assert await graveyard.transport.count("baton-greet.web01.example.org.greeter") == 0


async def test_retry_all(three: list[str], call: Call, graveyard: Graveyard) -> None:
    result = await call("retry", "--all")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split()[0] for line in result.stdout.splitlines()] == three
    assert await ids(call) == []
    assert await graveyard.transport.count("baton-greet.web01.example.org.greeter") == 2


async def test_what_cannot_be_retried_stays(
    three: list[str], call: Call, graveyard: Graveyard
) -> None:
    await graveyard.transport.delete_queue("baton-greet.web02.example.org.greeter")
    graveyard.forge(b'{"type":"\\u001b[2J"}', headers={"x-first-death-queue": "elsewhere"})
    result = await call("retry", "--all")
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == [three[0], three[2]]
    left = await ids(call)
    assert result.stderr.splitlines() == [
        f"baton: {three[1]}  web02.example.org  greet: the queue of that server has gone, it stays",
        f"baton: {left[1]}  ?  �[2J: it does not say in which server's queue it died, it stays",
    ]
    assert left[0] == three[1]


async def test_drop(three: list[str], call: Call) -> None:
    result = await call("drop", M1)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{three[0]}  web01.example.org  greet  dropped",
        f"{three[1]}  web02.example.org  greet  dropped",
    ]
    assert await ids(call) == [three[2]]
    assert (await call("drop", "--all")).exit_code == 0
    assert await ids(call) == []


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is a terminal."""

    class Input:
        @staticmethod
        def isatty() -> bool:
            return True

    monkeypatch.setattr(command, "sys", SimpleNamespace(stdin=Input, exit=sys.exit))


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("names", [["--all"], [M1, M2]])
async def test_drop_asks_on_a_terminal(three: list[str], call: Call, names: list[str]) -> None:
    result = await call("drop", *names, input="n\n")
    assert (result.exit_code, result.stderr) == (1, "Nothing was dropped.\n")
    assert result.stdout.splitlines()[0] == (
        f"Drop 3 dead letters of baton-greet: {three[0]} (web01.example.org  greet), "
        f"{three[1]} (web02.example.org  greet), {three[2]} (web01.example.org  wave)? [y/N]: n"
    )
    assert await ids(call) == three
    result = await call("drop", *names, input="y\n")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 4)
    assert await ids(call) == []


@pytest.mark.usefixtures("terminal", "three")
async def test_what_dies_while_it_asks_is_not_dropped(
    call: Call, graveyard: Graveyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    def confirm(_: str) -> bool:
        burial = graveyard.bury("web03.example.org", message_id="later")
        asyncio.run_coroutine_threadsafe(burial, loop).result(10)
        return True

    monkeypatch.setattr(click, "confirm", confirm)
    result = await call("drop", "--all")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 3)
    (left,) = (await call("list", "--jsonl")).stdout.splitlines()
    assert json.loads(left)["command"] == "later"


@pytest.mark.usefixtures("terminal", "three")
async def test_drop_does_not_ask_with_yes(call: Call) -> None:
    result = await call("drop", "--all", "--yes")
    assert (result.exit_code, "Drop" in result.stdout) == (0, False)
    assert await ids(call) == []


@pytest.mark.usefixtures("graveyard", "terminal")
async def test_drop_asks_nothing_if_there_is_nothing(call: Call) -> None:
    result = await call("drop", "--all")
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("name", ["show", "retry", "drop"])
async def test_an_id_that_is_none(three: list[str], call: Call, name: str) -> None:
    result = await call(name, "zzzz")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        'baton: No dead letter of baton-greet is called "zzzz", and none is of a command that is\n'
    )
    assert await ids(call) == three


@pytest.mark.usefixtures("three")
async def test_nothing_is_done_if_one_of_several_is_unknown(three: list[str], call: Call) -> None:
    for name in ("retry", "drop"):
        assert (await call(name, three[0], "zzzz")).exit_code == 1
    assert await ids(call) == three


async def test_somebody_else_is_at_it(three: list[str], call: Call, memory_url: str) -> None:
    async with DeadLetters(Configuration(rabbit_url=memory_url), GREET):
        for name, *names in (("list",), ("show", three[0]), ("retry", "--all"), ("drop", "--all")):
            result = await call(name, *names)
            assert (result.exit_code, result.stdout) == (1, "")
            assert result.stderr == (
                "baton: Somebody else is looking at the dead letters of baton-greet (they hold "
                "the queue baton-greet.dead-letters.lock): try again when they have finished\n"
            )


async def test_the_broker_is_away(call: Call, memory_url: str) -> None:
    memory_broker(memory_url.removeprefix("memory://")).stop("connection refused")
    result = await call("list")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("baton: No broker could be reached: memory")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["list", "x", "--json", "--jsonl"], "--json and --jsonl exclude each other"),
        (["retry", "x"], "Name one ID or more, or --all"),
        (["drop", "x", "1f", "--all"], "Name one ID or more, or --all"),
        (["drop", "x", ""], "Invalid value for ID: It is empty"),
        (["show", "x", ""], "Invalid value for ID: It is empty"),
        (["retry", "x", "--all", "--expires", "0"], "Invalid value for '--expires': 0"),
        (["list"], "Missing argument 'EXTENSION'."),
    ],
)
def test_wrong_use(arguments: list[str], reason: str) -> None:
    result = CliRunner().invoke(baton, ["dead-letters", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].startswith(f"Error: {reason}")


async def test_huge_bodies_do_not_appear_in_the_list(graveyard: Graveyard, call: Call) -> None:
    graveyard.forge(b'{"type":"x","a":"' + b"a" * 5_000_000 + b'"}')
    for options in ([], ["--json"], ["--jsonl"]):
        assert len((await call("list", *options)).stdout) < 1000
    assert await graveyard.transport.count(dead_letters(GREET)) == 1
