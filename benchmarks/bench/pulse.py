"""What the pulse of 10,000 servers costs the broker: only with --full, it takes minutes.

The servers are simulated in one process, with the default pulse, and nobody asks them anything. The
broker's CPU is that of the one Erlang machine that runs here, in a container too.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.plan import Plan
from bench.process import Failed, Process, cpu_of
from bench.results import Results
from bench.subjects import BATON, BIN, KEY

SERVERS = 10_000
SETTLE = 20.0
"""Seconds after they are ready, in which the broker finishes what their start began."""
WATCHED = 60.0
"""Seconds: four pulses of each."""


def erlang_machines() -> list[int]:
    """The process ids of all Erlang machines here."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                program = (folder / "comm").read_text().strip()
            except OSError:  # it has ended
                continue
            if program == "beam.smp":
                found.append(int(folder.name))
    return found


def share(pid: int, seconds: float) -> float:
    """Hundredths of a core that a process uses in the next *seconds*."""
    before, began = cpu_of(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_of(pid) - before) / (time.monotonic() - began) * 100


def run(url: str, plan: Plan, results: Results, servers: int = SERVERS) -> None:
    """The broker's CPU with the servers, less that without them."""
    if not (plan.full and plan.wants("pulse", BATON)):
        return
    machines = erlang_machines()
    if len(machines) != 1 or not os.access(f"/proc/{machines[0]}/task", os.R_OK):
        print(f"  not measured: {len(machines)} Erlang machines run here, it takes one", flush=True)
        return
    try:
        found, idle = _measure(url, machines[0], servers)
    except (Failed, OSError) as error:
        print(f"  failed: {error}", flush=True)
        return
    results.add("pulse_broker_cpu", BATON, found)
    print(f"  {servers:,} servers: {found:.1f}% of a core, {idle:.1f}% without them", flush=True)


def _measure(url: str, pid: int, servers: int) -> tuple[float, float]:
    """The share that the servers' pulse takes, and the broker's without them."""
    idle = share(pid, SETTLE)
    command = [str(BIN / "baton"), "run", "ping", "--url", url, "--simulate", str(servers)]
    with Process([*command, "--environments", KEY], "ready since", {"BATON_DEADLINE": "120"}):
        time.sleep(SETTLE)
        return max(0.0, share(pid, WATCHED) - idle), idle
