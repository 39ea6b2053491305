"""What is measured: Baton, and its peers as far as they are installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bench.process import Process
from bench.programs import RUBY, C, Program, Programs
from peers.contract import PREFETCH

BIN: Final = Path(sys.executable).parent
KEY: Final = "production"
READY: Final = "peer is ready"
"""What each peer says when it takes pings."""
IDENTITY: Final = {
    "BATON_ENVIRONMENT": KEY,
    "BATON_FQDN": "web01.example.org",
    "BATON_APP_NAMES": "shop",
}
ONCE, LEAST = "once", "least"
"""At most once: acknowledged unseen and without confirms. At least once: acknowledged after the
confirm."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that answers pings; how it is started is its module's or its ``kind``'s."""

    name: str
    module: str = ""
    """Of the peers; empty for Baton's own commands and for programs."""
    needs: str = ""
    """The package that has to be installed for it."""
    dialect: str = "plain"
    guarantees: tuple[str, ...] = (ONCE, LEAST)
    """Those it has, the stricter one last: with that its memory is measured."""
    fans_out: bool = False
    """Whether it also runs many servers' queues in one process."""
    bound_here: str = ""
    """The queue that it does not bind itself."""
    leaves: tuple[str, ...] = ()
    """Durable queues, which would keep what one run has not acknowledged for the next."""
    environment: Mapping[str, str] = field(default_factory=dict)
    program: Program | None = None
    """What it is, if it is not in Python."""

    def missing(self, programs: Programs) -> str:
        """Why it cannot be measured here, or nothing."""
        if self.program:
            return programs.missing.get(self.program.language, "")
        if self.needs and importlib.util.find_spec(self.needs) is None:
            return f"the package {self.needs} is not installed"
        return ""

    def process(
        self,
        url: str,
        exchange: str,
        programs: Programs,
        *,
        guarantee: str = LEAST,
        queues: int = 1,
    ) -> Process:
        """It, to be started on EXCHANGE_in and EXCHANGE_out."""
        if self.program:
            given = [*_parts(url), f"{exchange}_in", f"{exchange}_out", KEY, str(queues)]
            command = [*programs.command(self.program), *given, str(int(guarantee == LEAST))]
            return Process(command, READY)
        if not self.module:
            return self._baton(url, exchange, queues)
        command = [sys.executable, "-m", f"peers.{self.module}", "--url", url]
        command += ["--exchange", exchange, "--key", KEY, "--queues", str(queues)]
        return Process([*command, "--guarantee", guarantee], READY, self.environment)

    def _baton(self, url: str, exchange: str, queues: int) -> Process:
        exchanges = {
            "BATON_EXCHANGE": f"{exchange}_in",
            "BATON_EXCHANGE_OUT": f"{exchange}_out",
        }
        if queues == 1:
            command = [str(BIN / "baton-ping"), "--url", url]
            return Process(command, "is ready since", exchanges | IDENTITY)
        command = [str(BIN / "baton"), "run", "ping", "--url", url, "--simulate", str(queues)]
        patient = {"BATON_DEADLINE": "120", "BATON_PULSE": "300"} if queues > 1000 else {}
        return Process(
            [*command, "--environments", KEY], "ready since", exchanges | IDENTITY | patient
        )


BATON: Final = "Baton"
C_CLIENT: Final = "C on librabbitmq"
RUBY_AMQP: Final = "Ruby on amqp, as the original"
AIO_PIKA: Final = "aio-pika, the usual way"
PIKA_BLOCKING: Final = "pika BlockingConnection"
PIKA_SELECT: Final = "pika SelectConnection"
FASTSTREAM: Final = "FastStream"
COROUTINE: Final = "Baton, log and audit off"
PLAIN: Final = "Baton, plain def, log off"

SUBJECTS: Final[Sequence[Subject]] = (
    Subject(BATON, guarantees=(LEAST,), fans_out=True),
    Subject(
        COROUTINE,
        "baton_handlers",
        guarantees=(LEAST,),
        environment={"BENCH_HANDLER": "coroutine"},
    ),
    Subject(PLAIN, "baton_handlers", guarantees=(LEAST,), environment={"BENCH_HANDLER": "plain"}),
    Subject("Baton, its transport alone", "baton_transport", guarantees=(LEAST,)),
    Subject(
        "Baton, its transport, slow way",
        "baton_transport",
        guarantees=(LEAST,),
        environment={"BENCH_WAY": "plain"},
    ),
    Subject(C_CLIENT, program=C, fans_out=True),
    Subject(RUBY_AMQP, program=RUBY, guarantees=(ONCE,)),
    Subject(PIKA_SELECT, "pika_select", "pika", fans_out=True),
    Subject(PIKA_BLOCKING, "pika_blocking", "pika"),
    Subject(AIO_PIKA, "aio_pika_usual", "aio_pika", fans_out=True),
    Subject("kombu", "kombu_consumer", "kombu", fans_out=True),
    Subject("Celery, solo", "celery_worker", "celery", "celery"),
    Subject(FASTSTREAM, "faststream_app", "faststream", fans_out=True),
    Subject(
        "dramatiq",
        "dramatiq_worker",
        "dramatiq",
        "dramatiq",
        bound_here="dramatiq.bench",
        leaves=("dramatiq.bench",),
        environment={"dramatiq_queue_prefetch": str(PREFETCH)},
    ),
    Subject("nameko", "nameko_service", "nameko", leaves=("nameko.bench",)),
    Subject("taskiq", "taskiq_worker", "taskiq_aio_pika", "taskiq", leaves=("taskiq.bench",)),
)


def _parts(url: str) -> list[str]:
    """Host, port, virtual host, user and password of *url*."""
    parts = urlsplit(url)
    return [
        parts.hostname or "localhost",
        str(parts.port or 5672),
        unquote(parts.path[1:]) or "/",
        unquote(parts.username or "guest"),
        unquote(parts.password or "guest"),
    ]
