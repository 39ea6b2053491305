"""The fleet as a table."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from baton_ping_monitor.fleet.view import FleetView, ServerView, State
from baton_ping_monitor.terminal.table import FleetTable, duration, milliseconds

NOW = 100_000.0


def server(fqdn: str, state: State = State.UP, **more: object) -> ServerView:
    values: dict[str, object] = {
        "environment": "production",
        "app_names": ("shop",),
        "last_pong": NOW - 0.4,
        "latency": 0.012,
        "pongs": 42,
    }
    return ServerView(fqdn=fqdn, state=state, **(values | more))  # type: ignore[arg-type]


VIEW = FleetView(
    NOW,
    (
        server("web03.example.org", State.MISSING, last_pong=NOW - 75, app_names=("shop", "blog")),
        server("new.example.org", State.NEVER_SEEN, last_pong=None, latency=None, pongs=0),
        server("db02.example.org", State.LATE, environment="staging", latency=0.85),
        server("old.example.org", State.QUIET, app_names=(), last_pong=NOW - 7300, latency=None),
        server(
            "mail01.example.org",
            errors=1234,
            is_failing=True,
            last_error="OSError: no space left on /var/mail",
            error_at=NOW - 1,
            latency=None,
        ),
        server("web01.example.org", pongs=1_204),
        server("web09.example.org", State.MAINTENANCE),
    ),
    pings=120,
    pongs=1_372,
    errors=1234,
    malformed=1,
)


def render(
    table: FleetTable, width: int, height: int = 40, encoding: str = "utf-8", *, color: bool = False
) -> list[str]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="replace")
    console = Console(
        file=file,
        width=width,
        height=height,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
    )
    console.print(table)
    file.flush()
    return raw.getvalue().decode(encoding).splitlines()


def test_where_there_is_room() -> None:
    lines = render(FleetTable(VIEW, "What is shown.", ("Connected",)), 160)
    assert [re.sub(" +", " ", line).rstrip() for line in lines] == [
        "What is shown.",
        "",
        (
            "baton-ping: 7 servers ✖ 1 missing ◇ 1 never seen ◐ 1 late ▲ 1 failing ○ 1 quiet "
            "● 1 up ◆ 1 in maintenance"
        ),
        "",
        "server environment apps state last pong latency pongs errors",
        "web03.example.org production shop blog ✖ missing 75 s 12 ms 42 0",
        "new.example.org production shop ◇ never seen – – 0 0",
        "db02.example.org staging shop ◐ late 0 s 850 ms 42 0",
        "mail01.example.org production shop ▲ failing 0 s – 42 1,234",
        "old.example.org production – ○ quiet 2 h – 42 0",
        "web01.example.org production shop ● up 0 s 12 ms 1,204 0",
        "web09.example.org production shop ◆ in maintenance 0 s 12 ms 42 0",
        "",
        "mail01.example.org: OSError: no space left on /var/mail",
        "",
        "120 pings, 1,372 pongs, 1,234 errors, 1 malformed output",
        "Connected",
    ]
    columns = {line.index(word) for line, word in zip(lines[5:12], ["✖", *"◇◐▲○●◆"], strict=True)}
    assert len(columns) == 1


def test_at_80_every_column_is_there() -> None:
    lines = render(FleetTable(VIEW), 80)[2:4]
    assert lines[0].split() == [
        *("server", "environ…", "apps", "state"),
        *("last", "pong", "latency", "pongs", "errors"),
    ]
    assert lines[1].split()[:2] == ["web03.example.o…", "product…"]


def test_at_60_what_matters_least_is_left_out() -> None:
    lines = render(FleetTable(VIEW), 60)[2:4]
    assert lines[0].split() == ["server", "state", "last", "pong", "latency", "errors"]
    assert lines[1].split()[1:] == ["✖", "missing", "75", "s", "12", "ms", "0"]


@pytest.mark.parametrize("width", [20, 30, 40, 50, 60, 70, 80, 90, 100, 120, 160, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = render(FleetTable(VIEW, "What is shown. " * 10, ("Connected " * 20,)), width)
    assert max(map(len, lines)) <= width
    assert any("missing" in line and "w" in line for line in lines)


@pytest.mark.parametrize("height", [5, 8, 12, 24, 40])
def test_no_screen_is_higher_than_the_terminal(height: int) -> None:
    servers = (*VIEW.servers, *(server(f"web{number}.example.org") for number in range(100)))
    view = FleetView(NOW, servers, pongs=1)
    lines = render(FleetTable(view, "What is shown. " * 10, ("Connected",), height), 80, height)
    if height > 10:
        assert len(lines) == height
    assert "web03.example.org" in lines[3]
    assert any(line.startswith("and ") and " up" in line for line in lines)


def test_the_introduction_gives_way_to_servers() -> None:
    table = FleetTable(VIEW, "What is shown.", ("Connected",), height=16)
    assert "What is shown." not in render(table, 80)
    assert any("web09" in line for line in render(table, 80))


def test_a_fleet_of_none() -> None:
    assert render(FleetTable(FleetView(NOW)), 80) == [
        "baton-ping: no servers",
        "",
        "No server was heard yet.",
        "",
        "no pongs, no errors",
    ]


def test_a_terminal_that_knows_ascii_alone() -> None:
    assert render(FleetTable(VIEW), 160, encoding="ascii")[0] == (
        "baton-ping: 7 servers  x 1 missing  n 1 never seen  ~ 1 late  ! 1 failing  ? 1 quiet"
        "  * 1 up  # 1 in maintenance"
    )


def test_colour_comes_on_top() -> None:
    assert any("\x1b[1;31m▲ failing" in line for line in render(FleetTable(VIEW), 160, color=True))


def test_what_servers_say_is_no_markup() -> None:
    failing = server("[red]web[/red]", errors=1, is_failing=True, last_error="[/] :smile:")
    text = "\n".join(render(FleetTable(FleetView(NOW, (failing,))), 100))
    assert "[red]web[/red]" in text
    assert "[/] :smile:" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1.0, "0 s"), (119.9, "119 s"), (120, "2 min"), (7199, "119 min"), (172_800, "2 d")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_latencies() -> None:
    assert milliseconds(0.0004) == "0 ms"
    assert milliseconds(9.9994) == "9999 ms"
