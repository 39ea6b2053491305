"""10,000 replies to one command: `baton ping`, which prints each, beside what bare pika consumes.

The replies are as 10,000 servers' would be, but the bench publishes them, in one write.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterator

from pika.spec import BasicProperties

from bench.plan import Plan
from bench.process import Failed, Process
from bench.results import Results
from bench.subjects import BATON, BIN, KEY, PIKA_BLOCKING, READY
from bench.wire import Wire, frames

EXCHANGE = "bench_collect"
OUT = f"{EXCHANGE}_out"
WAIT = 60.0


def replies(count: int, reply_key: str, command: str) -> Iterator[tuple[BasicProperties, bytes]]:
    """The pongs of so many servers to one command."""
    for number in range(count):
        pong = {
            "type": "pong",
            "environment": KEY,
            "fqdn": f"web{number:05}.example.org",
            "app_names": ["shop"],
        }
        end = {"outcome": "done", "outputs": 1, "duration": 100, "fqdn": pong["fqdn"]}
        properties = BasicProperties(
            content_type="application/json",
            message_id=uuid.uuid4().hex,
            correlation_id=command,
            delivery_mode=2,
            headers={
                "baton-version": 1,
                "baton-instance": uuid.uuid4().hex,
                "baton-seq": 0,
                "baton-end": end,
                "BCC": [reply_key],
            },
        )
        yield properties, json.dumps(pong).encode()


def by_baton(url: str, count: int) -> float:
    """Seconds from the first reply until `baton ping` has printed all, and its summary."""
    command = [str(BIN / "baton"), "ping", KEY, "--url", url, "--expect", str(count)]
    exchanges = {"BATON_EXCHANGE": f"{EXCHANGE}_in", "BATON_EXCHANGE_OUT": OUT}
    with Wire(url) as servers, Wire(url) as sending:
        servers.exchange(f"{EXCHANGE}_in")
        servers.exchange(OUT)
        servers.consume(servers.queue(f"{EXCHANGE}_in", KEY))
        with Process([*command, "--timeout", "60"], "", exchanges) as process:
            asked = servers.take()
            prepared = frames(OUT, "", replies(count, asked.reply_to, asked.message_id))
            began = time.perf_counter()
            sending.send(prepared)
            return process.wait_for("round trip", WAIT) - began


def by_pika(url: str, count: int) -> float:
    """Seconds from the first reply until bare pika has decoded all."""
    key = uuid.uuid4().hex
    with Wire(url) as sending:
        sending.exchange(OUT)
        prepared = frames(OUT, "", replies(count, key, uuid.uuid4().hex))
        command = [sys.executable, "-m", "peers.collect", url, OUT, key, str(count)]
        with Process(command, READY) as process:
            began = time.perf_counter()
            sending.send(prepared)
            return process.wait_for("\nall", WAIT) - began


def run(url: str, plan: Plan, results: Results) -> None:
    """Interleaved."""
    for number in range(plan.rounds):
        for subject, collect in ((BATON, by_baton), (PIKA_BLOCKING, by_pika)):
            if not plan.wants("collect", subject):
                continue
            try:
                rate = plan.replies / collect(url, plan.replies)
            except (Failed, OSError) as error:
                print(f"  {subject}: failed: {error}", flush=True)
                continue
            results.add("collect", subject, rate)
            print(f"  {number + 1}/{plan.rounds}  {subject:30} {rate:8,.0f} replies/s", flush=True)
