"""What each of the dashboard's keys may be: one exact sentence for each wrong value."""

from __future__ import annotations

import pytest

from baton import Configuration, ConfigurationError
from baton_ping_monitor.keys import SECRETS, DashboardKeys, seconds, split_urls
from baton_ping_monitor.reading import read_settings

WHOLE = "should be a valid integer"
DURATION = "should be a number of seconds, or as 30m, 12h or 7d"
NAME = "should be 1 to {} bytes of UTF-8 without control characters"
PATH = '["x"] should be a path'
SWITCH = '"perhaps" should be true or false'


def at_least(least: str) -> str:
    return f"should be greater than or equal to {least}"


def at_most(most: str) -> str:
    return f"should be less than or equal to {most}"


WRONG: list[tuple[str, object, str]] = [
    ("dashboard_host", "", '"" should be an address of this machine, without a port'),
    ("dashboard_host", ["x"], '["x"] should be a string'),
    ("dashboard_port", "http", f'"http" {WHOLE}'),
    ("dashboard_port", 65536, f'"65536" {at_most("65535")}'),
    (
        "dashboard_prefix",
        "baton",
        '"baton" should be a path that begins with /, of letters, digits and . _ ~ -',
    ),
    ("dashboard_users_file", ["x"], PATH),
    ("instance", "a\nb", f'"a�b" {NAME.format(160)}'),
    ("extensions", "e" * 65, f'"{"e" * 39}…" {NAME.format(64)}'),
    ("inventory", ["x"], PATH),
    ("ping_every", "soon", f'"soon" {DURATION}'),
    ("ping_every", True, f'"True" {DURATION}'),
    ("ping_every", "0.01", f'"0.01" {at_least("0.1")}'),
    ("ping_every", "2d", f'"2d" {at_most("86400")}'),
    ("ping_targets", "x" * 256, f'"{"x" * 39}…" {NAME.format(255)}'),
    ("missing_after", "0", f'"0" {at_least("1")}'),
    ("facts_every", "-1", f'"-1" {DURATION}'),
    ("facts_every", "9s", f'"9s" {at_least("10")}'),
    ("database", ["hunter2"], "should be a string"),
    ("database_file", ["x"], PATH),
    ("keep_outputs", "59m", f'"59m" {at_least("3600")}'),
    ("keep_minutes", "521w 1d", f'"521w 1d" {DURATION}'),
    ("keep_hours", "999w", f'"999w" {at_most("315360000")}'),
    ("most_outputs", "1k", f'"1k" {WHOLE}'),
    ("most_runs", "0", f'"0" {at_least("1")}'),
    ("alerts", '["slack://hunter2", ', "is not a JSON list"),
    ("alerts", {"slack": "hunter2"}, "should be a list, in JSON or separated by commas"),
    ("alerts_file", ["x"], PATH),
    ("alerts_dry_run", "perhaps", SWITCH),
]


@pytest.mark.parametrize(("key", "value", "says"), WRONG)
def test_a_wrong_value_is_told(key: str, value: object, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(Configuration(**{key: value}))  # type: ignore[arg-type]
    assert str(caught.value) == f"{key.upper()} {says}"
    assert "hunter2" not in str(caught.value)


def test_every_key_was_tried() -> None:
    assert {key for key, _, _ in WRONG} == set(DashboardKeys.model_fields)
    assert set(DashboardKeys.model_fields) >= SECRETS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        (5, 5),
        ("0.5", 0.5),
        ("30s", 30),
        ("1.5 h", 5400),
        ("12H", 43_200),
        ("1w", 604_800),
    ],
)
def test_durations(text: object, expected: float) -> None:
    assert seconds(text) == expected


def test_urls_may_have_commas() -> None:
    assert split_urls("mailto://h?to=a@x,b@x, json://h/a slack://k,") == [
        "mailto://h?to=a@x,b@x",
        "json://h/a",
        "slack://k",
    ]
    assert split_urls('["json://h/a,b"]') == ["json://h/a,b"]
