"""`baton doctor` on a real RabbitMQ: a good set-up, and broken ones with what is to be mended."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from baton.transports import Exchange, Topology, TransportListener, open_transport
from brokers import Broker, Vhost, fresh_vhost
from integration.authority import HOST, Authority, impostor
from integration.running import command, process, running

SECRET = "hunter2"
SERVER = {"BATON_FQDN": "web01.example.org"}
MAY = {
    "configure": r"^(baton_ping_(in|out)|baton-ping\..*)$",
    "write": r"^(baton_ping_out|baton-ping\..*)$",
    "read": r"^(baton_ping_in|baton-ping\..*)$",
}
"""What docs/operating.md gives to a server's user."""

ALL = [
    "configuration",
    "spelling",
    "password",
    "this server",
    "extension",
    "address",
    "connection",
    "broker",
    "login",
    "heartbeat",
    "alarms",
    "input exchange",
    "output exchange",
    "queue",
    "binding",
    "consuming",
    "publishing",
    "old features",
    "round trip",
    "clock",
]


@dataclass
class Report:
    """What the doctor said."""

    code: int
    ok: bool
    checks: list[dict[str, Any]]
    seconds: float

    def named(self, name: str, **about: str) -> dict[str, Any]:
        """The only check of that name, of what *about* says."""
        found = [
            each for each in self.checks if each["name"] == name and about.items() <= each.items()
        ]
        assert len(found) == 1, self.checks
        return found[0]

    def with_status(self, status: str) -> list[str]:
        """The names of the checks that ended so."""
        return [each["name"] for each in self.checks if each["status"] == status]


def doctor(*arguments: str, **environment: str) -> Report:
    ended = command("doctor", "ping", "--json", *arguments, **{**SERVER, **environment})
    assert ended.err == ""
    assert SECRET not in ended.out
    document = json.loads(ended.out)
    report = Report(ended.code, document["ok"], document["checks"], ended.seconds)
    assert report.ok == (report.code == 0) == (not report.with_status("failed"))
    for check in report.checks:
        assert (check["remedy"] is not None) == (check["status"] in ("warning", "failed")), check
    return report


@pytest.fixture
def user(vhost: Vhost) -> Iterator[Callable[..., str]]:
    """Makes a user who may do in the vhost what a server's may, but for what is said otherwise;
    returns the URL."""
    made = []

    def user(password: str = SECRET, **permissions: str) -> str:
        name = f"web01-{secrets.token_hex(4)}"
        made.append(name)
        vhost.api.create_user(name, SECRET)
        vhost.api.set_permissions(name, vhost.name, **{**MAY, **permissions})
        broker = vhost.broker
        return f"amqp://{name}:{password}@{broker.host}:{broker.port}/{vhost.name}"

    yield user
    for name in made:
        vhost.api.delete_user(name)


def test_a_good_set_up(vhost: Vhost, rabbitmq: Broker) -> None:
    report = doctor("--url", vhost.url, "--management", rabbitmq.management.url)
    assert [each["name"] for each in report.checks] == ALL
    assert report.with_status("ok") == ALL
    assert report.code == 0
    assert re.fullmatch(r"RabbitMQ 4\.[\d.]+", report.named("broker")["found"])
    for name in ("input", "output"):
        assert "is not there yet" in report.named(f"{name} exchange")["found"]
    assert nothing_stayed(vhost)


def nothing_stayed(vhost: Vhost) -> bool:
    """Whether there is as little in *vhost* as in a fresh one."""
    return vhost.exchanges() == vhost.queues() == vhost.bindings() == []


def test_a_good_set_up_for_people(vhost: Vhost, rabbitmq: Broker) -> None:
    arguments = ("--url", vhost.url, "--management", rabbitmq.management.url)
    ended = command("doctor", *arguments, **SERVER)
    assert (ended.code, ended.err) == (0, "")
    *lines, last = ended.out.splitlines()
    assert len(lines) == len(ALL)
    assert all(line.startswith("✔ ok") for line in lines)
    assert last == "All is well."


