"""How long a command takes that does nothing, beside an empty Python: the best of many."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from bench.environment import baton_alone
from bench.plan import Plan
from bench.results import Results

EMPTY, CLICK, HELP = "python -c pass", "python -c 'import click'", "baton --help"


def commands(folder: Path) -> dict[str, list[str]]:
    """What is started, of the executables in *folder*."""
    python = str(folder / "python")
    return {
        EMPTY: [python, "-c", "pass"],
        CLICK: [python, "-c", "import click"],
        HELP: [str(folder / "baton"), "--help"],
    }


def run(plan: Plan, results: Results) -> None:
    """Interleaved; the sample is the best of each."""
    if not plan.wants("start", EMPTY, CLICK, HELP):
        return
    with baton_alone() as folder:
        started = commands(folder)
        best = dict.fromkeys(started, float("inf"))
        for _ in range(plan.starts):
            for name, command in started.items():
                began = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                best[name] = min(best[name], time.perf_counter() - began)
    for name, took in best.items():
        results.add("start", name, took * 1000)
        print(f"  {name:30} {took * 1000:6.1f} ms, the best of {plan.starts}", flush=True)
