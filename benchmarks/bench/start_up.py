"""How long a command takes that does nothing, beside an empty Python: the best of many."""

from __future__ import annotations

import subprocess
import sys
import time

from bench.plan import Plan
from bench.results import Results
from bench.subjects import BIN

EMPTY, CLICK, HELP = "python -c pass", "python -c 'import click'", "baton --help"
COMMANDS = {
    EMPTY: [sys.executable, "-c", "pass"],
    CLICK: [sys.executable, "-c", "import click"],
    HELP: [str(BIN / "baton"), "--help"],
}


def run(plan: Plan, results: Results) -> None:
    """Interleaved; the sample is the best of each."""
    if not plan.wants("start", *COMMANDS):
        return
    best = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(plan.starts):
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            best[name] = min(best[name], time.perf_counter() - began)
    for name, took in best.items():
        results.add("start", name, took * 1000)
        print(f"  {name:26} {took * 1000:6.1f} ms, the best of {plan.starts}", flush=True)
