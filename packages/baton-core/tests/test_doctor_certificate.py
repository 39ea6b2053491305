"""What the doctor says of a broker's certificate, by real handshakes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from baton import Configuration
from baton.broker_url import Endpoint
from baton.doctor.certificate import examine_certificate
from baton.doctor.findings import Check, Finding, Status

Listen = Callable[..., Awaitable[int]]
Listening = Callable[..., Awaitable[int]]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(ca: trustme.CA, tmp_path: Path) -> Path:
    """A file with whom to trust."""
    file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(file)
    return file


@pytest.fixture
def encrypted(listen: Listen) -> Listening:
    """Starts a server with a certificate of an authority for a name, valid for some days."""

    async def encrypted(
        authority: trustme.CA, name: str = "localhost", since: float = -30, until: float = 90.5
    ) -> int:
        begin, end = (datetime.now(UTC) + timedelta(days=days) for days in (since, until))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name, not_before=begin, not_after=end).configure_cert(context)
        return await listen(silent, context)

    return encrypted


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def examined(port: int, trusted: Path | None, **settings: Any) -> Finding:
    configuration = Configuration(
        rabbit_scheme="amqps",
        rabbit_host=f"localhost:{port}",
        rabbit_tls_ca_file=trusted,
        **settings,
    )
    return await examine_certificate(configuration, Endpoint("localhost", port), Check("x"))


async def test_one_that_is_good(encrypted: Listening, ca: trustme.CA, trusted: Path) -> None:
    finding = await examined(await encrypted(ca), trusted)
    assert finding.status is Status.OK
    assert finding.found.startswith("TLSv1.3, for localhost, until 20")
    assert finding.found.endswith("(90 days)")


async def test_one_that_ends_soon(encrypted: Listening, ca: trustme.CA, trusted: Path) -> None:
    finding = await examined(await encrypted(ca, until=3.5), trusted)
    assert finding.status is Status.WARNING
    assert finding.found.endswith("(3 days)")
    assert finding.remedy == "renew the broker's certificate"


@pytest.mark.parametrize(
    ("validity", "found", "remedy"),
    [
        ({"until": -1}, "it has expired", "renew the broker's certificate"),
        ({"since": 1}, "it is not valid yet", "look at this server's clock"),
        ({"name": "mq9.example.org"}, "it is for mq9.example.org, not for localhost", "name the"),
    ],
)
async def test_one_that_is_wrong(
    encrypted: Listening,
    ca: trustme.CA,
    trusted: Path,
    validity: dict[str, object],
    found: str,
    remedy: str,
) -> None:
    finding = await examined(await encrypted(ca, **validity), trusted)
    assert (finding.status, finding.found) == (Status.FAILED, found)
    assert finding.remedy.startswith(remedy)


async def test_another_name_may_be_asked_for(
    encrypted: Listening, ca: trustme.CA, trusted: Path
) -> None:
    port = await encrypted(ca, "mq9.example.org")
    finding = await examined(port, trusted, rabbit_tls_server_name="mq9.example.org")
    assert finding.status is Status.OK


async def test_an_issuer_that_nobody_trusts(encrypted: Listening, trusted: Path) -> None:
    finding = await examined(await encrypted(trustme.CA()), trusted)
    assert finding.status is Status.FAILED
    assert finding.found.startswith("its issuer is not trusted: ")
    assert "RABBIT_TLS_CA_FILE" in finding.remedy


async def test_a_file_that_cannot_be_read(encrypted: Listening, tmp_path: Path) -> None:
    finding = await examined(1, tmp_path / "gone.pem")
    assert finding.status is Status.FAILED
    assert "RABBIT_TLS_CA_FILE" in finding.found
    assert finding.remedy == "mend that file, or the setting that names it"


async def test_something_without_tls(listen: Listen, trusted: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    finding = await examined(await listen(talk), trusted)
    assert finding.status is Status.FAILED
    assert finding.found.startswith("TLS failed: ")
    assert "RABBIT_PORT" in finding.remedy


async def test_something_that_says_nothing(listen: Listen, trusted: Path) -> None:
    finding = await examined(await listen(silent), trusted, deadline=2)
    assert (finding.status, finding.found) == (Status.FAILED, "no answer to TLS within 2 s")
