"""What the pulse of 10,000 servers costs the broker: only with --full, it takes minutes.

The servers are simulated in one process, with the default pulse and a longer one, and nobody asks
them anything. They share two connections, which real servers do not: some services with their own
are measured beside them. The broker's CPU is that of the one Erlang machine that runs here, in a
container too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from bench import erlang
from bench.plan import Plan
from bench.process import Failed, Process
from bench.results import Results
from bench.subjects import BATON, BIN, KEY, READY

SERVERS = 10_000
SERVICES = 200
PULSES = (15.0, 30.0)
"""Seconds; the first is the default."""
EXCHANGE = "bench_pulse"
SETTLE = 20.0
"""Seconds after they are ready, in which the broker finishes what their start began."""
WATCHED = 4
"""Pulses that are watched."""


def run(url: str, plan: Plan, results: Results, servers: int = SERVERS) -> None:
    """The broker's CPU with the servers, less that without them."""
    if not (plan.full and plan.wants("pulse", BATON)):
        return
    machine = erlang.machine()
    if machine is None:
        print("  not measured: it takes one Erlang machine here, and no other", flush=True)
        return
    erlang.settle()
    idle = erlang.share(machine, SETTLE)
    print(f"  the broker without them: {idle:.1f}% of a core", flush=True)
    for name, process, seconds in _turns(url, servers):
        try:
            broker, own = _measure(process, machine, seconds)
        except (Failed, OSError) as error:
            print(f"  {name}: failed: {error}", flush=True)
            continue
        results.add("pulse_broker_cpu", name, max(0.0, broker - idle))
        results.add("pulse_service_cpu", name, own)
        print(f"  {name}: the broker {broker:.1f}% of a core, they {own:.1f}%", flush=True)


def _turns(url: str, servers: int) -> Iterator[tuple[str, Process, float]]:
    """What is measured: its name, the process to be started, the seconds of its pulse."""
    exchanges = {"BATON_EXCHANGE": f"{EXCHANGE}_in", "BATON_EXCHANGE_OUT": f"{EXCHANGE}_out"}
    for seconds in PULSES:
        given = {"BATON_DEADLINE": "120", "BATON_PULSE": f"{seconds:g}"}
        command = [str(BIN / "baton"), "run", "ping", "--url", url, "--simulate", str(servers)]
        command += ["--environments", KEY]
        name = f"{servers:,} servers on two connections, every {seconds:g} s"
        yield name, Process(command, "ready since", exchanges | given), seconds
    command = [sys.executable, "-m", "peers.baton_services", url, EXCHANGE, str(SERVICES)]
    given = {"BATON_DEADLINE": "120"}
    name = f"{SERVICES} services with two connections each, every {PULSES[0]:g} s"
    yield name, Process(command, READY, given), PULSES[0]


def _measure(started: Process, pid: int, seconds: float) -> tuple[float, float]:
    """The shares of a core that the broker and the servers take with such a pulse."""
    erlang.settle()
    with started as process:
        time.sleep(SETTLE)
        spent, began = process.cpu, time.monotonic()
        broker = erlang.share(pid, WATCHED * seconds)
        return broker, (process.cpu - spent) / (time.monotonic() - began) * 100


def markdown(results: Results) -> str:
    """As the page has it, or nothing if it was not measured."""
    broker = results.samples.get("pulse_broker_cpu", {})
    if not broker:
        return ""
    lines = [
        f"{results.where}, of which the pulse has one.",
        "",
        "| pulse of | the broker's CPU | their own |",
        "|---|--:|--:|",
    ]
    for name, (share_of_broker, *_) in broker.items():
        own = results.median("pulse_service_cpu", name)
        lines.append(f"| {name} | {share_of_broker:.1f}% of a core | {own:.1f}% |")
    return "\n".join(lines)
