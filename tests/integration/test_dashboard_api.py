"""The documents of a real dashboard on a real RabbitMQ, as commands and programs ask for them."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from baton_ping_monitor.web.passwords import hash_password, new_token
from brokers.vhost import Vhost
from brokers.waiting import wait_until
from integration.running import Process, command, process

WEB01, WEB02 = "web01.example.org", "web02.example.org"
PATIENCE = 20


@dataclass
class Shown:
    """A dashboard: its process, where it is, and where it is with a user in the address."""

    process: Process
    url: str
    url_with_user: str
    headers: dict[str, str]

    def get(self, path: str) -> Any:
        answer = httpx2.get(self.url + path, headers=self.headers, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def replies(self, message_id: str) -> int:
        """How many outputs it has seen of a command."""
        path = f"{self.url}api/replies/{message_id}"
        answer = httpx2.get(path, headers=self.headers, timeout=PATIENCE)
        return len(answer.json()["replies"]) if answer.status_code == 200 else 0

    def knows(self, *names: str) -> bool:
        return {each["fqdn"] for each in self.get("api/servers")["servers"]} >= set(names)


@contextmanager
def shown(vhost: Vhost, folder: Path, *options: str) -> Iterator[Shown]:
    """A dashboard with the users alice and ci, below a prefix."""
    token, kept = new_token()
    users = folder / "users"
    users.touch(mode=0o600)
    users.write_text(f"alice:viewer:{hash_password('in wonderland')}\nci:operator:{kept}\n")
    arguments = (
        "--url", vhost.url, "--port", "0", "--prefix", "/baton", "--users-file", str(users),
        "--database", f"sqlite:///{folder}/dashboard.db", "--instance", "test", *options,
    )  # fmt: skip
    with process(*arguments, program="baton-ping-monitor") as started:
        line = started.wait_for("Dashboard: ")
        url = line.partition("Dashboard: ")[2].strip()
        with_user = url.replace("://", "://alice:in%20wonderland@")
        found = Shown(started, url, with_user, {"Authorization": f"Bearer {token}"})
        assert wait_until(lambda: is_ready(found), timeout=PATIENCE)
        yield found


def is_ready(dashboard: Shown) -> bool:
    answer = httpx2.get(f"{dashboard.url}readyz", timeout=PATIENCE)
    return answer.status_code == 200


@contextmanager
def server(vhost: Vhost, name: str) -> Iterator[Process]:
    """A server of its own process, ready."""
    settings = {"BATON_FQDN": name, "BATON_ENVIRONMENT": "production"}
    with process("--url", vhost.url, **settings) as started:
        started.wait_for("is ready")
        yield started


def test_a_ping_expects_the_servers_that_the_dashboard_knows(vhost: Vhost, tmp_path: Path) -> None:
    with shown(vhost, tmp_path, "--ping-every", "0.5") as dashboard:
        arguments = ["ping", "production", "--url", vhost.url]
        arguments += ["--expect-from", dashboard.url_with_user, "--json", "--timeout", "10"]
        with server(vhost, WEB01), server(vhost, WEB02) as second:
            assert wait_until(lambda: dashboard.knows(WEB01, WEB02), timeout=PATIENCE)
            complete = command(*arguments)
            assert complete.code == 0, complete.err
            assert json.loads(complete.out)["expected"] == 2
            second.signal(signal.SIGKILL)
            second.wait()
            arguments[-1] = "3"
            incomplete = command(*arguments)
    assert incomplete.code == 1
    assert json.loads(incomplete.out)["missing"] == {"count": 1, "names": [WEB02]}


def test_what_came_too_late_is_told(vhost: Vhost, tmp_path: Path) -> None:
    with (
        shown(vhost, tmp_path) as dashboard,
        server(vhost, WEB01),
        server(vhost, WEB02) as second,
    ):
        second.signal(signal.SIGSTOP)
        expected = tmp_path / "expected"
        expected.write_text(f"{WEB01}\n{WEB02}\n")
        options = ["--expect-file", str(expected), "--timeout", "3", "--json", "--url", vhost.url]
        asked = command("ping", "production", *options)
        assert asked.code == 1
        run = json.loads(asked.out)["id"]
        before = command("replies", run, "--from", dashboard.url_with_user, "--json")
        assert (before.code, json.loads(before.out)["late"]) == (1, [])
        second.signal(signal.SIGCONT)
        assert wait_until(lambda: dashboard.replies(run) == 2, timeout=PATIENCE)
        after = command("replies", run, "--from", dashboard.url_with_user, "--json")
        assert after.code == 0, after.err
        assert json.loads(after.out)["late"] == [WEB02]


def test_nobody_learns_anything_without_a_login(vhost: Vhost, tmp_path: Path) -> None:
    with shown(vhost, tmp_path) as dashboard:
        wrong = dashboard.url_with_user.replace("wonderland", "nowhere")
        for url in (dashboard.url, wrong):
            refused = command("ping", "production", "--url", vhost.url, "--expect-from", url)
            assert refused.code == 3
            assert "401" in refused.err
            assert "nowhere" not in refused.err
        assert httpx2.get(f"{dashboard.url}metrics").status_code == 401


def test_a_program_pings_and_follows_what_is_said(vhost: Vhost, tmp_path: Path) -> None:
    with (
        shown(vhost, tmp_path, "--ping-every", "0.5") as dashboard,
        server(vhost, WEB01),
        httpx2.Client(
            base_url=dashboard.url, headers=dashboard.headers, timeout=PATIENCE
        ) as client,
    ):
        assert wait_until(lambda: dashboard.knows(WEB01), timeout=PATIENCE)
        begun = client.post("api/runs", json={"targets": ["production"], "timeout": 10})
        assert begun.status_code == 202
        location = begun.headers["location"]
        assert location.startswith("/baton/api/runs/")
        location = str(httpx2.URL(dashboard.url).join(location))
        assert wait_until(lambda: client.get(location).json()["done"], timeout=PATIENCE)
        run = client.get(location).json()
        assert (run["by"], run["answered"], run["expected"]) == ("ci", 1, 1)
        replies = client.get(f"api/replies/{run['document']['id']}").json()["replies"]
        assert [each["fqdn"] for each in replies] == [WEB01]
        with client.stream("GET", "api/events?after=0&type=pong") as stream:
            data = next(line for line in stream.iter_lines() if line.startswith("data: "))
        assert json.loads(data.removeprefix("data: "))["fqdn"] == WEB01
        metrics = client.get("metrics").text
        assert re.search(rf'baton_server_up{{environment="production",fqdn="{WEB01}"}} 1', metrics)
        dashboard.process.signal(signal.SIGTERM)
        assert dashboard.process.wait() == 0


def test_it_is_alive_but_not_ready_without_a_broker(tmp_path: Path) -> None:
    arguments = ("--url", "amqp://127.0.0.1:1", "--port", "0", "--instance", "test")
    options = ("--database", f"sqlite:///{tmp_path}/dashboard.db")
    with process(*arguments, *options, program="baton-ping-monitor") as started:
        url = started.wait_for("Dashboard: ").partition("Dashboard: ")[2].strip()
        assert httpx2.get(f"{url}healthz").json() == {"alive": True}
        ready = httpx2.get(f"{url}readyz")
        assert ready.status_code == 503
        assert ready.json()["ready"] is False
        assert ready.json()["reason"]
        assert "baton_ready 0.0" in httpx2.get(f"{url}metrics").text
