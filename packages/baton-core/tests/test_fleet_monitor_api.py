"""The JSON API of a monitor, as requesters ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.errors import ConfigurationError, MonitorUnavailable
from baton.fleet import Failure
from baton.fleet.monitor_api import MonitorAPI, Seen

if TYPE_CHECKING:
    from conftest import Web


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def api(web: Web) -> MonitorAPI:
    return MonitorAPI(f"{web.url}/baton", timeout=5)


SERVERS = {
    "servers": [
        {"fqdn": "web01", "environment": "production", "app_names": ["shop"], "more": 1},
        {"fqdn": "web02", "environment": "production", "app_names": []},
        {"fqdn": "web03", "environment": "Staging", "app_names": ["shop", 3]},
        {"fqdn": "", "environment": "production"},
        {"fqdn": "bare"},
    ]
}


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (["production"], {"web01", "web02"}),
        (["shop.production", "web03"], {"web01", "web03"}),
        (["staging"], {"web03"}),
        (["*"], {"web01", "web02", "web03", "bare"}),
        (["nowhere"], set()),
    ],
)
def test_the_servers_that_a_target_reaches(
    web: Web, api: MonitorAPI, targets: list[str], names: set[str]
) -> None:
    web.serve("/baton/api/servers", SERVERS)
    assert api.servers(targets) == names


def test_a_name_that_no_server_can_have_hides_no_other(web: Web, api: MonitorAPI) -> None:
    names = ["web\n01", "x" * 161, "\udce4", "web01"]
    servers = [{"fqdn": name, "environment": "production"} for name in names]
    web.serve("/baton/api/servers", {"servers": servers})
    assert api.servers(["production"]) == {"web01"}


def test_no_such_api(api: MonitorAPI) -> None:
    with pytest.raises(
        MonitorUnavailable, match=r"/baton/api/servers does not answer as a .*: there is nothing"
    ):
        api.servers(["production"])


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "it is no object"),
        ({}, '"servers" is not there'),
        ({"servers": {}}, '"servers" should be a list'),
        ({"servers": ["web01"]}, '"servers" should be an object'),
        ({"servers": [{"name": "x"}]}, '"servers.fqdn" is not there'),
        ({"servers": [{"fqdn": 1}]}, '"servers.fqdn" should be a string'),
    ],
)
def test_what_a_monitor_does_not_answer(
    web: Web, api: MonitorAPI, document: object, complaint: str
) -> None:
    web.serve("/baton/api/servers", document)
    with pytest.raises(MonitorUnavailable, match=f"does not answer as a Baton .*: {complaint}"):
        api.servers(["*"])


def test_what_it_has_seen_of_a_command(web: Web, api: MonitorAPI) -> None:
    reply = {
        "message_id": "m",
        "fqdn": "web01\x1b",
        "instance": "i",
        "type": "pong",
        "received": 12.5,
        "body": {"type": "pong", "environment": "production"},
    }
    web.serve("/baton/api/replies/1f%2F", {"replies": [reply]})
    (seen,) = api.replies("1f/")
    assert seen == Seen("web01�", 12.5, "pong", reply["body"])  # type: ignore[arg-type]
    assert "production" in seen.routing_keys


def test_of_a_command_that_it_does_not_know_it_has_seen_nothing(api: MonitorAPI) -> None:
    assert api.replies("1f") == []


@pytest.mark.parametrize("received", [None, "now", -1, True])
def test_a_time_that_is_none(web: Web, api: MonitorAPI, received: object) -> None:
    reply = {"fqdn": "web01", "type": "pong", "received": received, "body": {}}
    web.serve("/baton/api/replies/1f", {"replies": [reply]})
    with pytest.raises(MonitorUnavailable, match=r'"replies\.received" should be a number'):
        api.replies("1f")


def test_what_an_error_says_is_cut() -> None:
    body = {"error_class": "Oops", "error_message": "a\n" + "x" * 500}
    assert Seen("web01", 1.0, "error", body).failure == Failure(
        "web01", "failed", "Oops", "a�" + "x" * 197 + "…"
    )


def test_an_address_that_is_none() -> None:
    with pytest.raises(ConfigurationError, match="is no address of a monitor"):
        MonitorAPI("mq.example.org")


def test_it_is_shown_without_a_password() -> None:
    assert str(MonitorAPI("http://alice:secret@mq.example.org/")) == "http://mq.example.org"
