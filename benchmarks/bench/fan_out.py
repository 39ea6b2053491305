"""One ping to many queues in one process: how soon all have answered, and what a server costs."""

from __future__ import annotations

from bench import erlang
from bench.plan import Plan
from bench.programs import Programs
from bench.results import Results
from bench.serving import Line
from bench.subjects import BATON, SUBJECTS


def run(url: str, programs: Programs, plan: Plan, results: Results) -> None:
    """Each subject that can, with each number of queues, interleaved."""
    subjects = [
        each
        for each in SUBJECTS
        if each.fans_out and plan.wants(each.name) and each.name not in results.missing
    ]
    sizes = (*plan.fan_outs, 10_000) if plan.full else plan.fan_outs
    for size in sizes:
        for number in range(1 if size > 1000 else plan.fan_out_rounds):
            for subject in subjects:
                if subject.missing(programs) or (size > 1000 and subject.name != BATON):
                    continue
                exchange = f"bench_fan_{subject.module or subject.name[0].lower()}_{size}"
                try:
                    with (
                        Line(url, exchange) as line,
                        subject.process(url, exchange, programs, queues=size) as process,
                    ):
                        at_rest = process.memory
                        line.trips(subject.dialect, 1, size)
                        took = line.trips(subject.dialect, plan.fan_out_pings, size)
                        loaded = process.memory
                        process.check()
                except Exception as error:  # noqa: BLE001  (a peer's fault does not end the run)
                    print(f"  {subject.name}, {size:,} queues: failed: {error}", flush=True)
                    continue
                finally:
                    erlang.settle()  # it deletes the queues
                for each in took:
                    results.add(f"fan_{size}", subject.name, each * 1000)
                base = results.median("memory_rest", subject.name)
                if base is not None and size >= 1000:
                    each_more = max(0.0, loaded - base) * 1024 / (size - 1)
                    results.add("server_memory", subject.name, each_more)
                print(
                    f"  {number + 1}  {subject.name:30} {size:6,} queues  ready after"
                    f" {process.ready:5.1f} s  {min(took) * 1000:8.1f} ms"
                    f"  {at_rest:.0f} MiB, then {loaded:.0f}",
                    flush=True,
                )
