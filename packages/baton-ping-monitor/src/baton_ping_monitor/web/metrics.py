"""``/metrics``: the fleet as Prometheus reads it.

Each answer is made of the fleet as it is then, so that what has gone has no series any more.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route

from baton_ping_monitor.fleet.view import FleetView, ServerView, State

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from baton_ping_monitor.services import Services
    from baton_ping_monitor.web.streams import Streams

_QUANTILES: Final = (0.5, 0.95, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class Moment:
    """What is told at one moment: the fleet, and how the monitor itself is."""

    fleet: FleetView
    is_ready: bool
    store_trouble: bool
    streams: int


class Metrics:
    """Answers ``GET /metrics``."""

    def __init__(self) -> None:
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)

    def routes(self) -> list[BaseRoute]:
        """The route ``metrics``."""
        return [Route("/metrics", self.show, name="metrics")]

    async def show(self, request: Request) -> Response:
        """All series, in the format that is asked for."""
        services: Services = request.app.state.services
        streams: Streams = request.app.state.streams
        health = services.health
        moment = Moment(
            services.fleet.view(), health.is_ready, bool(health.trouble), streams.number
        )
        accepted = request.headers.get("accept", "")
        body, kind = await asyncio.to_thread(self._write, moment, accepted)
        return Response(body, headers={"Content-Type": kind})

    def _write(self, moment: Moment, accepted: str) -> tuple[bytes, str]:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Fixed(moment))
        registry.register(_Others(self._process))
        encode, kind = choose_encoder(accepted)
        return encode(registry), kind


class _Fixed(Collector):
    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def collect(self) -> Iterable[Metric]:
        return series(self._moment)


class _Others(Collector):
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()


def series(moment: Moment) -> Iterator[Metric]:
    """The series of a moment."""
    fleet = moment.fleet
    present = [server for server in fleet.servers if server.state is not State.RETIRED]
    yield _states(fleet)
    yield from _servers(present)
    yield _latencies(present)
    incidents = GaugeMetricFamily(
        "baton_incidents", "Incidents that have not ended.", labels=["environment"]
    )
    for name, number in _count(each.environment for each in fleet.incidents if each.ended is None):
        incidents.add_metric([name], number)
    yield incidents
    for name, text, total in (
        ("baton_pings", "Pings that this monitor has sent.", fleet.pings),
        ("baton_pongs", "Pongs that came.", fleet.pongs),
        ("baton_errors", "Error outputs that came.", fleet.errors),
        ("baton_malformed", "Outputs that no server can have meant.", fleet.malformed),
        ("baton_forgotten", "Servers given up to make room for others.", fleet.forgotten),
    ):
        yield CounterMetricFamily(name, text, value=total)
    for name, text, value in (
        ("baton_blind", "Whether the monitor itself sees nothing.", fleet.blindness is not None),
        ("baton_ready", "Whether it consumes, and what it sees is kept.", moment.is_ready),
        ("baton_store_trouble", "Whether what it sees cannot be kept.", moment.store_trouble),
        ("baton_open_streams", "Pages and programs that follow it.", moment.streams),
    ):
        yield GaugeMetricFamily(name, text, value=float(value))
    if fleet.last_output is not None:
        yield GaugeMetricFamily(
            "baton_last_output_timestamp_seconds",
            "When the last output came.",
            value=fleet.last_output,
        )


def _states(fleet: FleetView) -> Metric:
    family = GaugeMetricFamily(
        "baton_servers", "Servers in each state.", labels=["environment", "state"]
    )
    for environment in fleet.environments:
        for state in State:
            if state is not State.RETIRED:
                number = environment.counts.get(state, 0)
                family.add_metric([environment.name, state.value], number)
    return family


def _servers(servers: Iterable[ServerView]) -> Iterator[Metric]:
    labels = ["fqdn", "environment"]
    up = GaugeMetricFamily("baton_server_up", "Whether the server answers.", labels=labels)
    pong = GaugeMetricFamily(
        "baton_server_last_pong_timestamp_seconds", "When its last pong came.", labels=labels
    )
    latency = GaugeMetricFamily(
        "baton_server_latency_seconds", "How long its last pong took.", labels=labels
    )
    failing = GaugeMetricFamily(
        "baton_server_failing", "Whether its last answers were errors.", labels=labels
    )
    for server in servers:
        of = [server.fqdn, server.environment]
        up.add_metric(of, float(server.state in (State.UP, State.LATE)))
        failing.add_metric(of, float(server.is_failing))
        if server.last_pong is not None:
            pong.add_metric(of, server.last_pong)
        if server.latency is not None:
            latency.add_metric(of, server.latency)
    yield from (up, failing, pong, latency)


def _latencies(servers: Iterable[ServerView]) -> Metric:
    family = GaugeMetricFamily(
        "baton_latency_seconds",
        "How long the last pong of that share of an environment's servers took at most.",
        labels=["environment", "quantile"],
    )
    found: dict[str, list[float]] = defaultdict(list)
    for server in servers:
        if server.latency is not None:
            found[server.environment].append(server.latency)
    for environment, latencies in sorted(found.items()):
        latencies.sort()
        for quantile in _QUANTILES:
            position = max(0, -(-int(quantile * 100) * len(latencies) // 100) - 1)
            family.add_metric([environment, f"{quantile:g}"], latencies[position])
    return family


def _count(names: Iterable[str]) -> list[tuple[str, int]]:
    found: dict[str, int] = defaultdict(int)
    for name in names:
        found[name] += 1
    return sorted(found.items())
