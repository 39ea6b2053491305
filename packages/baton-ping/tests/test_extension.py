"""baton-ping is found, and everything that its description names is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import baton_ping
from baton.extension import find_extension, installed_extensions
from baton_ping.api import PingAPI
from baton_ping.extension import extension
from baton_ping.monitor import PingMonitor
from baton_ping.service import PingService


@pytest.mark.parametrize("name", ["ping", "baton-ping"])
def test_it_is_found_by_both_names(name: str) -> None:
    assert find_extension(name) is extension


def test_it_is_installed() -> None:
    (found,) = [each for each in installed_extensions() if each.entry_point == "ping"]
    assert found.error is None
    assert (found.distribution, found.version) == ("baton-ping", baton_ping.__version__)


def test_its_exchanges_are_the_originals() -> None:
    assert (extension.exchange, extension.exchange_out) == ("baton_ping_in", "baton_ping_out")


def test_its_parts_can_be_loaded() -> None:
    assert extension.load("service") is PingService
    assert extension.load("api") is PingAPI
    assert extension.load("monitor") is PingMonitor
    assert {PingService.extension, PingAPI.extension, PingMonitor.extension} == {extension.name}


def test_the_description_imports_nothing_heavy() -> None:
    program = (
        "import sys, baton_ping.extension; "
        "print(sorted({'asyncio', 'click', 'pika', 'aio_pika', 'pydantic'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
