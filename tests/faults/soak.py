"""A soak: a fleet of made-up servers is pinged once a second, while things go wrong at random.

``hatch run soak --minutes 20 --seed 7`` writes a report with a picture, and all that was measured,
as ``soak-7.md``, ``.svg``, ``.png`` and ``.json`` into the folder of artefacts. It exits with 1 if
something grew, or a ping was lost that no fault explains. It has a RabbitMQ of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brokers import Broker, fresh_vhost, run_broker
from brokers.provide import AMQP_URL
from browser.artifacts import artifact
from faults.judgement import BOUNDS, Judgement, Record, as_document, judge
from faults.soaking import Soak
from faults.wire import wire


async def soak(broker: Broker, *, seconds: float, servers: int, seed: int) -> Soak:
    """Do one on *broker*, which is to be no one else's."""
    with fresh_vhost(broker, "soak") as vhost, wire(vhost.url) as line:
        run = Soak(
            vhost=vhost,
            line=line,
            servers=servers,
            seconds=seconds,
            warm_up=min(120.0, seconds / 4),
            seed=seed,
            wait=(3.0, 6.0) if seconds < 300 else (5.0, 20.0),
        )
        await run.run()
        return run


def write(run: Record, judgement: Judgement) -> Path:
    """Write all that is known of it; the path of the report."""
    name = f"soak-{run.seed}"
    document = as_document(run, judgement)
    artifact(f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    plot(run, [artifact(f"{name}.png"), artifact(f"{name}.svg")])
    path = artifact(f"{name}.md")
    path.write_text(report(run, judgement, name), encoding="utf-8")
    return path


def report(run: Record, judgement: Judgement, name: str) -> str:
    """What is to be read of it, as Markdown."""
    complete = sum(ping.answered == run.servers for ping in run.pings)
    lines = [
        f"# Soak of {run.seconds / 60:.1f} minutes",
        "",
        f"{run.servers} made-up servers, a ping a second, seed {run.seed}. "
        f"{len(run.pings):,} pings: all answered {complete:,}, the other "
        f"{len(run.pings) - complete:,} were sent while something was wrong"
        + (f", but for {len(judgement.unexplained)}." if judgement.unexplained else "."),
        "",
        "**Good.**" if not judgement.complaints else "**Not good:**",
        *(f"- {complaint}" for complaint in judgement.complaints),
        "",
        "| measured | at the end of the warm-up | at the end | grown by | allowed |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {each.name} | {each.start:,.1f} | {each.end:,.1f} | {each.growth:+,.1f} | "
            f"{each.allowed:,.1f} |"
            for each in judgement.trends
        ),
        "",
        "(The ends of a straight line through what was measured while nothing was wrong.)",
        "",
        "| fault | times | all answer again after (s): median / longest |",
        "|---|--:|--:|",
    ]
    times: defaultdict[str, list[float]] = defaultdict(list)
    for fault in run.faults:
        if fault.recovered is not None:
            times[fault.what].append(fault.recovered - fault.ended)
    for what, count in sorted(Counter(fault.what for fault in run.faults).items()):
        shown = "never"
        if times[what]:
            shown = f"{statistics.median(times[what]):.1f} / {max(times[what]):.1f}"
        lines.append(f"| {what} | {count} | {shown} |")
    return "\n".join([*lines, "", f"![What was measured]({name}.svg)", ""])


def plot(run: Record, paths: Sequence[Path]) -> None:
    """Draw what was measured, and when something was wrong."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(
        len(BOUNDS) + 1, 1, figsize=(11, 2 * len(BOUNDS) + 2), sharex=True, layout="constrained"
    )
    for axis, name in zip(axes, BOUNDS, strict=False):
        points = [(each.at, each.values[name]) for each in run.samples if name in each.values]
        axis.plot([at for at, _ in points], [value for _, value in points], linewidth=1)
        axis.set_title(name, loc="left", fontsize=9)
        axis.axvline(run.warm_up, color="0.6", linestyle=":")
    last: Any = axes[-1]
    last.plot(
        [ping.sent for ping in run.pings], [ping.answered for ping in run.pings], ".", markersize=3
    )
    last.set_title("servers that answered a ping", loc="left", fontsize=9)
    last.set_xlabel("seconds")
    for axis in axes:
        for fault in run.faults:
            end = run.seconds if fault.recovered is None else fault.recovered
            axis.axvspan(fault.began, end, color="tab:red", alpha=0.15, linewidth=0)
    for path in paths:
        figure.savefig(path, dpi=100)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one as the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="soak", description="A fleet under faults, for a while.")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--servers", type=int, default=100)
    given = parser.parse_args(arguments)
    if given.minutes < 1 or given.servers < 1:
        parser.error("at least a minute, and a server")
    logging.basicConfig(level=logging.CRITICAL)  # of the libraries, on each lost connection
    os.environ.pop(AMQP_URL, None)  # what is killed is nobody else's
    with run_broker() as broker:
        run = asyncio.run(
            soak(broker, seconds=60 * given.minutes, servers=given.servers, seed=given.seed)
        )
    judgement = judge(run)
    path = write(run, judgement)
    print(f"seed {given.seed}, report {path}")  # noqa: T201
    for line in [*map(str, judgement.trends), *judgement.complaints]:
        print(line)  # noqa: T201
    return 1 if judgement.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
