"""A broker that ends while it boots gets a second chance, and no third one."""

from dataclasses import dataclass, field

import pytest

from brokers.broker import Broker
from brokers.errors import Ended
from brokers.ports import LOOPBACK, free_ports


@dataclass(kw_only=True)
class Weak(Broker):
    """One that never boots."""

    starts: list[str] = field(default_factory=list)

    def _start(self) -> None:
        self.starts.append("started")

    def _why_ended(self) -> str | None:
        return f"BOOT FAILED {len(self.starts)}" if self.starts else None


def test_one_that_does_not_boot(capsys: pytest.CaptureFixture[str]) -> None:
    port, management_port = free_ports(2)
    broker = Weak(host=LOOPBACK, port=port, management_port=management_port)
    with pytest.raises(Ended, match=r"^BOOT FAILED 2$"):
        broker.start()
    assert broker.starts == ["started"] * 2
    assert "The broker is started once more: BOOT FAILED 1" in capsys.readouterr().err
