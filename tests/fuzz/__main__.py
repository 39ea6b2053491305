"""Fuzzes targets with atheris, each in a process of its own, and tells what was found.

    python -m fuzz one message --seconds 120
    python -m fuzz all --seconds 600 --jobs 2

What it finds stays in the folder of --found: an input that is worth keeping goes to corpus/.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from fuzz.targets import TARGETS

CORPUS: Final = Path(__file__).parent / "corpus"
LAUNCHER: Final = "fuzz"
_LONGEST_INPUT: Final = 4096
"""Bytes. Larger ones are a matter of tests/properties."""
_TIMEOUT: Final = 20
"""Seconds of the clock for one input: the fuzzer's own instruments take most of them."""
_MEMORY: Final = 1024
"""MiB of the process."""


def main() -> int:
    """What the command line asks for; 1 if a target failed."""
    parser = argparse.ArgumentParser(prog="fuzz", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("one", help="one target")
    one.add_argument("target", choices=TARGETS)
    every = commands.add_parser("all", help="all of them")
    every.add_argument("--jobs", type=int, default=2, help="targets at a time")
    merge = commands.add_parser("merge", help="what of the inputs found is worth keeping")
    merge.add_argument("target", choices=TARGETS)
    for each in (one, every):
        each.add_argument("--seconds", type=int, default=600, help="for each target")
        each.add_argument("--seed", type=int, default=0, help="0 is another one each time")
    for each in (one, every, merge):
        each.add_argument("--found", type=Path, default=Path("/tmp/baton-fuzz"))
    options = parser.parse_args([word for word in sys.argv[1:] if word != "--"])
    names = list(TARGETS) if options.command == "all" else [options.target]
    for name in names:  # all before the first is run, whose process would hold the next one open
        _make_launcher(name, options.found / name)
    if options.command == "merge":
        return _run(
            options.target, ["-set_cover_merge=1", str(CORPUS / options.target)], options.found
        )
    flags = [f"-max_total_time={options.seconds}", f"-seed={options.seed}"]
    with ThreadPoolExecutor(getattr(options, "jobs", 1)) as pool:
        codes = list(pool.map(lambda name: _run(name, flags, options.found), names))
    for name, code in zip(names, codes, strict=True):
        print(f"{name}: {'nothing found' if code == 0 else f'FAILED ({code})'}")
    return 1 if any(codes) else 0


def _run(name: str, flags: list[str], found: Path) -> int:
    place = found / name
    inputs = place / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    corpus = [str(inputs)] if "-set_cover_merge=1" in flags else [str(inputs), str(CORPUS / name)]
    limits = [f"-max_len={_LONGEST_INPUT}", f"-timeout={_TIMEOUT}", f"-rss_limit_mb={_MEMORY}"]
    command = [str(place / LAUNCHER), *flags, *corpus, *limits]
    begin = time.monotonic()
    with (place / "log").open("w") as log:
        code = subprocess.run(
            [*command, f"-artifact_prefix={place}/"],
            check=False,
            stdout=log,
            stderr=subprocess.STDOUT,
        ).returncode
    took = time.monotonic() - begin
    lines = (place / "log").read_text(errors="replace").splitlines()
    if code:
        print("\n".join(lines[-40:]))
    print(f"{name}: {took:.0f} s, {_last(lines)}; {place}/log", flush=True)
    return code


def _make_launcher(name: str, place: Path) -> None:
    """A program that fuzzes the target *name*: libFuzzer starts itself again by its own name."""
    place.mkdir(parents=True, exist_ok=True)
    path = place / LAUNCHER
    words = shlex.join([sys.executable, "-m", "fuzz.worker", name, str(path)])
    path.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    path.chmod(0o755)


def _last(lines: list[str]) -> str:
    """What the fuzzer said of its work last."""
    told = [line for line in lines if line.startswith(("#", "MERGE")) and "cov" in line]
    return told[-1] if told else "nothing said"


if __name__ == "__main__":
    sys.exit(main())
