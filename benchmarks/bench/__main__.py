"""The bench's command: measure, compare with the baseline, draw again."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from bench import collecting, fan_out, page, publishing, pulse, serving, start_up, table
from bench.broker import broker_url
from bench.goals import SUBJECTS_OF_GOALS
from bench.guard import compare
from bench.plan import Plan
from bench.plots import draw
from bench.programs import Programs
from bench.results import BASELINE, FOLDER, LATEST, Results, WrongResults
from bench.subjects import SUBJECTS

PARTS = ("serving", "fan-out", "collecting", "publishing", "pulse", "start")


def measure(url: str | None, plan: Plan, parts: list[str], install: bool, quick: bool) -> Results:
    """A whole run; what it does is said as it is done."""
    results = Results.begin(plan.rounds, quick)
    began = time.monotonic()

    def part(name: str, what: str) -> bool:
        if name in parts:
            print(f"\n{what} ({time.monotonic() - began:.0f} s so far)", flush=True)
        return name in parts

    wanted = (each.program for each in SUBJECTS if each.program and plan.wants(each.name))
    with broker_url(url) as found, Programs(wanted, install=install) as programs:
        if part("serving", "Throughput, round trip, CPU, memory"):
            serving.run(found, programs, plan, results)
        if part("fan-out", "One ping to many servers in a process"):
            fan_out.run(found, programs, plan, results)
        if part("collecting", f"{plan.replies:,} replies collected"):
            collecting.run(found, plan, results)
        if part("publishing", "Commands published and confirmed"):
            publishing.run(found, plan, results)
        if plan.full and part("pulse", "The pulse of 10,000 servers"):
            pulse.run(found, plan, results)
    if part("start", "Start"):
        start_up.run(plan, results)
    print(f"\n{time.monotonic() - began:.0f} s in all", flush=True)
    return results


def guard(results: Results, baseline: Results, strict: bool) -> int:
    """Say what is worse than in the baseline; the exit code."""
    verdict = compare(results, baseline)
    for each in verdict.regressions:
        print(f"::warning::{each}" if "GITHUB_ACTIONS" in os.environ else f"worse: {each}")
    print(f"{verdict.compared} ratios compared, {len(verdict.regressions)} of them worse")
    if verdict.compared == 0:
        print("Nothing could be compared: the run and the baseline have no ratio in common")
    return int(strict and (bool(verdict.regressions) or verdict.compared == 0))


def save(results: Results, plots: list[Path]) -> None:
    """Keep a whole run: as the baseline, and in the page. A pulse that was not measured leaves
    what an earlier run found of it."""
    results.write(BASELINE)
    page.keep(plots, table.SHOWN)
    page.write("measured", table.markdown(results))
    if found := pulse.markdown(results):
        page.write("pulse", found)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--url", help="a broker to use; by default one as the tests find it")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--full", action="store_true", help="10,000 servers in a process, too")
    parser.add_argument("--rounds", type=int, help="how often each is measured (default: 5)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="what has this in its name"
    )
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="only this; may be given several times"
    )
    parser.add_argument("--no-install", action="store_true", help="install nothing with apt-get")
    parser.add_argument(
        "--save", action="store_true", help="keep the results as the baseline and in the docs"
    )
    parser.add_argument("--guard", action="store_true", help="compare with the baseline")
    parser.add_argument("--strict", action="store_true", help="with --guard: exit 1 if worse")
    parser.add_argument(
        "--draw", action="store_true", help="measure nothing; show and draw the latest results"
    )
    given = parser.parse_args(arguments)
    if given.rounds is not None and given.rounds < 1:
        parser.error("--rounds has to be 1 or more")
    if given.save and (given.quick or given.only or given.part):
        parser.error("--save keeps a whole run: not with --quick, --only or --part")
    return given


def main() -> int:
    """Do what the command line says."""
    given = parse()
    try:
        baseline = None
        if given.guard:
            if not BASELINE.exists():
                print(f"{BASELINE}: there is no baseline to compare with; nothing is measured.")
                print("`hatch run bench --save` makes one, on a machine that does nothing else")
                return int(given.strict)
            baseline = Results.read(BASELINE)  # before minutes are spent
        if given.draw:
            results = Results.read(LATEST)
            if given.save and not results.about.get("whole"):
                raise WrongResults(f"{LATEST}: not of a whole run, which a baseline has to be")
        else:
            only = given.only or (SUBJECTS_OF_GOALS if given.guard else ())
            more = {"full": given.full, "only": tuple(only)}
            if given.rounds is not None:
                more["rounds"] = given.rounds
            plan = Plan.quick(**more) if given.quick else Plan(**more)
            parts = given.part or list(PARTS)
            results = measure(given.url, plan, parts, not given.no_install, given.quick)
            results.about["whole"] = not (given.quick or given.only or given.part)
            results.write(LATEST)
        print(table.text(results))
        plots = draw(results, FOLDER)
        for path in plots:
            print(f"drawn: {path}")
        if given.save:
            save(results, plots)
        if baseline is not None:
            return guard(results, baseline, given.strict)
    except WrongResults as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
