"""Observers, and what they hear."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from baton.observer import Observable, Observer


class Named(Observable):
    @property
    def attributes(self) -> dict[str, Any]:
        return {"name": "disk"}


class Audit:
    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []

    def update(self, message: Mapping[str, Any]) -> None:
        self.heard.append(message)


@pytest.fixture
def audit() -> Audit:
    return Audit()


@pytest.fixture
def disk(audit: Audit) -> Named:
    disk = Named()
    disk.add_observer(audit)
    return disk


# What the original's specification says


def test_an_error(disk: Named, audit: Audit) -> None:
    disk.notify_error(ValueError, "an error")
    assert audit.heard == [
        {
            "name": "disk",
            "type": "error",
            "error_class": "ValueError",
            "error_message": "an error",
        }
    ]


def test_an_error_by_name(disk: Named, audit: Audit) -> None:
    disk.notify_error("Exception", "an error")
    assert audit.heard[0]["error_class"] == "Exception"


def test_an_info(disk: Named, audit: Audit) -> None:
    disk.notify_info("a message")
    assert audit.heard == [{"name": "disk", "type": "info", "message": "a message"}]


def test_a_success(disk: Named, audit: Audit) -> None:
    disk.notify_success("a success message")
    assert audit.heard == [{"name": "disk", "type": "success", "message": "a success message"}]


def test_a_log(disk: Named, audit: Audit) -> None:
    disk.notify_log({"attr_1": 1, "attr_2": 2})
    assert audit.heard == [{"name": "disk", "attr_1": 1, "attr_2": 2}]


# Merging


def test_attributes_come_first_and_the_message_wins(disk: Named, audit: Audit) -> None:
    disk.notify({"type": "info", "name": "other"})
    assert list(audit.heard[0].items()) == [("name", "other"), ("type", "info")]


def test_the_type_keeps_its_place_among_the_attributes(audit: Audit) -> None:
    class Ping(Observable):
        @property
        def attributes(self) -> dict[str, Any]:
            return {"type": "pong", "fqdn": "web01"}

    ping = Ping()
    ping.add_observer(audit)
    ping.notify_error("Exception", "an error")
    assert list(audit.heard[0]) == ["type", "fqdn", "error_class", "error_message"]
    assert audit.heard[0]["type"] == "error"


def test_without_attributes(audit: Audit) -> None:
    observable = Observable()
    observable.add_observer(audit)
    observable.notify_info("a message")
    assert audit.heard == [{"type": "info", "message": "a message"}]


def test_what_was_given_is_not_changed(disk: Named) -> None:
    message = {"type": "info"}
    disk.notify(message)
    assert message == {"type": "info"}


# Observers


def test_observers_hear_in_the_order_in_which_they_were_added() -> None:
    heard: list[str] = []

    class Noting:
        def __init__(self, name: str) -> None:
            self.name = name

        def update(self, message: Mapping[str, Any]) -> None:
            heard.append(f"{self.name} {message['message']}")

    disk = Named()
    for name in ("first", "second", "third"):
        disk.add_observer(Noting(name))
    disk.notify_info("a")
    disk.notify_info("b")
    assert heard == ["first a", "second a", "third a", "first b", "second b", "third b"]


def test_observers_belong_to_one_object(disk: Named, audit: Audit) -> None:
    other = Named()
    other.notify_info("a message")
    assert audit.heard == []
    assert other.observers == []
    assert disk.observers == [audit]


def test_without_observers_nothing_happens() -> None:
    Named().notify_info("a message")


def test_an_observer_that_was_removed_hears_no_more(disk: Named, audit: Audit) -> None:
    disk.notify_info("a")
    disk.remove_observer(audit)
    disk.notify_info("b")
    assert [each["message"] for each in audit.heard] == ["a"]
    with pytest.raises(ValueError, match="not in list"):
        disk.remove_observer(audit)


def test_an_observer_may_remove_itself(audit: Audit) -> None:
    disk = Named()

    class Once:
        def update(self, message: Mapping[str, Any]) -> None:
            disk.remove_observer(self)

    disk.add_observer(Once())
    disk.add_observer(audit)
    disk.notify_info("a")
    disk.notify_info("b")
    assert [each["message"] for each in audit.heard] == ["a", "b"]
    assert disk.observers == [audit]


def test_what_an_observer_raises_reaches_who_notified(disk: Named) -> None:
    class Failing:
        def update(self, message: Mapping[str, Any]) -> None:
            raise OSError("the disk is full")

    disk.add_observer(Failing())
    with pytest.raises(OSError, match="the disk is full"):
        disk.notify_info("a message")


def test_an_observer_is_updated_in_the_thread_that_notified(disk: Named) -> None:
    threads: list[int] = []

    class Here:
        def update(self, message: Mapping[str, Any]) -> None:
            threads.append(threading.get_ident())

    disk.add_observer(Here())
    thread = threading.Thread(target=disk.notify_info, args=("a message",))
    thread.start()
    thread.join()
    assert threads == [thread.ident]


def test_anything_with_an_update_is_an_observer(audit: Audit) -> None:
    assert isinstance(audit, Observer)
    assert not isinstance(object(), Observer)
