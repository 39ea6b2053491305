"""Fetching JSON over HTTP: bounded in time and size, whatever is at the other end."""

from __future__ import annotations

import base64
import http.client
import threading
import time
import urllib.request
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urljoin, urlsplit

from baton import __version__
from baton.errors import ConfigurationError, MonitorUnavailable
from baton.fleet.document import parse_json
from baton.text import excerpt

LONGEST: Final = 16 * 1024 * 1024
"""Bytes that a document may have."""
_CHUNK: Final = 64 * 1024
_NOT_FOUND: Final = 404
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MOST_REDIRECTS: Final = 5
_SCHEMES: Final = ("http", "https")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a web application. As a text it has no password.

    >>> str(Address.parse("https://alice:secret@baton.example.org/monitor/"))
    'https://baton.example.org/monitor'
    """

    scheme: str
    host: str
    path: str = ""
    authorization: str | None = None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    @classmethod
    def parse(cls, url: str) -> Self:
        """The address that *url* is. Raises ConfigurationError, which repeats no password."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _wrong(url) from None
        is_odd = not url.isascii() or not url.isprintable() or " " in url
        if is_odd or not host or parts.scheme not in _SCHEMES or parts.query or parts.fragment:
            raise _wrong(url)
        authorization = None
        if parts.username is not None:
            plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = f"Basic {base64.b64encode(plain.encode()).decode()}"
        name = f"[{host}]" if ":" in host else host
        where = name if port is None else f"{name}:{port}"
        return cls(parts.scheme, where, parts.path.rstrip("/"), authorization)


def fetch_json(address: Address, path: str, timeout: float) -> Any:
    """The document at *path* below *address*; None if there is nothing (404).

    Waits *timeout* seconds at most. Raises MonitorUnavailable if it cannot be had, or is no JSON.
    """
    outcome: list[Any] = []

    def fetch() -> None:
        try:
            outcome.append(_fetch(address, path, time.monotonic() + timeout))
        except BaseException as error:  # noqa: BLE001  (raised below, in the thread that asks)
            outcome.append(error)

    # A socket's timeout begins anew with each byte: who sends them one by one never ends.
    thread = threading.Thread(target=fetch, name="baton-fetch", daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        raise MonitorUnavailable(f"{address}{path} does not answer within {timeout:g} s")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _fetch(address: Address, path: str, deadline: float) -> Any:
    where = f"{address}{path}"
    url = where
    try:
        for _ in range(_MOST_REDIRECTS):
            try:
                content = _read(_request(url, address), deadline)
            except HTTPError as error:
                with error:
                    target = error.headers.get("Location", "")
                    if error.code not in _REDIRECTS or not target:
                        if error.code == _NOT_FOUND:
                            return None
                        reason = excerpt(str(error.reason))
                        raise MonitorUnavailable(
                            f"{where} answers {error.code} {reason}".rstrip()
                        ) from None
                url = _redirected(url, target, where)
            else:
                return parse_json(content)
        raise MonitorUnavailable(f"{where} redirects more than {_MOST_REDIRECTS} times")
    except URLError as error:
        raise MonitorUnavailable(f"{where} could not be reached: {_reason(error.reason)}") from None
    except (OSError, http.client.HTTPException) as error:
        raise MonitorUnavailable(f"{where} could not be reached: {_reason(error)}") from None
    except ValueError as error:
        raise MonitorUnavailable(f"{where} does not answer with JSON: {_reason(error)}") from None


def _request(url: str, address: Address) -> urllib.request.Request:
    headers = {"Accept": "application/json", "User-Agent": f"baton/{__version__}"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  (Address allows HTTP alone)
    asked = urlsplit(url)
    # No other host is told the password, and nobody on the way.
    is_safe = asked.netloc == address.host and asked.scheme in (address.scheme, "https")
    if address.authorization and is_safe:
        request.add_unredirected_header("Authorization", address.authorization)
    return request


def _read(request: urllib.request.Request, deadline: float) -> bytes:
    opener = urllib.request.OpenerDirector()
    # No handler of files or FTP, and none of redirects, which would read the whole of them.
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
    ):
        opener.add_handler(handler())
    left = max(0.001, deadline - time.monotonic())
    content = bytearray()
    with opener.open(request, timeout=left) as response:
        while chunk := response.read(_CHUNK):
            content += chunk
            if len(content) > LONGEST:
                raise ValueError(f"it has more than {LONGEST:,} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError("it takes too long")
        if response.length:
            raise ValueError("it ends too early")
    return bytes(content)


def _redirected(url: str, target: str, where: str) -> str:
    try:
        found = urljoin(url, target)
        parts = urlsplit(found)
        if parts.scheme in _SCHEMES and parts.hostname and not parts.username:
            return found
    except ValueError:
        pass
    shown = excerpt(target, 40)
    raise MonitorUnavailable(f'{where} redirects to "{shown}", where nothing is asked') from None


def _reason(error: object) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return excerpt(str(error)) or type(error).__name__


def _wrong(url: str) -> ConfigurationError:
    head, at, tail = url.rpartition("@")
    shown = f"…{at}{tail}" if at else head + tail
    return ConfigurationError(
        f'"{excerpt(shown, 80)}" is no address of a monitor: one like https://baton.example.org is'
    )
