"""Sockets that listen for those who ask something of this process."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any


def listening_on(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on *port* of each address of *host*; 0 takes a free one.

    Of a name that has several addresses, those that this machine has: where IPv6 is turned off it
    may still stand beside ``localhost``. Raises OSError if there is none, or one is taken.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return _bound_to_each(dict.fromkeys((each[0], each[4]) for each in found))


def bound(family: int, address: Any) -> socket.socket:
    """A socket that listens on *address*. Raises OSError if it cannot."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # What just ended does not keep the port from the next one.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _bound_to_each(addresses: Iterable[tuple[int, Any]]) -> list[socket.socket]:
    failure = None
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        for family, address in addresses:
            try:
                sockets.append(stack.enter_context(bound(family, _same_port(address, sockets))))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                failure = error
        if not sockets and failure is not None:
            raise failure
        stack.pop_all()
    return sockets


def _same_port(address: Any, sockets: list[socket.socket]) -> Any:
    """A port that was free on the first address is taken on the others, too."""
    host, port, *rest = address
    if port == 0 and sockets:
        port = sockets[0].getsockname()[1]
    return (host, port, *rest)
