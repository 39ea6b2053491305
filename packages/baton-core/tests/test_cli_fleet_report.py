"""What is printed, in each style."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import pytest

from baton import Configuration, Message, Reply
from baton.cli.fleet.collecting import Question
from baton.cli.fleet.options import FleetOptions, Style
from baton.cli.fleet.progress import Progress
from baton.cli.fleet.report import TextReport, make_report
from baton.cli.terminal import Terminal
from baton.extension import Extension
from baton.fleet import Expected, Request, Result, from_document, row, to_document
from baton.fleet.result import Latency

LATENCY = Latency(2, 0.004, 0.006, 0.006, 0.008, 0.008, 0.008, ((0.005, 1), (0.01, 1)))
RESULT = Result(
    message_id="54912c6b2c079223842fdac4a314bf56", extension="baton-ping", type="ping",
    targets=("production",), sent=1_750_000_000.0, timeout=2.0, took=0.03, expected=3, answered=2,
    replies=2, missing=("web03",), missing_count=1, latency=LATENCY,
)  # fmt: skip


def reply(fqdn: str, outcome: str = "done", **said: Any) -> Reply:
    message = Message({"type": "pong", "fqdn": fqdn, **said})
    return Reply(message, 0.004, "one", {"outcome": outcome, "outputs": 1})


REPLIES = (reply("web01", n=1), reply("web02", n=2))


def report(style: Style, *replies: Reply, fleet: FleetOptions | None = None, **more: Any) -> None:
    """Print *replies*, and the result."""
    request = Request(
        message={"type": "ping"}, targets=("p",), expected=Expected(names=frozenset(["w" * 22]))
    )
    question = Question(
        Configuration(rabbit_url="memory://x"), Extension("baton-ping"), request,
        fleet or FleetOptions(), lambda reply: str(reply.message["n"]), **more,
    )  # fmt: skip
    out, progress = Terminal(), Progress(Terminal(err=True))
    chosen = make_report(style, out, progress, TextReport(out, progress, question))
    for each in replies:
        chosen.reply(each)
    chosen.finish(RESULT)


SUMMARY = """\
2 of 3 servers answered in 0.03 s
round trip       min 4.0, avg 6.0, p50 6.0, p95 8.0, p99 8.0, max 8.0 ms
missing (1)      web03
"""
LATER = "later: baton replies 54912c6b --from URL\n"


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    report(Style.TEXT, *REPLIES)
    lines = f"{'web01':<22}       4.0 ms  1\n{'web02':<22}       4.0 ms  2\n"
    assert capsys.readouterr() == (f"{lines}\n{SUMMARY}{LATER}", "")


def test_text_of_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    report(Style.TEXT)
    assert capsys.readouterr() == (f"{SUMMARY}{LATER}", "")


def test_text_with_a_graph(capsys: pytest.CaptureFixture[str]) -> None:
    report(Style.TEXT, fleet=FleetOptions(graph=True))
    bars = f" ≤ 5 ms  1  {'█' * 50}\n≤ 10 ms  1  {'█' * 50}\n"
    assert capsys.readouterr().out == f"{SUMMARY}{bars}{LATER}"


def test_a_graph_in_ascii(screen: Callable[..., Any]) -> None:
    with redirect_stdout(screen("ascii")) as shown:
        report(Style.TEXT, fleet=FleetOptions(graph=True))
    assert " <= 5 ms  1  #######\n" in shown.shown


def test_text_with_details(capsys: pytest.CaptureFixture[str]) -> None:
    report(Style.TEXT, *REPLIES[:1], details=lambda reply: [f"  n  {reply.message['n']}"])
    assert capsys.readouterr().out.splitlines()[1:3] == ["  n  1", ""]


def test_names(capsys: pytest.CaptureFixture[str]) -> None:
    failed = reply("web03", "failed")
    nameless = reply("")
    hostile = reply("x\x1b[2J")
    begun = Reply(Message({"type": "info", "fqdn": "web04"}), 0.1, "two")
    original = Reply(Message({"type": "pong", "fqdn": "old"}), 0.1, "original", original=True)
    report(Style.NAMES, *REPLIES, *REPLIES, failed, nameless, hostile, begun, original)
    assert capsys.readouterr() == ("web01\nweb02\nx�[2J\nold\n", "")


@pytest.mark.parametrize("replies", [(), REPLIES])
def test_json(capsys: pytest.CaptureFixture[str], replies: tuple[Reply, ...]) -> None:
    report(Style.JSON, *replies)
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(json.dumps(to_document(RESULT, replies)))
    assert list(document) == list(to_document(RESULT, replies))
    assert from_document(document).missing == ("web03",)


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    report(Style.JSON_LINES, *REPLIES)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        *({"reply": row(each)} for each in REPLIES),
        {"result": to_document(RESULT)},
    ]
