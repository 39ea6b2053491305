"""The order of the test files, for processes that take one after the other.

What takes long comes first, so that all end at the same time; and tests that need a RabbitMQ come
after those that do not, since it is prepared meanwhile.
"""

from collections.abc import Iterable
from pathlib import Path

LAST = ("tests/integration", "tests/faults")

LONG = (
    # each more than ten seconds of a processor, or of waiting
    "packages/baton-core/tests/test_cli_process.py",
    "packages/baton-ping-monitor/tests/test_executable.py",
    "packages/baton-core/tests/test_fleet_collection.py",
    "packages/baton-core/tests/test_testing_plugin.py",
    "tests/properties/test_limits.py",
    "packages/baton-core/tests/test_collector.py",
    "tests/properties/test_services.py",
    "packages/baton-ping-monitor/tests/test_demo.py",
    "packages/baton-template/tests/test_project.py",
    "tests/test_provided.py",
    "tests/brokers/test_ahead.py",
    "packages/baton-core/tests/test_docs.py",
    "packages/baton-ping-monitor/tests/test_store_contract.py",
    "packages/baton-core/tests/test_cli_main.py",
    "packages/baton-core/tests/test_dead_letters_letters.py",
    "tests/properties/test_dashboard.py",
    "packages/baton-core/tests/test_layers.py",
    # with a RabbitMQ: each more than twenty seconds
    "tests/integration/test_dashboard_alerts.py",
    "tests/integration/test_template.py",
    "tests/integration/test_dashboard.py",
    "tests/integration/test_api.py",
    "tests/integration/test_durable.py",
    "tests/integration/test_daemon.py",
    "tests/integration/test_doctor.py",
    "tests/integration/test_pika_publisher.py",
    "tests/integration/test_faults.py",
    "tests/faults/test_network.py",
    "tests/integration/browser/test_live.py",
    "tests/integration/test_ping.py",
    "tests/integration/test_fleet_commands.py",
    "tests/integration/test_deploying.py",
    "tests/integration/test_store_postgresql.py",
    "tests/integration/test_commands.py",
    "tests/integration/test_testing_kit.py",
    "tests/integration/test_store_contract.py",
    "tests/integration/test_fleet.py",
    "tests/integration/browser/test_looks.py",
    "tests/integration/test_permissions.py",
    "tests/integration/test_tls.py",
    "tests/integration/test_broker.py",
    "tests/integration/test_following.py",
    "tests/integration/test_thousand.py",
    "tests/faults/test_requesting.py",
)
"""The files that take longest, the longest first."""


def in_order(files: Iterable[Path], root: Path) -> list[Path]:
    """*files* as they are to be run; those that are not in LONG keep their order."""
    places = {root / name: place for place, name in enumerate(LONG)}
    last = {root / folder for folder in LAST}

    def key(file: Path) -> tuple[bool, int]:
        return not last.isdisjoint(file.parents), places.get(file, len(LONG))

    return sorted(files, key=key)
