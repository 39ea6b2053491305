"""What Baton costs as something grows: the fleet, a message, the monitors, the history."""

from __future__ import annotations

import argparse
import random
import sys
import time

from bench import erlang, page, series
from bench.broker import broker_url
from bench.growing import GROWING, Growing
from bench.plots import draw_growth
from bench.results import FOLDER, Results, WrongResults
from bench.series import Series
from bench.serving import first_line

KEPT = FOLDER / "growth.json"
ROUNDS = 3
BUDGET = 300.0
"""Seconds after which no further round begins: the whole takes ten minutes at most."""


def measure(url: str, parts: list[Growing], most: int, rounds: int) -> tuple[list[Series], int]:
    """Every size of every part in each round, in a random order; the series, and how many rounds
    there were. A point that fails is said, and is missing."""
    found = [Series(part.id, part.name, *cost) for part in parts for cost in part.costs]
    turns = [(part, size) for part in parts for size in part.sizes if size <= most]
    began = time.monotonic()
    for number in range(rounds):
        if number and time.monotonic() - began > BUDGET:
            print(f"  {number} of {rounds} rounds in {BUDGET:g} s: no more begin", flush=True)
            return found, number
        random.shuffle(turns)
        for part, size in turns:
            if number and size >= part.once_from:
                continue
            try:
                costs = part.measure(url, size)
            except Exception as error:  # noqa: BLE001  (one point does not end the run)
                said = f"failed: {first_line(error)}"
            else:
                of_it = [each for each in found if each.id == part.id]
                for each, cost in zip(of_it, costs, strict=True):
                    each.add(size, cost)
                said = ", ".join(
                    f"{cost:,.1f} {unit}" for cost, (_, unit) in zip(costs, part.costs, strict=True)
                )
            erlang.settle()
            print(f"  {number + 1}/{rounds}  {size:,} {part.name}: {said}", flush=True)
    return found, rounds


def markdown(found: list[Series], about: dict[str, object]) -> str:
    """As the page has it: for each thing that grows a table and a plot."""
    parts = [f"{Results(about).where}."]
    for name, together in series.by_what_grows(found).items():
        grows = together[0].grows
        parts += [series.table(together), page.image(f"growth_{name}", f"Costs by {grows}")]
    return "\n\n".join(parts)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    names = [part.id for part in GROWING]
    parser = argparse.ArgumentParser(prog="growth", description=__doc__)
    parser.add_argument("--url", help="a broker to use; by default one as the tests find it")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"how often each is measured ({ROUNDS})"
    )
    parser.add_argument(
        "--part", action="append", choices=names, help="only this; may be given several times"
    )
    parser.add_argument("--most", type=int, default=sys.maxsize, help="leave greater sizes out")
    parser.add_argument(
        "--draw", action="store_true", help="measure nothing; show and draw the latest results"
    )
    parser.add_argument("--save", action="store_true", help="keep the results in the docs")
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error("--rounds has to be 1 or more")
    if given.save and (given.part or given.most < sys.maxsize):
        parser.error("--save keeps a whole run: not with --part or --most")
    return given


def main(arguments: list[str] | None = None) -> int:
    """Measure, show, keep and draw."""
    given = parse(arguments)
    if given.draw:
        try:
            found, about = series.read(KEPT)
        except WrongResults as error:
            print(error, file=sys.stderr)
            return 2
    else:
        about = Results.begin(given.rounds, quick=False).about
        parts = [part for part in GROWING if not given.part or part.id in given.part]
        began = time.monotonic()
        with broker_url(given.url) as url:
            found, about["rounds"] = measure(url, parts, given.most, given.rounds)
        about["whole"] = not given.part and given.most == sys.maxsize
        print(f"\n{time.monotonic() - began:.0f} s in all")
        series.write(found, about, KEPT)
    print(series.text(found))
    plots = draw_growth(found, FOLDER)
    for path in plots:
        print(f"drawn: {path}")
    if given.save:
        if not about.get("whole"):
            print(f"{KEPT}: not of a whole run, which the docs have", file=sys.stderr)
            return 2
        page.keep(plots, (path.stem for path in plots))
        page.write("growth", markdown(found, about))
    return 0


if __name__ == "__main__":
    sys.exit(main())
