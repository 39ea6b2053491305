"""Stopping a service while it works: as processes, by SIGTERM."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from baton.message import Envelope, decode_body
from baton.transports import Binding, Exchange, Publication, Queue, Topology, open_transport
from brokers.vhost import Vhost
from integration.recorder import Recorder
from integration.running import script

SLOW = """
import asyncio, logging, sys, time
from baton import Configuration, Consumer, Server, Service

logging.basicConfig(level="INFO", stream=sys.stderr, format="%(message)s")

class Slow(Consumer):
    @property
    def routing_keys(self):
        return ("slow",)
    {handler}

class SlowService(Service):
    extension = "baton-slow"
    def setup_consumers(self):
        self.add_consumer(Slow("slow", self.server))

configuration = Configuration(rabbit_url=sys.argv[1], grace=float(sys.argv[2]))
sys.exit(SlowService(configuration, Server("web01", "production")).run())
"""

ASYNC = """
    async def process_message(self, message):
        print("begun", flush=True)
        await asyncio.sleep(message["seconds"])
        self.notify_success("finished")
"""

PLAIN = """
    def process_message(self, message):
        print("begun", flush=True)
        time.sleep(message["seconds"])
        self.notify_success("finished")
"""


@pytest.mark.parametrize("handler", [ASYNC, PLAIN], ids=["async def", "plain def"])
class TestSigterm:
    async def test_a_handler_finishes_and_its_output_is_confirmed(
        self, vhost: Vhost, tmp_path: Path, handler: str
    ) -> None:
        program = tmp_path / "slow.py"
        program.write_text(SLOW.format(handler=handler))
        configuration = vhost.configuration()
        seen = Recorder()
        transport = open_transport(configuration, configuration.endpoints[0], seen, "spy")
        await transport.open()
        await transport.declare(
            Topology(
                [Exchange("baton_slow_out")],
                [Queue("spy")],
                [Binding("spy", "baton_slow_out", "")],
            )
        )
        await transport.consume("spy", 10)
        with script(program, vhost.url, "20") as service:
            service.wait_for("is ready")
            body = b'{"type":"work","seconds":1}'
            transport.publish([Publication(1, "baton_slow_in", "slow", body, Envelope("m"))])
            await seen.until(lambda: seen.confirmed_numbers)
            service.wait_for("begun")
            service.signal(signal.SIGTERM)
            await seen.until(lambda: seen.deliveries)
            assert service.wait() == 0
            assert "everything was finished" in service.lines[-1]
        assert decode_body(seen.deliveries[0].body)["message"] == "finished"
        await transport.close()

    async def test_a_handler_that_never_returns_is_abandoned(
        self, vhost: Vhost, tmp_path: Path, handler: str
    ) -> None:
        program = tmp_path / "slow.py"
        program.write_text(SLOW.format(handler=handler))
        configuration = vhost.configuration()
        seen = Recorder()
        transport = open_transport(configuration, configuration.endpoints[0], seen, "spy")
        await transport.open()
        with script(program, vhost.url, "0.5") as service:
            service.wait_for("is ready")
            body = b'{"type":"work","seconds":600}'
            transport.publish([Publication(1, "baton_slow_in", "slow", body, Envelope("m"))])
            await seen.until(lambda: seen.confirmed_numbers)
            service.wait_for("begun")
            service.signal(signal.SIGTERM)
            assert service.wait(15) == 1
            assert "abandoned: 1 of the commands, 0 of the outputs" in "\n".join(service.lines)
        await transport.close()
