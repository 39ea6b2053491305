"""Servers that are made up, on a real RabbitMQ, as `baton run` starts them."""

from __future__ import annotations

import signal
from collections import Counter

from baton import Collector
from baton_ping.extension import extension
from brokers.vhost import Vhost
from integration.running import command, process


async def test_a_mixed_fleet_of_two_environments(vhost: Vhost) -> None:
    fleet = ("run", "baton-ping", "--url", vhost.url, "--simulate", "20", "--prefix", "eu")
    behaviour = ("--environments", "production,staging", "--failing", "25%", "--latency", "5")
    with process(*fleet, *behaviour, program="baton") as simulation:
        simulation.wait_for("ready since")
        kinds: Counter[str] = Counter()
        for environment in ("production", "staging"):
            async with Collector(vhost.configuration(), extension) as collector:
                await collector.send({"type": "ping"}, [environment])
                answers = 0
                async for reply in collector.replies(30):
                    if reply.is_output:
                        answers += 1
                        kinds[reply.message.type] += 1
                        assert reply.fqdn.startswith("eu000")
                    if answers == 10:
                        break
        assert kinds == {"pong": 15, "error": 5}


def test_several_extensions_in_one_process(vhost: Vhost) -> None:
    """Here one is installed, which is what is run without a name."""
    with process("run", "--url", vhost.url, program="baton", BATON_FQDN="web01.example.org") as run:
        run.wait_for("baton-ping on web01.example.org is ready")
        assert command("ping", "web01.example.org", "--url", vhost.url).code == 0
        run.signal(signal.SIGINT)
        assert run.wait() == 0