def test_an_exchange_that_may_be_misspelt(
    vhost: Vhost, user: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "baton-ping.cfg"
    file.write_text("EXCHANGE: batton_ping_in\nINTEROP: true\n")
    url = user(configure=".*", write=".*", read=".*")
    report = doctor("-c", str(file), "--url", url)
    check = report.named("input exchange")
    assert (report.code, check["status"]) == (0, "warning")
    assert check["found"] == (
        f"batton_ping_in, which {file}: EXCHANGE names, is not there yet: "
        "the first service makes it, direct, not durable (INTEROP)"
    )
    assert "correct EXCHANGE" in check["remedy"]
    assert nothing_stayed(vhost)


async def test_an_exchange_that_is_there_stays(vhost: Vhost) -> None:
    async with running(vhost.configuration()):
        pass
    report = doctor("--url", vhost.url)
    assert report.named("input exchange")["found"] == "baton_ping_in is there: direct, durable"
    assert {each["name"] for each in vhost.exchanges()} == {"baton_ping_in", "baton_ping_out"}


def test_a_server_s_user_needs_no_more_than_the_docs_give_it(
    vhost: Vhost, user: Callable[..., str], rabbitmq: Broker
) -> None:
    report = doctor("--url", user(), "--management", rabbitmq.management.url)
    assert report.code == 0
    assert report.with_status("ok") == [name for name in ALL if name != "round trip"]
    assert "right for that of a server" in report.named("round trip")["found"]
    assert nothing_stayed(vhost)


async def test_no_service_and_no_monitor_hears_of_it(vhost: Vhost) -> None:
    with process("--plain", "--url", vhost.url, program="baton-ping-monitor") as monitor:
        monitor.wait_for("ready since")
        async with running(vhost.configuration()):
            report = doctor("--url", vhost.url)
        assert report.code == 0
        monitor.signal(signal.SIGTERM)
        assert monitor.wait() == 0
    assert not [line for line in monitor.lines if "doctor" in line or "'type'" in line]


@dataclass(frozen=True)
class Broken:
    """A broken configuration, what the doctor finds, and what is to be mended."""

    text: str
    check: str
    found: str
    remedy: str
    status: str = "failed"


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(
            Broken(
                "PREFETCH: many",
                "configuration",
                'PREFETCH "many" should be a valid integer',
                "set it to what is allowed",
            ),
            id="wrong-value",
        ),
        pytest.param(
            Broken(
                "RABBIT_HOST: [mq1",
                "configuration",
                "is not valid YAML",
                "mend that line of the file",
            ),
            id="no-yaml",
        ),
        pytest.param(
            Broken(
                "RABIT_HOST: mq1.example.org",
                "spelling",
                "RABIT_HOST is no setting",
                "call it RABBIT_HOST",
                "warning",
            ),
            id="misspelt-key",
        ),
        pytest.param(
            Broken(
                f"RABBIT_PASS: {SECRET}",
                "password",
                "everybody may read that",
                "chmod o= ",
                "warning",
            ),
            id="password-for-everybody",
        ),
        pytest.param(
            Broken(
                "RABBIT_HOST: nosuch.invalid",
                "address",
                "the name nosuch.invalid has no address",
                "correct RABBIT_HOST",
            ),
            id="unknown-host",
        ),
        pytest.param(
            Broken(
                "RABBIT_HOST: 127.0.0.1:1",
                "connection",
                "connection refused",
                "start the broker there, or correct RABBIT_PORT",
            ),
            id="closed-port",
        ),
        pytest.param(
            Broken(
                "FACTS: /nonexistent/facts.json",
                "this server",
                "/nonexistent/facts.json cannot be read",
                "mend that file, or remove it from FACTS",
            ),
            id="no-facts",
        ),
        pytest.param(
            Broken(
                "LOG_FILE: /nonexistent/ping.log",
                "log file",
                "there is no folder /nonexistent",
                "mkdir -p /nonexistent",
            ),
            id="no-folder-for-the-log",
        ),
    ],
)
def test_a_broken_file(vhost: Vhost, tmp_path: Path, broken: Broken) -> None:
    file = tmp_path / "baton-ping.cfg"
    file.write_text(broken.text)
    file.chmod(0o644)
    # A URL would win over a host and a password of the file.
    url = () if broken.text.startswith("RABBIT_") else ("--url", vhost.url)
    check = doctor("-c", str(file), *url, BATON_DEADLINE="2").named(broken.check)
    assert check["status"] == broken.status
    assert broken.found in check["found"]
    assert broken.remedy in check["remedy"]


def test_a_port_that_does_not_speak_amqp(rabbitmq: Broker) -> None:
    url = f"amqp://{rabbitmq.host}:{rabbitmq.management_port}"
    check = doctor("--url", url, BATON_DEADLINE="2").named("broker")
    assert (check["status"], check["found"]) == ("failed", "it speaks HTTP, not AMQP")
    assert check["remedy"] == "set RABBIT_PORT to the broker's, 5672"


