"""The broker that a benchmark runs on: what ``--url`` names, or one as the tests find it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))


@contextmanager
def broker_url(url: str | None) -> Iterator[str]:
    """*url*, or that of a virtual host which is removed with the block: past the proxy by which a
    Docker engine forwards a port, which takes CPU for each message, and is between nobody's servers
    and their broker."""
    if url is not None:
        yield url
        return
    from brokers import fresh_vhost, run_broker  # noqa: PLC0415

    with run_broker() as broker, fresh_vhost(broker, "bench") as vhost:
        yield broker.url(vhost.name, hosts=broker.nearest)
