"""`baton run`: what it refuses, and what it would run. That it runs is seen on a real broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from baton import Configuration, Extension, Service
from baton.cli.group import baton
from baton.cli.run import Simulated
from baton.pid_file import hold_pid_file
from baton.simulation import Simulation


class EchoService(Service):
    extension = "baton-echo"


ECHO = Extension("baton-echo", service=f"{__name__}:EchoService")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(baton, ["run", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result


def options(**given: Any) -> Simulated:
    nothing = dict.fromkeys(Simulated.__dataclass_fields__)
    return Simulated(**nothing | given)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--slow", "5%"], "--slow goes with --simulate"),
        (["--environments", "a"], "--environments goes with --simulate"),
        (["--simulate", "0"], "0 is not in the range"),
        (["--simulate", "many"], "'many' is not a valid integer"),
        (["--simulate", "5", "--slow", "101%"], "'101%' is no percentage: 0% to 100% are allowed"),
        (["--simulate", "5", "--failing", "x"], "'x' is no percentage"),
        (["--simulate", "5", "--failing", "nan"], "'nan' is no percentage"),
        (["--simulate", "5", "--latency", "-1"], "-1"),
        (["--simulate", "5", "--prefix", "Web 1"], '"Web 1" cannot begin a name: a-z 0-9 and -'),
        (["--simulate", "5", "--environments", " , "], "names no environment"),
        (["-c", "/no/such/file"], "/no/such/file: cannot be read"),
        (["--simulate", "5", "--environments", f"a,{'x' * 128}"], '…" should be 1 to 127 bytes of'),
    ],
)
def test_wrong_use_is_refused(arguments: list[str], sentence: str) -> None:
    result = run("ping", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pin", "did you mean ping?"),
        ("baton-pong", "did you mean baton-ping?"),
        ("nothere", "baton extensions lists those that are"),
    ],
)
def test_an_extension_that_is_not_installed(
    caplog: pytest.LogCaptureFixture, name: str, hint: str
) -> None:
    result = run("ping", name, "--url", "memory://x")
    assert result.exit_code == 2
    assert result.stderr.endswith(f"baton: The extension {name} is not installed: {hint}\n")
    assert f"/etc/{name}" not in result.stderr + caplog.text


def test_an_extension_without_a_service(install: Callable[..., None]) -> None:
    install(
        "baton_two",
        "from baton import Extension\nextension = Extension('baton-two')\n",
        {"baton.extensions": {"two": "baton_two:extension"}},
    )
    result = run("two", "--url", "memory://x")
    assert result.exit_code == 2
    assert "The extension baton-two has no service" in result.stderr


def test_without_an_extension_there_is_nothing_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.extension.entry_points", lambda **_: [])
    result = run("--url", "memory://x")
    assert result.exit_code == 2
    assert "No extension with a service is installed" in result.stderr


def test_each_extension_has_its_own_configuration_file(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    install: Callable[..., None],
) -> None:
    install(
        "baton_two",
        "from baton import Extension, Service\n"
        "class S(Service):\n    extension = 'baton-two'\n"
        "extension = Extension('baton-two', service='baton_two:S')\n",
        {"baton.extensions": {"two": "baton_two:extension"}},
    )
    for name in ("baton-ping", "baton-two"):
        (tmp_path / f"{name}.cfg").write_text(f"RABBIT_VHOST: {name}\n")
    monkeypatch.setattr(
        "baton.configuration.default_path", lambda extension: tmp_path / f"{extension}.cfg"
    )
    ran: list[tuple[str, str]] = []

    def note(services: list[Service], configuration: Configuration, **_: object) -> int:
        ran.extend((each.name, each.configuration.rabbit_vhost) for each in services)
        assert configuration is services[0].configuration
        return 0

    monkeypatch.setattr("baton.runner.run_services", note)
    assert run("two", "ping", "two").exit_code == 0
    assert ran == [("baton-two", "baton-two"), ("baton-ping", "baton-ping")]
    ran.clear()
    assert run().exit_code == 0
    assert {name for name, _ in ran} == {"baton-ping", "baton-two"}


def test_it_is_a_process_as_the_first_configuration_says(tmp_path: Path) -> None:
    config = tmp_path / "x.cfg"
    config.write_text(f"PID_FILE: {tmp_path / 'x.pid'}\n")
    asked = run("ping", "-c", str(config), "--status")
    assert asked.exit_code == 1
    assert asked.stdout == f"baton run does not run ({tmp_path / 'x.pid'} does not exist)\n"
    assert run("ping", "-c", str(config), "--stop").exit_code == 1
    refused = run("ping", "-c", str(config), "-d")
    assert refused.exit_code == 2
    assert "--daemonize needs LOG_FILE" in refused.stderr
    with hold_pid_file(tmp_path / "x.pid"):
        refused = run("ping", "-c", str(config), "--url", "memory://x")
    assert refused.exit_code == 1
    assert "It runs already" in refused.stderr


def test_what_runs_is_waited_for_as_long_as_the_longest_grace_period(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "baton-ping.cfg").write_text(f"GRACE: 3\nPID_FILE: {tmp_path / 'x.pid'}\n")
    (tmp_path / "baton-two.cfg").write_text("GRACE: 40\n")
    monkeypatch.setattr(
        "baton.cli.run._configured",
        lambda name, *_: (ECHO, Configuration.load(tmp_path / f"{name}.cfg")),
    )
    waits = []

    def terminate(path: Path, timeout: float) -> int:
        waits.append(timeout)
        return 7

    monkeypatch.setattr("baton.pid_file.terminate_holder", terminate)
    assert run("baton-ping", "baton-two", "--stop").exit_code == 0
    assert waits == [50]


def test_simulated_servers_are_where_this_server_is_unless_they_are_spread() -> None:
    configuration = Configuration(rabbit_url="memory://x", environment="staging")
    here = options(simulate=3).service(ECHO, configuration)
    spread = options(simulate=3, environments="A, b", prefix="eu").service(ECHO, configuration)
    assert isinstance(here, Simulation)
    assert isinstance(spread, Simulation)
    assert [server.environment for server, _ in here.servers] == ["staging"] * 3
    assert [server.environment for server, _ in spread.servers] == ["a", "b", "a"]
    assert spread.servers[0][0].fqdn == "eu00001.example.org"


def test_their_behaviour_is_as_asked_for() -> None:
    configuration = Configuration(rabbit_url="memory://x")
    fleet = options(simulate=10, slow=0.2, failing=0.5, latency=100.0).service(ECHO, configuration)
    assert isinstance(fleet, Simulation)
    characters = [character for _, character in fleet.servers]
    assert sum(each.failures == 1 for each in characters) == 5
    assert sum(each.pause[0] > 0.5 for each in characters) == 2
    assert min(each.pause for each in characters) == (0.05, 0.15000000000000002)


def test_without_simulate_it_is_the_service_on_this_server() -> None:
    service = options().service(ECHO, Configuration(rabbit_url="memory://x"))
    assert type(service).__name__ == "EchoService"