def test_a_port_that_does_not_speak_tls(rabbitmq: Broker) -> None:
    check = doctor("--url", f"amqps://{rabbitmq.host}:{rabbitmq.port}").named("certificate")
    assert (check["status"], check["found"]) == ("failed", "it speaks AMQP without TLS")
    assert "RABBIT_SCHEME: amqp" in check["remedy"]


def test_a_frozen_broker(vhost: Vhost, rabbitmq: Broker) -> None:
    with rabbitmq.paused():
        report = doctor("--url", vhost.url, BATON_DEADLINE="1")
    check = report.named("broker")
    assert (check["status"], check["found"]) == ("failed", "it says nothing for 1 s")
    assert "rabbitmq-diagnostics check_running" in check["remedy"]
    assert report.seconds < 40


def test_a_wrong_password(user: Callable[..., str]) -> None:
    report = doctor("--url", user(password="wrong"))
    check = report.named("login")
    assert check["status"] == "failed"
    assert "wrong user or password" in check["found"]
    assert "correct RABBIT_USER and RABBIT_PASS" in check["remedy"]
    assert report.with_status("failed") == ["login"]


def test_a_vhost_that_is_missing(rabbitmq: Broker) -> None:
    check = doctor("--url", rabbitmq.url("nosuch")).named("login")
    assert check["status"] == "failed"
    assert 'refused the vhost "nosuch"' in check["found"]
    assert "rabbitmqctl add_vhost nosuch" in check["remedy"]


@pytest.mark.parametrize(
    ("lacking", "check", "found"),
    [
        (
            {"configure": r"^(baton_ping_out|baton-ping\..*)$"},
            "input exchange",
            "configure access to exchange 'baton_ping_in'",
        ),
        (
            {"configure": "^baton_ping_(in|out)$"},
            "queue",
            "configure access to queue 'baton-ping.web01.example.org.",
        ),
        (
            {"write": r"^baton-ping\..*$"},
            "publishing",
            "write access to exchange 'baton_ping_out'",
        ),
        ({"write": "^baton_ping_out$"}, "binding", "write access to queue 'baton-ping.web01."),
        ({"read": r"^baton-ping\..*$"}, "binding", "read access to exchange 'baton_ping_in'"),
        ({"read": "^baton_ping_in$"}, "consuming", "read access to queue 'baton-ping.web01."),
    ],
    ids=["exchange", "queue", "write-output", "write-queue", "read-input", "read-queue"],
)
def test_a_permission_that_is_missing(
    vhost: Vhost, user: Callable[..., str], lacking: dict[str, str], check: str, found: str
) -> None:
    report = doctor("--url", user(**lacking))
    assert report.with_status("failed") == [check]
    failed = report.named(check)
    assert f"the user lacks a permission: {found}" in failed["found"]
    assert failed["remedy"].startswith("rabbitmqctl set_permissions -p ")
    assert nothing_stayed(vhost)


def test_the_remedy_for_a_permission_mends_it(vhost: Vhost, user: Callable[..., str]) -> None:
    url = user(configure="^$", write="^$", read="^$")
    words = shlex.split(doctor("--url", url).named("queue")["remedy"])
    assert words[:4] == ["rabbitmqctl", "set_permissions", "-p", vhost.name]
    name, configure, write, read = words[4:]
    vhost.api.set_permissions(name, vhost.name, configure=configure, write=write, read=read)
    assert doctor("--url", url).code == 0


async def test_an_exchange_with_other_flags(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    transport = open_transport(
        configuration, configuration.endpoints[0], TransportListener(), "a Ruby Baton"
    )
    await transport.open()
    await transport.declare(Topology([Exchange("baton_ping_in", durable=False)]))
    await transport.close()
    check = doctor("--url", vhost.url).named("input exchange")
    assert check["status"] == "failed"
    assert check["found"] == (
        'The exchange "baton_ping_in" exists with durable=false, Baton needs durable=true'
    )
    assert check["remedy"] == "set INTEROP: true, or delete the exchange"


def test_an_extension_that_does_not_import(vhost: Vhost, tmp_path: Path) -> None:
    (tmp_path / "disk.py").write_text("1 / 0")
    info = tmp_path / "baton_disk-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: baton-disk\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[baton.extensions]\ndisk = disk:extension\n")
    ended = command("doctor", "--url", vhost.url, PYTHONPATH=str(tmp_path), **SERVER)
    assert ended.code == 1
    lines = ended.out.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("✖")]
    assert "disk: baton-disk 1.2 is broken: disk:extension: division by zero" in lines[at]
    assert "mend: pip install --force-reinstall baton-disk, or pip uninstall" in lines[at + 1]


