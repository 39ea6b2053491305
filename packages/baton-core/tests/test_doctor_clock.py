"""Whether two clocks agree, by real answers of a web server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import pytest

from baton import Configuration
from baton.doctor.clock import ask_management, compare, management_addresses
from baton.doctor.findings import Check, Finding, Status

Listen = Callable[..., Awaitable[int]]


async def asked(listen: Listen, headers: str) -> Finding:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n".encode())

    address = f"http://guest:hunter2@127.0.0.1:{await listen(talk)}"
    finding = await ask_management(Configuration(), [address], Check("clock"))
    assert "hunter2" not in repr(finding)
    return finding


async def test_they_agree(listen: Listen) -> None:
    finding = await asked(listen, f"Date: {formatdate(usegmt=True)}\r\n")
    assert finding.status is Status.OK
    assert finding.found == "it agrees with the broker's within 1 s"


@pytest.mark.parametrize(
    ("offset", "relation"), [(-3600, "3600 s ahead of"), (3600, "3600 s behind")]
)
async def test_they_differ(listen: Listen, offset: float, relation: str) -> None:
    date = formatdate(time.time() + offset, usegmt=True)
    finding = await asked(listen, f"Date: {date}\r\n")
    assert finding.status is Status.WARNING
    number, *words = finding.found.removeprefix("it is ").partition(" the broker's")[0].split()
    assert abs(int(number) - 3600) <= 2
    assert words == relation.split()[1:]
    assert "commands expire all the same" in finding.found
    assert finding.remedy.endswith("timedatectl set-ntp true")


@pytest.mark.parametrize("ours", [100.0, 95.0, 105.0])
def test_a_little_difference_is_none(ours: float) -> None:
    assert compare(100.0, ours, Check("clock")).status is Status.OK


async def test_an_answer_without_a_date(listen: Listen) -> None:
    finding = await asked(listen, "")
    assert finding.status is Status.SKIPPED
    assert finding.found.endswith("its answer has no date")


async def test_an_answer_that_is_none(listen: Listen) -> None:
    finding = await asked(listen, "Date: yesterday\r\n")
    assert finding.status is Status.SKIPPED


async def test_nobody_answers() -> None:
    addresses = ["http://127.0.0.1:1", "https://127.0.0.1:1"]
    finding = await ask_management(Configuration(), addresses, Check("clock"))
    assert finding.status is Status.SKIPPED
    assert finding.found == (
        "the management plugin does not tell: http://127.0.0.1:1: connection refused; "
        "https://127.0.0.1:1: connection refused"
    )


@pytest.mark.parametrize(
    ("scheme", "addresses"),
    [
        ("amqp", ["http://mq1:15672", "http://[::1]:15672"]),
        (
            "amqps",
            ["https://mq1:15671", "http://mq1:15672", "https://[::1]:15671", "http://[::1]:15672"],
        ),
    ],
)
def test_where_it_is_asked(scheme: str, addresses: list[str]) -> None:
    configuration = Configuration(rabbit_scheme=scheme)
    assert management_addresses(configuration, ["mq1", "::1"]) == addresses
