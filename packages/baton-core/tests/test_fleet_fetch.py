"""Fetching JSON from a web application that may be anything."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING

import pytest

from baton.errors import ConfigurationError, MonitorUnavailable
from baton.fleet import fetch
from baton.fleet.fetch import Address, fetch_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from conftest import Web

BASIC = f"Basic {base64.b64encode(b'alice:s3:cret').decode()}"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def web2(make_web: Callable[[], Web]) -> Web:
    """Another one."""
    return make_web()


def get(web: Web, path: str = "/x", timeout: float = 5, prefix: str = "") -> object:
    return fetch_json(Address.parse(f"http://{prefix}{web.host}"), path, timeout)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://mq.example.org", "http://mq.example.org"),
        ("https://mq.example.org:8443/baton/", "https://mq.example.org:8443/baton"),
        ("HTTP://MQ.example.org/", "http://mq.example.org"),
        ("http://alice:secret@mq.example.org", "http://mq.example.org"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, text: str) -> None:
    address = Address.parse(url)
    assert str(address) == text
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mq.example.org",
        "mq.example.org:8080",
        "file:///etc/passwd",
        "ftp://mq.example.org",
        "http://",
        "http://:80",
        "http://mq.example.org:x",
        "http://mq.example.org:99999",
        "http://[::1",
        "http://mq.example.org/?a=b",
        "http://mq.example.org/#a",
        "http://mq.example.org/ x",
        "http://mq.example.org/\r\nX: y",
        "http://mä.example.org",
        "http://alice:secret@:80",
        "file://alice:secret@mq.example.org",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address of a monitor") as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_document(web: Web) -> None:
    web.serve("/x", {"a": [1, "ä"]})
    assert get(web) == {"a": [1, "ä"]}
    assert web.asked == [("/x", None)]


def test_what_is_not_there_is_none(web: Web) -> None:
    assert get(web) is None


def test_the_password_is_sent_as_basic_authentication(web: Web) -> None:
    web.serve("/x", {})
    get(web, prefix="alice:s3%3Acret@")
    assert web.asked == [("/x", BASIC)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_host_is_followed_with_the_password(web: Web, status: int) -> None:
    web.answer("/x", status=status, headers={"Location": "/y?z=1"})
    web.serve("/y?z=1", {"found": True})
    assert get(web, prefix="alice:s3:cret@") == {"found": True}
    assert web.asked == [("/x", BASIC), ("/y?z=1", BASIC)]


def test_another_host_is_not_told_the_password(web: Web, web2: Web) -> None:
    web.answer("/x", status=302, headers={"Location": f"{web2.url}/y"})
    web2.serve("/y", {"found": True})
    assert get(web, prefix="alice:s3:cret@") == {"found": True}
    assert web2.asked == [("/y", None)]


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://x/", "http://[", "http://a:b@127.0.0.1/"]
)
def test_a_redirect_to_what_is_no_web_application_is_refused(web: Web, target: str) -> None:
    web.answer("/x", status=302, headers={"Location": target})
    with pytest.raises(MonitorUnavailable, match="redirects to"):
        get(web)


def test_a_circle_of_redirects_ends(web: Web) -> None:
    web.answer("/x", status=302, headers={"Location": "/x"})
    with pytest.raises(MonitorUnavailable, match="redirects more than 5 times"):
        get(web)
    assert len(web.asked) == 5


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"status": 500}, "answers 500 Internal Server Error"),
        ({"status": 401}, "answers 401 Unauthorized"),
        ({"status": 302}, "answers 302 Found"),
        ({"body": b"<html>"}, "does not answer with JSON: Expecting value"),
        ({"body": b""}, "does not answer with JSON: Expecting value"),
        ({"body": b"\xff"}, "does not answer with JSON: byte 0 is not UTF-8"),
        ({"body": b"{}", "headers": {"Content-Length": "9"}}, "does not .*: it ends too early"),
    ],
)
def test_what_is_no_document(web: Web, answer: dict[str, object], complaint: str) -> None:
    web.answer("/x", **answer)
    with pytest.raises(MonitorUnavailable, match=f"^{web.url}/x {complaint}"):
        get(web, prefix="alice:secret@")


def test_nobody_listens(web: Web) -> None:
    web.close()
    with pytest.raises(MonitorUnavailable, match="could not be reached: Connection refused"):
        get(web)


def test_a_document_that_is_too_long(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "LONGEST", 1000)
    web.answer("/x", body=b" " * 1001)
    with pytest.raises(MonitorUnavailable, match="it has more than 1,000 bytes"):
        get(web)


def test_one_that_comes_byte_by_byte_is_not_waited_for(web: Web) -> None:
    web.answer("/x", body=b" " * 1000, pause=0.05)
    began = time.monotonic()
    with pytest.raises(MonitorUnavailable, match=r"does not answer within 0\.3 s|takes too long"):
        get(web, timeout=0.3)
    assert time.monotonic() - began < 3


async def test_no_web_application_at_all(listen: Callable[..., Awaitable[int]]) -> None:
    """It takes a connection and says nothing."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    port = await listen(silent)
    address = Address.parse(f"http://127.0.0.1:{port}")
    with pytest.raises(MonitorUnavailable, match=r"does not answer within|timed out"):
        await asyncio.to_thread(fetch_json, address, "/x", 0.3)
