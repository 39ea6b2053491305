"""The dashboard's store with a long history: how quick it answers, what it costs, its size.

It generates a day of outputs through the store itself, and writes the older roll-ups beneath it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from baton_ping_monitor.clock import Clock
from baton_ping_monitor.observation import Observation
from baton_ping_monitor.settings import Retention
from baton_ping_monitor.store.database import Database
from baton_ping_monitor.store.records import (
    Batch,
    EventFilter,
    Missed,
    ServerRecord,
    Span,
    Transition,
)
from baton_ping_monitor.store.schema import hours, minutes
from baton_ping_monitor.store.store import Store

DAY = 86_400
MINUTE, HOUR = 60, 3600
SILENT, FAILING = 0.002, 0.001
"""The parts of pings that are let pass, and that are answered with an error."""
AT_ONCE = 20_000
LIVE = 500
"""Outputs a second that are written while questions are asked."""


def names(count: int) -> list[str]:
    return [f"web{number:05}.example.org" for number in range(count)]


def round_of(fqdns: Sequence[str], at: float) -> Batch:
    """What one ping brings."""
    ping = uuid.uuid4().hex
    said, silent = [], []
    for number, fqdn in enumerate(fqdns):
        luck = random.random()
        if luck < SILENT:
            silent.append(Missed(at, fqdn))
            continue
        is_error = luck < SILENT + FAILING
        environment = ("production", "staging")[number % 2]
        said.append(
            Observation(
                at + random.random(),
                "baton-ping",
                "error" if is_error else "pong",
                fqdn=fqdn,
                environment=environment,
                app_names=("shop", "mail"),
                summary="RuntimeError: the disk is full" if is_error else "pong",
                body=f'{{"type": "pong", "environment": "{environment}", "fqdn": "{fqdn}", '
                '"app_names": ["shop", "mail"]}',
                message_id=uuid.uuid4().hex,
                correlation_id=ping,
                instance=f"{number:032x}",
                error="the disk is full" if is_error else "",
                latency=random.lognormvariate(-4, 0.5),
            )
        )
    servers = tuple(ServerRecord(fqdn, "production", last_seen=at) for fqdn in fqdns)
    return Batch(tuple(said), tuple(silent), servers)


def write_day(store: Store, fqdns: Sequence[str], now: float, every: int) -> int:
    """Write the last day's outputs; how many there were."""
    written = 0
    for step in range(DAY // every, 0, -1):
        batch = round_of(fqdns, now - step * every)
        store.write(batch)
        written += len(batch.observations)
    changes = [
        Transition(now - random.random() * 90 * DAY, fqdn, "up", "missing")
        for fqdn in fqdns
        for _ in range(50)
    ]
    store.write(Batch(transitions=tuple(sorted(changes, key=lambda change: change.at))))
    store.roll()
    return written


def write_roll_ups(url: str, count: int, now: float, days: int) -> None:
    """Write minutes and hours of all days but the last."""
    database = Database.open(url)
    with closing(database):
        for table, width, age in ((minutes, MINUTE, 7), (hours, HOUR, days)):
            begin = int(now - age * DAY) // width * width
            rows = _rows(count, range(begin, int(now - DAY) // width * width, width), width)
            _insert(database, table, rows)


def _rows(count: int, times: range, width: int) -> Iterator[dict[str, Any]]:
    answered = max(1, width // 60)
    for server_id in range(1, count + 1):
        for at in times:
            mean = random.lognormvariate(-4, 0.5)
            yield {
                "server_id": server_id,
                "at": at,
                "answered": answered,
                "missed": int(random.random() < SILENT),
                "errors": 0,
                "low": mean * 0.7,
                "high": mean * 1.9,
                "total": mean * answered,
                "measured": answered,
            }


def _insert(database: Database, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    while chunk := [row for _, row in zip(range(AT_ONCE), rows, strict=False)]:
        with database.writing() as connection:
            connection.execute(table.insert(), chunk)


@contextmanager
def writing(store: Store, fqdns: Sequence[str], is_on: bool) -> Iterator[list[float]]:
    """Write :data:`LIVE` outputs a second within the block; the seconds of each transaction."""
    took: list[float] = []
    end = threading.Event()

    def write() -> None:
        part = min(len(fqdns), LIVE // 5)
        while not end.wait(part / LIVE):
            batch = round_of(random.sample(fqdns, part), time.time())
            began = time.perf_counter()
            store.write(batch)
            took.append(time.perf_counter() - began)

    thread = threading.Thread(target=write)
    if is_on:
        thread.start()
    try:
        yield took
    finally:
        end.set()
        if is_on:
            thread.join()


def measure(name: str, ask: Callable[[], Sequence[object]], times: int) -> None:
    """Ask *times* times, and print what it took."""
    took, sizes = [], []
    for _ in range(times):
        began = time.perf_counter()
        sizes.append(len(ask()))
        took.append(time.perf_counter() - began)
    took.sort()
    print(
        f"{name:34} {max(sizes):7,} rows  median {statistics.median(took) * 1000:8.1f} ms  "
        f"p95 {took[int(len(took) * 0.95)] * 1000:8.1f} ms",
        flush=True,
    )


def ask_everything(store: Store, fqdns: Sequence[str], now: float, times: int) -> None:

    def any_server() -> str:
        return random.choice(fqdns)

    newest = store.events(EventFilter(), 1)[0]
    for span in Span:
        measure(f"points, {span}", partial(_points, store, fqdns, span, now), times)
    filters: dict[str, Callable[[], EventFilter]] = {
        "events": EventFilter,
        "events of a server": lambda: EventFilter(fqdn=any_server()),
        "events of a frequent kind": lambda: EventFilter(kind="pong"),
        "events of a rare kind": lambda: EventFilter(kind="error"),
        "events with a text": lambda: EventFilter(text="disk"),
        "events with a text that is nowhere": lambda: EventFilter(text="nothing has this"),
        "events, far back": lambda: EventFilter(kind="pong", before=newest.id // 2),
    }
    for name, which in filters.items():
        measure(name, partial(_events, store, which), times)
    ping = newest.observation.correlation_id or ""
    measure("replies to a ping", lambda: store.replies(ping), times)
    measure("transitions", lambda: store.transitions(None, 0, 100), times)
    measure("transitions of a server", lambda: store.transitions(any_server(), 0, 100), times)
    measure("servers, at the start", store.servers, 3)
    measure("last samples, at the start", lambda: list(store.recent(fqdns)), 3)


def _points(store: Store, fqdns: Sequence[str], span: Span, now: float) -> Sequence[object]:
    return store.points(random.choice(fqdns), span, now)


def _events(store: Store, which: Callable[[], EventFilter]) -> Sequence[object]:
    return store.events(which(), 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="a SQLAlchemy URL of an empty database; else a file")
    parser.add_argument("--servers", type=int, default=500)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--every", type=int, default=60, help="seconds between two pings")
    parser.add_argument("--times", type=int, default=200, help="how often each question is asked")
    options = parser.parse_args()
    fqdns = names(options.servers)
    now = time.time()
    with tempfile.TemporaryDirectory(prefix="baton-history-", dir="/var/tmp") as folder:
        url = options.database or f"sqlite:///{Path(folder) / 'dashboard.db'}"
        with closing(Store.open(url, Retention(), Clock())) as store:
            began, cpu = time.perf_counter(), time.process_time()
            written = write_day(store, fqdns, now, options.every)
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        print(
            f"{written:,} outputs of {options.servers:,} servers written in {wall:.0f} s: "
            f"{cpu / written * 1e6:.0f} us of a processor each, of which making them is a part; "
            f"{cpu / written * LIVE * 100:.1f}% of a core at {LIVE} a second"
        )
        write_roll_ups(url, options.servers, now, options.days)
        began = time.perf_counter()
        with closing(Store.open(url, Retention(), Clock())) as store:
            print(f"opened in {time.perf_counter() - began:.2f} s")
            print(f"size: {store.size() / 1e6:,.0f} MB for {options.days} days")
            for is_on in (False, True):
                print(f"\nWhile {LIVE if is_on else 'no'} outputs a second are written:")
                with writing(store, fqdns, is_on) as took:
                    ask_everything(store, fqdns, now, options.times)
                    if is_on:
                        began = time.perf_counter()
                        store.roll()
                        store.prune()
                        print(f"upkeep took {time.perf_counter() - began:.1f} s")
                if took:
                    took.sort()
                    print(
                        f"transactions: median {statistics.median(took) * 1000:.1f} ms, "
                        f"p95 {took[int(len(took) * 0.95)] * 1000:.1f} ms, "
                        f"longest {took[-1] * 1000:.0f} ms"
                    )


if __name__ == "__main__":
    main()
