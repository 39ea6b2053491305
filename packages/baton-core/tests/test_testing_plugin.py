"""The pytest plugin, in projects of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

pytest_plugins = ["pytester"]

GREETER = """\
from baton import Consumer, Service

class Greeter(Consumer):
    @property
    def routing_keys(self):
        return self.server.routing_keys

    @property
    def attributes(self):
        return self.server.attributes

    def process_message(self, message):
        self.notify_success("hello")

class GreetService(Service):
    extension = "baton-greet"

    def setup_consumers(self):
        self.add_consumer(Greeter("greeter", self.server))
"""


class Project:
    """Somebody's project, whose tests are run in a process of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        pytester.makepyfile(greeter=GREETER)

    def test(self, code: str, *arguments: str) -> pytest.RunResult:
        self._pytester.makepyfile(test_greeter=f"import pytest\nfrom greeter import *\n{code}")
        options = ["-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:anyio"]
        return self._pytester.runpytest_subprocess(*options, *arguments)


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    return Project(pytester)


@pytest.fixture
def nobody() -> Iterator[str]:
    """A URL where no broker is, nor will be."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"amqp://alice:hunter2@127.0.0.1:{taken.getsockname()[1]}"


def test_it_needs_no_other_plugin(project: Project) -> None:
    result = project.test("""
def test_greets(baton_service, baton_client, baton_monitor, baton_configuration):
    service = baton_service(GreetService, "web01.example.org")
    reader = baton_monitor()
    (reply,) = baton_client.ask({"type": "greet"}, "web01.example.org")
    assert reader.next() == reply.message
    assert service.configuration.endpoints == baton_configuration.endpoints
""")
    result.assert_outcomes(passed=1)


def test_nothing_is_left_between_tests(project: Project) -> None:
    result = project.test("""
import os, threading
from baton.transports import memory

def others():
    threads = [each for each in threading.enumerate() if each.name != "baton.testing"]
    threads.remove(threading.main_thread())
    for thread in threads:
        thread.join(5)  # a consumer's own ends after its service
    return [thread for thread in threads if thread.is_alive()]

@pytest.mark.parametrize("number", range(3))
def test_greets(baton_service, baton_client, number):
    assert memory.broker._brokers == {}
    assert others() == []
    baton_service(GreetService, f"web0{number}.example.org")
    assert baton_client.ask({"type": "greet"}, "*")[0].fqdn == f"web0{number}.example.org"
    os.environ["BATON_PREFETCH"] = "1"

def test_nothing_is_left():
    assert memory.broker._brokers == {}
    assert others() == []
    assert threading.active_count() == 1
    assert "BATON_PREFETCH" not in os.environ
""")
    result.assert_outcomes(passed=4)


def test_a_service_that_never_gets_ready(project: Project) -> None:
    result = project.test("""
def test_greets(baton_service, baton_configuration):
    from baton.transports.memory import memory_broker
    memory_broker(baton_configuration.endpoints[0].host).stop("no route to host")
    baton_service(GreetService, "web01.example.org", timeout=0.1)
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>*baton_service(GreetService, "web01.example.org", timeout=0.1)',
            "E *HarnessError: *web01.example.org was not ready within 0.1 s: *no route to host*",
            "test_greeter.py:*: HarnessError",
        ]
    )
    result.stdout.no_fnmatch_line("*harness.py:*")


def test_what_is_abandoned_is_an_error_of_the_test(project: Project) -> None:
    result = project.test("""
import threading

def test_greets(baton_service, baton_client, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def process_message(self, message):
        begun.set()
        go_on.wait()

    monkeypatch.setattr(Greeter, "process_message", process_message)
    baton_service(GreetService, "web01.example.org", grace=0.1)
    class GreetAPI(API):
        extension = "baton-greet"
    baton_client.api(GreetAPI).publish({"type": "greet"}, "web01.example.org")
    assert begun.wait(5)

from baton import API
""")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        "baton-greet on web01.example.org did not finish before it was stopped; "
        "abandoned: 1 of the commands, 0 of the outputs"
    )


def test_a_broker_that_is_not_there_is_told_of_once_and_for_all(
    project: Project, nobody: str
) -> None:
    result = project.test(
        """
@pytest.mark.parametrize("number", range(2))
def test_greets(baton_service, number):
    baton_service(GreetService, "web01.example.org")

def test_other():
    pass
""",
        "--baton-broker",
        nobody,
    )
    result.assert_outcomes(passed=1, errors=2)
    host = nobody.partition("@")[2]
    result.stdout.fnmatch_lines(f"--baton-broker: The tests' broker {host}: connection refused")
    result.stdout.no_fnmatch_line("*hunter2*")


def test_a_wrong_url_is_wrong_use(project: Project) -> None:
    result = project.test("def test_greets(): pass", "--baton-broker=http://alice:hunter2@x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        "ERROR: --baton-broker is no broker's URL: it starts with one of amqp://*"
    )
    result.stderr.no_fnmatch_line("*hunter2*")


def test_a_broker_in_memory_may_be_named(project: Project) -> None:
    result = project.test(
        """
def test_greets(baton_service):
    baton_service(GreetService, "web01.example.org")
""",
        "--baton-broker=memory://x",
    )
    result.assert_outcomes(passed=1)


def test_help_and_the_list_of_fixtures_show_it(project: Project) -> None:
    result = project.test("", "--help")
    result.stdout.fnmatch_lines(["baton:", "*--baton-broker=URL*"])
    result = project.test("", "--fixtures")
    names = ("baton_configuration", "baton_service", "baton_client", "baton_monitor")
    for name in names:
        result.stdout.fnmatch_lines(f"{name} -- *plugin.py:*")


def test_a_suite_that_does_not_use_it_imports_nothing(project: Project) -> None:
    result = project.test("def test_nothing(): pass", "--baton-broker=amqp://x")
    result.assert_outcomes(passed=1)
