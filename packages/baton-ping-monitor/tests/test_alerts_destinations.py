"""What is made of Apprise's URLs, and what comes of sending."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest

from baton import ConfigurationError
from baton_ping_monitor.alerts.destinations import make_destinations
from baton_ping_monitor.alerts.wording import Alert, Tone

if TYPE_CHECKING:
    from webhook import Receiver

ALERT = Alert("web01 is missing", "since <today> & *now*\nand more", Tone.BAD)


def test_an_alert_is_sent_as_it_is(receiver: Receiver) -> None:
    (destination,) = make_destinations([receiver.url])
    assert destination.send(ALERT) == ""
    (message,) = receiver.wait_for(1)
    assert message["title"] == ALERT.title
    assert message["message"] == ALERT.text
    assert message["type"] == "failure"


def test_what_goes_wrong_is_told_without_secrets(receiver: Receiver) -> None:
    """Whatever the level of the log is."""
    receiver.refuses = 1
    log = io.StringIO()
    logger = logging.getLogger()
    handler, level = logging.StreamHandler(log), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        (destination,) = make_destinations([receiver.url])
        trouble = destination.send(ALERT)
        logger.debug("The end")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert "503" in trouble
    assert "The end" in log.getvalue()
    for text in (trouble, log.getvalue()):
        assert "hunter2" not in text
        assert "secret" not in text


def test_nobody_is_there() -> None:
    (destination,) = make_destinations(["json://127.0.0.1:1"])
    assert "onnection error" in destination.send(ALERT)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("json://ann:hunter2@h.example.org:8080/secret?+X=secret", "json://ann:****@h.example.org:8080/…"),
        ("jsons://h.example.org", "jsons://h.example.org"),
        ("mailto://ann:hunter2@example.org?to=ops@example.org", "mailto://ann:****@example.org/ops@example.org"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops", "slack://T...2/A...D/T...Q/#ops"),
    ],
)  # fmt: skip
def test_people_are_shown_no_secrets(url: str, shown: str) -> None:
    (destination,) = make_destinations([url])
    assert destination.name == shown


@pytest.mark.parametrize("url", ["frob://hunter2", "slack://hunter2", "json://"])
def test_what_apprise_does_not_take_is_told_without_secrets(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make_destinations(["json://127.0.0.1", url])
    scheme = url.partition(":")[0]
    assert str(caught.value).startswith(
        f"ALERTS: number 2 of 2 ({scheme}://…) is no URL that Apprise takes: "
    )
    assert "hunter2" not in str(caught.value)


def test_nobody_is_to_be_told() -> None:
    assert make_destinations([]) == []
