"""A soak that lasts a minute."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brokers import Broker
from faults.judgement import judge
from faults.soak import soak, write


@pytest.mark.timeout(400)
async def test_a_minute(
    rabbitmq: Broker, fault_seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_ARTIFACTS", str(tmp_path))
    run = await soak(rabbitmq, seconds=60, servers=20, seed=fault_seed)
    judgement = judge(run)
    path = write(run, judgement)
    assert judgement.complaints == [], path.read_text()
    document = json.loads(path.with_suffix(".json").read_text())
    assert document["seed"] == fault_seed
    assert len(document["pings"]) > 20
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in path.with_suffix(".svg").read_text()
