"""Sockets that listen."""

from __future__ import annotations

import errno
import socket

import pytest

from baton.listening import bound, listening_on


def close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def test_each_address_of_a_name_listens_on_the_same_free_port() -> None:
    sockets = listening_on("localhost", 0)
    try:
        assert len({each.getsockname()[1] for each in sockets}) == 1
        for each in sockets:
            with socket.create_connection(each.getsockname()[:2], timeout=5):
                pass
    finally:
        close(sockets)


def test_a_port_that_is_taken_says_so() -> None:
    with bound(socket.AF_INET, ("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use") as caught:
            listening_on("127.0.0.1", port)
    assert caught.value.errno == errno.EADDRINUSE


def test_an_address_of_another_machine_cannot_be_had() -> None:
    with pytest.raises(OSError, match="assign"):
        listening_on("192.0.2.1", 0)


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(OSError, match=r"not known|resolution"):
        listening_on("nobody.invalid", 0)