def test_old_features_that_are_denied(vhost: Vhost) -> None:
    report = doctor("--url", vhost.url, BATON_INTEROP="true")
    check = report.named("old features")
    assert (report.code, check["status"]) == (0, "warning")
    assert "neither durable nor exclusive" in check["found"]
    assert check["remedy"] == (
        "deprecated_features.permit.transient_nonexcl_queues = true in its rabbitmq.conf"
    )
    assert report.with_status("warning") == ["old features"]


def test_a_memory_alarm(vhost: Vhost, rabbitmq: Broker) -> None:
    with rabbitmq.memory_alarm():
        report = doctor("--url", vhost.url, BATON_DEADLINE="3")
    check = report.named("alarms")
    assert check["status"] == "failed"
    assert "resource alarm" in check["found"]
    assert "rabbitmq-diagnostics alarms" in check["remedy"]
    assert report.with_status("failed") == ["alarms"]
    assert {"publishing", "round trip"} <= set(report.with_status("skipped"))
    assert nothing_stayed(vhost)


def test_a_bad_host_in_a_pool(vhost: Vhost, rabbitmq: Broker) -> None:
    good = f"{rabbitmq.host}:{rabbitmq.port}"
    report = doctor("--url", vhost.url.replace(good, f"{good},127.0.0.1:1"))
    assert report.code == 1
    assert report.named("login", host=good)["status"] == "ok"
    bad = report.named("connection", host="127.0.0.1:1")
    assert (bad["status"], bad["found"]) == ("failed", "connection refused")
    assert report.named("round trip")["status"] == "ok"


def test_clocks_that_differ(vhost: Vhost) -> None:
    with yesterday() as management:
        report = doctor("--url", vhost.url, "--management", management)
    check = report.named("clock")
    assert (report.code, check["status"]) == (0, "warning")
    assert "s ahead of the broker's" in check["found"]
    assert "timedatectl set-ntp true" in check["remedy"]


def test_ctrl_c(vhost: Vhost, rabbitmq: Broker) -> None:
    with rabbitmq.paused(), process("doctor", "--url", vhost.url, program="baton") as started:
        started.wait_for("extension")
        started.signal(signal.SIGINT)
        assert started.wait() == 130
    assert "Traceback" not in "\n".join(started.lines)


def test_tls(tls_rabbitmq: Broker, ca: trustme.CA, tmp_path: Path) -> None:
    trusted = Authority(ca, tmp_path).trusted()
    with fresh_vhost(tls_rabbitmq, "doctor-tls") as vhost:
        plain = f"{tls_rabbitmq.host}:{tls_rabbitmq.port}"
        url = vhost.url.replace(plain, f"{HOST}:{tls_rabbitmq.tls_port}")
        url = url.replace("amqp://", "amqps://")
        good = doctor("--url", url, BATON_RABBIT_TLS_CA_FILE=str(trusted))
        strange = doctor("--url", url)
        unencrypted = doctor("--url", url.replace("amqps://", "amqp://"))
    assert good.code == 0
    assert f"for {HOST}, until" in good.named("certificate")["found"]
    assert strange.with_status("failed") == ["certificate"]
    assert "RABBIT_TLS_CA_FILE" in strange.named("certificate")["remedy"]
    assert unencrypted.named("broker")["found"] == "it wants TLS"
    assert "RABBIT_SCHEME: amqps" in unencrypted.named("broker")["remedy"]


def test_a_certificate_that_has_expired(ca: trustme.CA, tmp_path: Path) -> None:
    authority = Authority(ca, tmp_path)
    file = tmp_path / "old.pem"
    leaf = authority.issue(HOST, since=-9, until=-2)
    leaf.private_key_and_cert_chain_pem.write_to_path(file)
    with impostor(file) as host:
        trusted = str(authority.trusted())
        report = doctor("--url", f"amqps://{host}", BATON_RABBIT_TLS_CA_FILE=trusted)
    check = report.named("certificate")
    assert (check["status"], check["found"]) == ("failed", "it has expired")
    assert check["remedy"] == "renew the broker's certificate"


@contextmanager
def yesterday() -> Iterator[str]:
    """A web server whose clock is a day behind. Gives its URL."""

    class Late(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Date", formatdate(time.time() - 86_400, usegmt=True))
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Late)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
