"""The audit: what is kept of a command, and where."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from baton.audit import audited_to, is_on, logger, record
from baton.errors import ConfigurationError
from baton.gathering import write_gathered
from baton.lifecycle import run_until_signalled
from baton.log_file import log_files, reopen_log_files
from baton.message import Envelope
from baton.transports import Delivery

PING = b'{"type": "ping"}'


def keep(body: bytes = PING, key: str = "production", **values: Any) -> None:
    """Keep a command's end."""
    told = {"type": "", "outcome": "done", "duration": 0.0012345, "consumer": "web01"}
    for name in told.keys() & values.keys():
        told[name] = values.pop(name)
    delivery = Delivery("queue", 1, None, key, body, Envelope(**values), False, 0.0)
    record(delivery, extension="baton-ping", **told)  # type: ignore[arg-type]
    write_gathered()


@pytest.fixture
def kept(caplog: pytest.LogCaptureFixture) -> Iterator[list[dict[str, Any]]]:
    """What is kept in the log."""
    kept: list[dict[str, Any]] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record.baton_audit)  # type: ignore[attr-defined]

    handler = Keeping()
    logger.addHandler(handler)
    caplog.set_level(logging.INFO, logger.name)
    yield kept
    logger.removeHandler(handler)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_an_entry(kept: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    keep(message_id="m1", user_id="ops", headers={"baton-sender": "alice@web01"})
    (entry,) = kept
    time = entry["time"]
    assert len(time) == len("2026-11-25T00:30:12.031Z")
    assert entry == {
        "time": time,
        "id": "m1",
        "sender": "alice@web01",
        "user": "ops",
        "type": "ping",
        "key": "production",
        "outcome": "done",
        "duration_ms": 1.234,
        "extension": "baton-ping",
        "consumer": "web01",
    }
    (line,) = caplog.messages
    assert line.startswith('audit {"time": "')
    assert json.loads(line.removeprefix("audit ")) == entry


def test_what_a_command_does_not_have(kept: list[dict[str, Any]]) -> None:
    keep(b"{not json", headers={"baton-sender": 8})
    entry = kept[0]
    assert (entry["id"], entry["sender"], entry["user"], entry["type"]) == (None, None, None, "")


def test_a_type_that_is_known_is_not_looked_for(kept: list[dict[str, Any]]) -> None:
    keep(b"{not json", type="restart")
    assert kept[0]["type"] == "restart"


@pytest.mark.parametrize("field", ["id", "sender", "user", "type", "key", "consumer"])
def test_what_others_wrote_is_cut_and_cannot_act_on_a_terminal(
    kept: list[dict[str, Any]], field: str
) -> None:
    hostile = "\x1b[2J\n\u202e" + "x" * 1000
    keep(
        json.dumps({"type": hostile}).encode(),
        message_id=hostile,
        user_id=hostile,
        headers={"baton-sender": hostile},
        key=hostile,
        consumer=hostile,
    )
    assert kept[0][field] == "\ufffd[2J\ufffd\ufffd" + "x" * 193 + "…"


def test_a_file_of_its_own(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert not is_on()
    with audited_to(path):
        assert is_on()
        keep(message_id="1")
        keep(message_id="2", headers={"baton-sender": "größe\n"})
    keep(message_id="3")
    assert [(entry["id"], entry["sender"]) for entry in lines(path)] == [
        ("1", None),
        ("2", "größe\ufffd"),
    ]
    assert caplog.messages == []
    assert (logger.propagate, logger.level, logger.handlers) == (True, logging.NOTSET, [])


def test_without_a_file_it_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with audited_to(None):
        keep()
    assert len(caplog.messages) == 1


def test_the_file_is_appended_to(path: Path) -> None:
    for number in range(2):
        with audited_to(path):
            keep(message_id=str(number))
    assert [entry["id"] for entry in lines(path)] == ["0", "1"]


def test_the_file_is_for_the_user_and_the_group_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with audited_to(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(before)


def test_sighup_opens_it_anew(path: Path) -> None:
    async def start() -> None:
        keep(message_id="before")
        os.rename(path, f"{path}.1")  # noqa: PTH104  (nothing else runs here)
        signal.raise_signal(signal.SIGHUP)

    async def stop() -> None:
        keep(message_id="after")

    async def failed() -> None:
        signal.raise_signal(signal.SIGTERM)

    with audited_to(path):
        assert run_until_signalled(start, stop, 5, failed) == 0
    assert [entry["id"] for entry in lines(path)] == ["after"]
    assert [entry["id"] for entry in lines(Path(f"{path}.1"))] == ["before"]


def test_it_goes_on_in_the_old_file_if_there_can_be_no_new_one(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with audited_to(path):
        rotated = path.rename(f"{path}.1")
        path.mkdir()
        reopen_log_files()
        keep(message_id="after")
    assert [entry["id"] for entry in lines(rotated)] == ["after"]
    assert caplog.messages == [
        f"AUDIT_FILE: {path} cannot be opened anew: Is a directory; the log goes on in the old file"
    ]


@pytest.mark.parametrize(
    ("name", "reason"), [("", "Is a directory"), ("no/x.log", "No such file or directory")]
)
def test_a_file_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught, audited_to(tmp_path / name):
        pass
    assert str(caught.value) == f"AUDIT_FILE: {tmp_path / name} cannot be written: {reason}"
    assert logger.handlers == []


class Disk(TextIOWrapper):
    """A file on a disk that may be full."""

    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_disk_that_fails_is_told_of_once_and_hurts_nobody(
    path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with audited_to(path):
        (file,) = log_files()
        assert file.stream is not None
        file.stream.close()
        file.stream = disk = Disk(path.open("ab"), encoding="utf-8")
        keep(message_id="1")
        keep(message_id="2")
        disk.is_full = False
        keep(message_id="3")
        keep(message_id="4")
        disk.is_full = True
        keep(message_id="5")
    assert [entry["id"] for entry in lines(path)] == ["3", "4"]
    full = f"AUDIT_FILE: {path} cannot be written: No space left on device"
    again = f"AUDIT_FILE: {path} is written again, entries are missing"
    assert caplog.messages == [full, again, full]
    assert capsys.readouterr() == ("", "")


def test_a_device_that_is_full(caplog: pytest.LogCaptureFixture) -> None:
    with audited_to(Path("/dev/full")):
        for number in range(1000):
            keep(message_id=str(number))
    assert len(caplog.messages) == 1
