"""What the pulse of 10,000 servers costs the broker: only with --full, it takes minutes.

The servers are simulated in one process, with the default pulse and with others, and nobody asks
them anything. The broker's CPU is that of the one Erlang machine that runs here, in a container
too.
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
PULSES = {"every 15 s, the default": 15.0, "every 30 s": 30.0, "every 60 s": 60.0}
SETTLE = 20.0
"""Seconds after they are ready, in which the broker finishes what their start began."""
WATCHED = 4
"""Pulses that are watched."""


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
    idle = share(machines[0], SETTLE)
    print(f"  the broker without them: {idle:.1f}% of a core", flush=True)
    for name, seconds in PULSES.items():
        try:
            broker, service = _measure(url, machines[0], servers, seconds)
        except (Failed, OSError) as error:
            print(f"  {name}: failed: {error}", flush=True)
            continue
        results.add("pulse_broker_cpu", name, max(0.0, broker - idle))
        results.add("pulse_service_cpu", name, service)
        said = f"the broker {broker:.1f}% of a core, they {service:.1f}%"
        print(f"  {servers:,} servers, {name}: {said}", flush=True)


def _measure(url: str, pid: int, servers: int, seconds: float) -> tuple[float, float]:
    """The shares of a core that the broker and the servers take with such a pulse."""
    command = [str(BIN / "baton"), "run", "ping", "--url", url, "--simulate", str(servers)]
    given = {"BATON_DEADLINE": "120", "BATON_PULSE": f"{seconds:g}"}
    with Process([*command, "--environments", KEY], "ready since", given) as process:
        time.sleep(SETTLE)
        spent, began = process.cpu, time.monotonic()
        broker = share(pid, WATCHED * seconds)
        return broker, (process.cpu - spent) / (time.monotonic() - began) * 100


def markdown(results: Results) -> str:
    """As the page has it, or nothing if it was not measured."""
    broker, service = (
        results.medians(figure) for figure in ("pulse_broker_cpu", "pulse_service_cpu")
    )
    if not broker:
        return ""
    lines = [
        f"{results.where}.",
        "",
        f"| pulse of {SERVERS:,} servers in one process | the broker's CPU | their own |",
        "|---|--:|--:|",
    ]
    lines += [
        f"| {name} | {broker[name]:.1f}% of a core | {service[name]:.1f}% |"
        for name in PULSES
        if name in broker
    ]
    return "\n".join(lines)
