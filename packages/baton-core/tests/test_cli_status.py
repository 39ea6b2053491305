"""What answers in the place of the process that is asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from baton.cli import status
from baton.cli.status import show_status
from baton.configuration import Configuration


@contextmanager
def answering(answer: bytes, *, close: bool = True) -> Iterator[Configuration]:
    """Something that says *answer* to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def answer_one() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(answer)
                if not close:
                    done.wait(10)

        thread = threading.Thread(target=answer_one)
        thread.start()
        try:
            yield Configuration(health_port=listener.getsockname()[1])
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\n\r\n[1]",
        b"HTTP/1.1 200 OK\r\n\r\n\xff",
        b'HTTP/1.1 200 OK\r\n\r\n{"pid": 1, "ready": true}',
        b'HTTP/1.1 200 OK\r\n\r\n{"pid": 1, "stopping": false, "ready": true, "services": ["x"]}',
    ],
)
def test_something_else(answer: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(answer) as configuration:
        assert show_status("baton-disk", configuration, as_json=False) == 1
    port = configuration.health_port
    assert capsys.readouterr().out == (
        f"What listens on port {port} of 127.0.0.1 does not answer as Baton does\n"
    )


def test_something_that_says_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_PATIENCE", 0.1)
    with answering(b"HTTP/1.1 200", close=False) as configuration:
        assert show_status("baton-disk", configuration, as_json=False) == 1
    assert "does not answer within 0.1 s" in capsys.readouterr().out


def test_several_services(capsys: pytest.CaptureFixture[str]) -> None:
    def service(name: str) -> str:
        return (
            f'{{"name": "{name}", "state": "blocked", "since": "2026-11-25T00:30:08.250Z", '
            '"reason": "low on memory"}'
        )

    report = (
        f'{{"pid": 7, "ready": false, "stopping": false, '
        f'"services": [{service("baton-a")}, {service("baton-b")}]}}'
    )
    with answering(f"HTTP/1.1 503 No\r\n\r\n{report}".encode()) as configuration:
        assert show_status("baton", configuration, as_json=False) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("baton-a (process 7) is blocked since ")
    assert second.startswith("baton-b (process 7) is blocked since ")
    assert second.endswith(" (low on memory)")


def test_one_that_stops(capsys: pytest.CaptureFixture[str]) -> None:
    report = (
        '{"pid": 7, "ready": false, "stopping": true, "services": [{"name": "baton-a", '
        '"state": "ready", "since": "2026-11-25T00:30:08.250Z", "reason": ""}]}'
    )
    with answering(f"HTTP/1.1 503 No\r\n\r\n{report}".encode()) as configuration:
        assert show_status("baton", configuration, as_json=False) == 1
    assert capsys.readouterr().out == "baton-a (process 7) is stopping\n"
