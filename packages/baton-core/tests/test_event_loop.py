"""Which event loop a process runs on."""

from __future__ import annotations

import asyncio
import sys

import pytest
import uvloop

from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.event_loop import loop_factory


def test_asyncio_s_own() -> None:
    assert loop_factory(Configuration().event_loop) is None


def test_uvloop() -> None:
    with asyncio.Runner(loop_factory=loop_factory("uvloop")) as runner:
        assert isinstance(runner.get_loop(), uvloop.Loop)


def test_uvloop_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ConfigurationError) as caught:
        loop_factory("uvloop")
    assert str(caught.value) == (
        "EVENT_LOOP: uvloop cannot be imported (import of uvloop halted; None in sys.modules): "
        "pip install 'baton-core[uvloop]', or set EVENT_LOOP to asyncio"
    )
