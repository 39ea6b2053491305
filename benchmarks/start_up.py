"""How long it takes until a person or a fleet can use it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from broker import broker_url

BIN = Path(sys.executable).parent


def best_of(count: int, arguments: list[str]) -> float:
    """The least time that a command took, in milliseconds."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def until_ready(url: str) -> float:
    """From the start of baton-ping until it says that it is ready, in milliseconds."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(BIN / "baton-ping"), "--url", url],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"BATON_FQDN": "web01.example.org"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "is ready" in line:
            break
    took = time.perf_counter() - began
    process.terminate()
    process.communicate(timeout=30)
    return took * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a broker to use; without it, one is started")
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    empty = best_of(options.count, [sys.executable, "-c", "pass"])
    click = best_of(options.count, [sys.executable, "-c", "import click"])
    usage = best_of(options.count, [str(BIN / "baton"), "--help"])
    with broker_url(options.url) as url:
        ready = min(until_ready(url) for _ in range(5))
    print(f"best of {options.count}, milliseconds")
    print(f"python -c pass            {empty:7.1f}")
    print(f"python -c 'import click'  {click:7.1f}   {click / empty:.1f} ×")
    print(f"baton --help              {usage:7.1f}   {usage / empty:.1f} ×   (goal: 5 × or less)")
    print(f"baton-ping to ready       {ready:7.1f}   (best of 5)")


if __name__ == "__main__":
    main()
