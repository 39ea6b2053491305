"""`baton replies`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from click.testing import Result as Ended

from baton.cli.group import baton
from baton.fleet import Result, Run, Runs

SENT = 1_750_000_000.0
DONE = Result(
    message_id="54912c6b2c079223842fdac4a314bf56", extension="baton-ping", type="ping",
    targets=("production",), sent=SENT, timeout=2.0, took=0.03, answered=2, replies=2, expected=2,
)  # fmt: skip
LACKING = Result(
    message_id="aaaa2c6b2c079223842fdac4a314bf56", extension="baton-ping", type="ping",
    targets=("production",), sent=SENT, timeout=2.0, took=2.0, answered=1, replies=1, expected=3,
    missing=("web02.example.org", "web03.example.org"), missing_count=2,
)  # fmt: skip


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Two runs that are kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    runs = Runs()
    for result in (DONE, LACKING):
        expected = frozenset(["web01.example.org", *result.missing])
        answered = frozenset(["web01.example.org"])
        run = Run(result=result, deadline=SENT + 2, expected=expected, answered=answered)
        runs.keep(run)
    return runs


def replies(*arguments: str) -> Ended:
    ended = CliRunner().invoke(baton, ["replies", *arguments])
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    return ended


def test_the_last_one() -> None:
    ended = replies()
    assert (ended.exit_code, ended.stderr) == (1, "")
    head, *lines = ended.stdout.splitlines()
    assert head.endswith("  baton-ping ping production  aaaa2c6b2c079223842fdac4a314bf56")
    assert lines == [
        "1 of 3 servers answered in 2 s",
        "missing (2)      web02.example.org, web03.example.org",
    ]


@pytest.mark.parametrize("id", ["54912c6b", "5", "54912C6B", DONE.message_id])
def test_one_by_its_id(id: str) -> None:
    ended = replies(id)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[1:] == ["2 of 2 servers answered in 0.03 s"]


def test_json() -> None:
    ended = replies("54912c6b", "--json")
    document = json.loads(ended.stdout)
    assert (ended.exit_code, document["id"], document["answered"]) == (0, DONE.message_id, 2)
    assert "replies" not in document


def test_the_list() -> None:
    ended = replies("--list")
    assert (ended.exit_code, ended.stderr) == (0, "")
    first, second = ended.stdout.splitlines()
    assert first.split(None, 3)[0] == "aaaa2c6b"
    assert first.endswith("  1 of 3 servers answered  baton-ping ping production")
    assert second.endswith("  2 of 2 servers answered  baton-ping ping production")


def test_the_list_in_json() -> None:
    documents = json.loads(replies("--list", "--json").stdout)
    assert [each["id"] for each in documents] == [LACKING.message_id, DONE.message_id]


def test_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    ended = replies("--list")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", "No run is kept.\n")
    assert json.loads(replies("--list", "--json").stdout) == []
    ended = replies()
    assert ended.exit_code == 2
    assert ended.stderr == f"baton: No run is kept in {tmp_path}/other/baton/runs\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--list", "5"], "Error: --list takes no ID and no --from"),
        (["--list", "--from", "http://x"], "Error: --list takes no ID and no --from"),
        ([""], "Error: Invalid value for ID: It is empty: without it, it is the last run"),
        (["ffff"], "baton: No run begins with ffff in "),
        (["../x"], 'baton: "../x" is no id of a run: '),
        (["--from", "ftp://x"], "baton: "),
    ],
)
def test_wrong_use(arguments: list[str], reason: str) -> None:
    ended = replies(*arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].startswith(reason)


class Monitor:
    """A monitor's JSON API, which answers with what it has ``seen``."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def saw(self, fqdn: str, after: float, **body: Any) -> None:
        self.seen.append(
            {
                "message_id": "1",
                "fqdn": fqdn,
                "instance": "1",
                "type": body.get("type", "pong"),
                "received": SENT + after,
                "body": {"fqdn": fqdn, **body},
            }
        )

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split()[1].decode())
        body = json.dumps({"replies": self.seen}).encode()
        length = f"Content-Length: {len(body)}\r\n\r\n".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + body)


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


async def test_who_answered_late_is_not_missing(
    monitor: Monitor, listen: Callable[..., Awaitable[int]]
) -> None:
    url = f"http://127.0.0.1:{await listen(monitor.answer)}"
    monitor.saw("web02.example.org", 5.0)
    ended = await asyncio.to_thread(replies, "aaaa", "--from", url)
    assert monitor.asked == [f"/api/replies/{LACKING.message_id}"]
    assert (ended.exit_code, ended.stderr) == (1, "")
    assert ended.stdout.splitlines()[1:] == [
        "1 of 3 servers answered in 2 s",
        "missing (1)      web03.example.org",
        "late (1)         web02.example.org",
    ]
    monitor.saw("web03.example.org", 7.0)
    ended = await asyncio.to_thread(replies, "aaaa", "--from", url)
    assert ended.exit_code == 0
    assert ended.stdout.splitlines()[2:] == [
        "late (2)         web02.example.org, web03.example.org"
    ]


async def test_who_failed_since_is_named(
    monitor: Monitor, listen: Callable[..., Awaitable[int]]
) -> None:
    url = f"http://127.0.0.1:{await listen(monitor.answer)}"
    for name in LACKING.missing:
        monitor.saw(name, 5.0, type="error", error_class="OSError", error_message="full\x1b")
    ended = await asyncio.to_thread(replies, "aaaa", "--from", url)
    assert ended.exit_code == 1
    assert "failed (2)       web02.example.org, web03.example.org: OSError: full�" in ended.stdout


def test_a_monitor_that_is_away() -> None:
    ended = replies("--from", "http://127.0.0.1:1")
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert "could not be reached" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
