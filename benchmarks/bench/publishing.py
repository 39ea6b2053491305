"""Commands published and confirmed: Baton's API beside pika, one by one and pipelined."""

from __future__ import annotations

import subprocess
import sys

from bench.plan import Plan
from bench.process import BENCHMARKS
from bench.results import Results
from bench.subjects import BATON, PIKA_BLOCKING, PIKA_SELECT
from bench.wire import Wire

EXCHANGE = "bench_publish_in"
TURNS = (
    ("publish_call", BATON, "baton", "call"),
    ("publish_call", PIKA_BLOCKING, "pika", "call"),
    ("publish_many", BATON, "baton", "many"),
    ("publish_many", PIKA_SELECT, "pika", "many"),
)


def run(url: str, plan: Plan, results: Results) -> None:
    """Interleaved; a queue takes the commands, and nobody reads them until the next turn."""
    for number in range(plan.rounds):
        for figure, subject, who, how in TURNS:
            if not plan.wants("publish", subject):
                continue
            count = plan.called if how == "call" else plan.published
            with Wire(url) as wire:
                wire.exchange(EXCHANGE)
                wire.queue(EXCHANGE, "production")
                command = [sys.executable, "-m", "peers.publish", who, how, url, EXCHANGE]
                ran = subprocess.run(
                    [*command, str(count)],
                    cwd=BENCHMARKS,
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
            if ran.returncode:
                print(f"  {subject}, {how}: failed: {ran.stderr.strip()[-400:]}", flush=True)
                continue
            rate = float(ran.stdout)
            results.add(figure, subject, rate)
            print(
                f"  {number + 1}/{plan.rounds}  {subject:30} {how}  {rate:8,.0f} msg/s", flush=True
            )
