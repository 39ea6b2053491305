"""Throughput, round trip, CPU, memory and start of everything that answers pings."""

from __future__ import annotations

import random
import statistics
import threading
import time

from bench.dialects import pings
from bench.plan import Plan
from bench.process import Process
from bench.programs import Programs
from bench.results import Results
from bench.subjects import KEY, LEAST, ONCE, SUBJECTS, Subject
from bench.wire import Wire, count_all, frames

LOAD_TIMEOUT = 30.0
NAMES = {ONCE: "at most once ", LEAST: "at least once"}


class Line:
    """What the bench needs of the broker for one subject: one connection to ask, and one to hear,
    or as many as there are monitors: then all of them have to hear an answer."""

    def __init__(self, url: str, exchange: str, monitors: int = 1) -> None:
        self._exchange_in = f"{exchange}_in"
        self.asking = Wire(url)
        self.hearing = [Wire(url) for _ in range(monitors)]
        for name in (self._exchange_in, f"{exchange}_out"):
            self.asking.exchange(name)
        for each in self.hearing:
            each.consume(each.queue(f"{exchange}_out"))

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.asking, *self.hearing):
            each.close()

    def clear(self, subject: Subject) -> None:
        """Delete what a subject left behind when it ran before."""
        for queue in subject.leaves:
            self.asking.delete(queue)

    def bind(self, subject: Subject) -> None:
        """Bind the queue of a subject that does not do that itself."""
        if subject.bound_here:
            self.asking.bind(subject.bound_here, self._exchange_in, KEY)

    def load(self, dialect: str, count: int, padding: int = 0) -> float:
        """Send so many at once; seconds until all are answered."""
        prepared = frames(self._exchange_in, KEY, pings(dialect, count, padding))
        sender = threading.Thread(target=self.asking.send, args=(prepared,), daemon=True)
        began = time.perf_counter()
        sender.start()
        ended = count_all(self.hearing, count, LOAD_TIMEOUT)
        sender.join()
        return ended - began

    def trips(self, dialect: str, count: int, answers: int = 1) -> list[float]:
        """Seconds of each of so many pings, one after the other, each with so many answers."""
        took = []
        for each in pings(dialect, count):
            prepared = frames(self._exchange_in, KEY, [each])
            began = time.perf_counter()
            self.asking.send(prepared)
            took.append(count_all(self.hearing, answers, LOAD_TIMEOUT) - began)
        return took


def load_of(warm_rate: float, plan: Plan) -> int:
    """Messages that take about as long as the plan says, by the rate of the warm-up."""
    return max(plan.warm_up, min(plan.most, round(warm_rate * plan.load)))


def percentile(values: list[float], percent: int) -> float:
    """Such a percentile; of one value, that."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def first_line(error: Exception) -> str:
    """What went wrong, in a line."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def measure(
    line: Line, subject: Subject, guarantee: str, process: Process, plan: Plan, results: Results
) -> str:
    """All figures of a subject that is ready, once; in short, what they are."""
    results.add("ready", subject.name, process.ready * 1000)
    is_strictest = guarantee == subject.guarantees[-1]
    if is_strictest:
        results.add("memory_rest", subject.name, process.memory)
    warm = plan.warm_up / line.load(subject.dialect, plan.warm_up)
    count = load_of(warm, plan)
    cpu = process.cpu
    rate = count / line.load(subject.dialect, count)
    spent = (process.cpu - cpu) / count * 1e6
    trips = line.trips(subject.dialect, plan.trips)
    process.check()
    results.add(f"rate_{guarantee}", subject.name, rate)
    results.add(f"cpu_{guarantee}", subject.name, spent)
    for percent in (50, 99):
        results.add(f"p{percent}_{guarantee}", subject.name, percentile(trips, percent) * 1e6)
    if is_strictest:
        results.add("memory_load", subject.name, process.memory)
    return f"{rate:8,.0f} msg/s  {spent:6.1f} µs CPU  p50 {percentile(trips, 50) * 1e6:5,.0f} µs"


def run(url: str, programs: Programs, plan: Plan, results: Results) -> None:
    """Every subject in every round, in a random order; a subject that fails is missing."""
    turns = [
        (subject, guarantee)
        for subject in SUBJECTS
        for guarantee in subject.guarantees
        if plan.wants(subject.name)
    ]
    began = time.monotonic()
    for number in range(plan.rounds):
        if number and time.monotonic() - began > plan.budget:
            results.about["rounds"] = number
            print(f"  {number} of {plan.rounds} rounds in {plan.budget:g} s: no more begin")
            return
        random.shuffle(turns)
        for subject, guarantee in turns:
            if subject.name in results.missing:
                continue
            if reason := subject.missing(programs):
                results.missing[subject.name] = reason
                print(f"  {subject.name}: {reason}", flush=True)
                continue
            exchange = f"bench_{subject.module or subject.name[0].lower()}_{guarantee}"
            try:
                with Line(url, exchange) as line:
                    line.clear(subject)
                    with subject.process(url, exchange, programs, guarantee=guarantee) as process:
                        line.bind(subject)
                        said = measure(line, subject, guarantee, process, plan, results)
            except Exception as error:  # noqa: BLE001  (a peer's fault does not end the run)
                results.missing[subject.name] = first_line(error)
                said = f"failed: {error}"
            print(
                f"  {number + 1}/{plan.rounds}  {subject.name:30} {NAMES[guarantee]}  {said}",
                flush=True,
            )
