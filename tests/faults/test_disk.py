"""A disk that is full: under the log, the audit, and the PID file.

That of the dashboard's database is in packages/baton-ping-monitor/tests (test_collector_keeper.py,
test_store_upkeep.py, test_readiness.py).
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers import Vhost
from faults.disk import Disk, NoDisk, small_disk
from faults.patient import patient, run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk; the test fails where there can be none."""
    try:
        with small_disk(tmp_path / "disk") as disk:
            yield disk
    except NoDisk as error:
        pytest.fail(str(error), pytrace=False)


async def test_it_goes_on_and_says_so_once(vhost: Vhost, disk: Disk) -> None:
    log, audit, pid = (disk.path / f"baton.{name}" for name in ("log", "audit", "pid"))
    settings: dict[str, Any] = {"LOG_FILE": log, "AUDIT_FILE": audit, "PID_FILE": pid}
    with patient(vhost, wait=False, **settings) as service:
        await service.answers(15)
        disk.fill()
        for number in range(20):
            assert (await service.tell("ok", note="x" * 1000)).outcome == "done", number
        assert service.health()[0] == 200
        assert run(service, "--status").returncode == 0
        # In the log nothing can be said, so it is on standard error; of the audit, neither.
        assert service.log(f"LOG_FILE: {log} cannot be written: No space left on device") == 1
        disk.free()
        assert (await service.tell("ok", note="there is room")).outcome == "done"
        stopped = run(service, "--stop")
        assert (stopped.returncode, service.process.wait()) == (0, 0)
    said = log.read_text()
    assert said.count(f"LOG_FILE: {log} is written again, records are missing") == 1
    assert said.count(f"AUDIT_FILE: {audit} is written again, entries are missing") == 1
    assert "there is room" in said
    entries = [json.loads(line) for line in audit.read_text().splitlines()]
    assert entries[-1]["outcome"] == "done"
    assert service.log("Traceback") == 0


@pytest.mark.quick
async def test_it_ends_in_good_order_while_it_is_full(vhost: Vhost, disk: Disk) -> None:
    settings: dict[str, Any] = {
        "LOG_FILE": disk.path / "baton.log",
        "PID_FILE": disk.path / "baton.pid",
    }
    with patient(vhost, wait=False, **settings) as service:
        await service.answers(15)
        disk.fill()
        service.signal(signal.SIGHUP)  # the log is opened anew, on a disk that is full
        assert (await service.tell("ok")).outcome == "done"
        service.signal(signal.SIGTERM)
        assert service.process.wait() == 0
        assert service.log("Traceback") == service.log("Exception ignored") == 0
    assert not (disk.path / "baton.pid").exists()


async def test_it_does_not_start_where_it_cannot_say_who_it_is(vhost: Vhost, disk: Disk) -> None:
    pid = disk.path / "baton.pid"
    disk.fill()
    with patient(vhost, wait=False, PID_FILE=pid) as service:
        assert service.process.wait() == 2
        assert service.process.lines[-1].endswith(
            f"PID_FILE: {pid} cannot be written: No space left on device"
        )
        assert not pid.exists()
        status = run(service, "--status")
        assert status.returncode == 1
        disk.free()
    with patient(vhost, wait=False, PID_FILE=pid) as service:
        await service.answers(15)
