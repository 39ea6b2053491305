"""The consumer: what a server does with a command."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from baton import InvalidMessage, Message, Server, UnknownMessageType

from {{ cookiecutter.__package }}.consumer import {{ cookiecutter.__prefix }}Consumer
from {{ cookiecutter.__package }}.messages import Measure


class Audit:
    """Keeps what is notified."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []

    def update(self, message: Mapping[str, Any]) -> None:
        self.heard.append(message)


@pytest.fixture
def audit() -> Audit:
    return Audit()


@pytest.fixture
def consumer(web01: Server, audit: Audit) -> {{ cookiecutter.__prefix }}Consumer:
    consumer = {{ cookiecutter.__prefix }}Consumer("web01.example.org", web01)
    consumer.add_observer(audit)
    return consumer


def test_it_listens_on_every_key_of_its_server(
    consumer: {{ cookiecutter.__prefix }}Consumer,
) -> None:
    assert set(consumer.routing_keys) == {
        "production",
        "shop.production",
        "web01.example.org",
        "*",
    }


def test_it_measures_a_folder(
    consumer: {{ cookiecutter.__prefix }}Consumer,
    audit: Audit,
    web01: Server,
    folder: Path,
) -> None:
    consumer.process_message(Message(Measure(str(folder)).to_message()))
    progress, answer = audit.heard
    assert progress == {
        **web01.attributes,
        "type": "info",
        "message": f"measuring {folder}",
    }
    assert answer == {
        **web01.attributes,
        "type": "measured",
        "path": str(folder),
        "files": 2,
        "size": 7,
    }


def test_it_follows_no_link(
    consumer: {{ cookiecutter.__prefix }}Consumer,
    audit: Audit,
    folder: Path,
) -> None:
    (folder / "round").symlink_to(folder)
    consumer.process_message(Message(Measure(str(folder)).to_message()))
    assert audit.heard[-1]["files"] == 2


def test_it_says_how_far_it_is(
    consumer: {{ cookiecutter.__prefix }}Consumer,
    audit: Audit,
    folder: Path,
) -> None:
    consumer.progress_every = 1
    consumer.process_message(Message(Measure(str(folder)).to_message()))
    said = [each["message"] for each in audit.heard if each["type"] == "info"]
    assert said == [f"measuring {folder}", "1 files so far", "2 files so far"]


class Remover:
    """Removes a folder as soon as anything is counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def update(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "info" and "so far" in message["message"]:
            shutil.rmtree(self.folder)


def test_what_is_gone_by_now_is_not_counted(
    consumer: {{ cookiecutter.__prefix }}Consumer,
    audit: Audit,
    folder: Path,
) -> None:
    consumer.progress_every = 1
    consumer.add_observer(Remover(folder / "below"))
    consumer.process_message(Message(Measure(str(folder)).to_message()))
    assert (audit.heard[-1]["files"], audit.heard[-1]["size"]) == (1, 4)


@pytest.mark.parametrize("name", ["no-such-folder", "one"])
def test_no_folder(
    consumer: {{ cookiecutter.__prefix }}Consumer,
    audit: Audit,
    folder: Path,
    name: str,
) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .* on web01\.example\.org"):
        consumer.process_message(Message(Measure(f"{folder}/{name}").to_message()))
    assert audit.heard == []


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"type": "measure", "path": "etc"}, InvalidMessage),
        ({"type": "remove", "path": "/etc"}, UnknownMessageType),
    ],
)
def test_a_wrong_command(
    consumer: {{ cookiecutter.__prefix }}Consumer,
    audit: Audit,
    message: dict[str, Any],
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        consumer.process_message(Message(message))
    assert audit.heard == []
