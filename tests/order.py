"""The order of the test files, for processes that take one after the other.

What takes long and needs no RabbitMQ comes first, since that is prepared meanwhile. Then those that
need one, which wait most of their time, are spread among those that compute; of each kind, what
takes long comes first, so that all end at the same time.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

BROKER = ("tests/integration", "tests/faults")
"""Most of what is below these folders needs a RabbitMQ."""

LONG = (
    # each more than five seconds of a processor, or of waiting
    "packages/baton-core/tests/test_cli_process.py",
    "packages/baton-ping-monitor/tests/test_executable.py",
    "packages/baton-ping-monitor/tests/test_demo.py",
    "tests/properties/test_limits.py",
    "packages/baton-core/tests/test_fleet_collection.py",
    "packages/baton-core/tests/test_lifecycle.py",
    "tests/properties/test_services.py",
    "packages/baton-core/tests/test_testing_plugin.py",
    "packages/baton-core/tests/test_collector.py",
    "tests/properties/test_commands.py",
    "tests/test_provided.py",
    "tests/brokers/test_ahead.py",
    "packages/baton-template/tests/test_project.py",
    "packages/baton-core/tests/test_docs.py",
    "packages/baton-ping-monitor/tests/test_store_contract.py",
    "packages/baton-ping-monitor/tests/test_dashboard.py",
    "packages/baton-core/tests/test_cli_main.py",
    "packages/baton-core/tests/test_dead_letters_letters.py",
    # with a RabbitMQ: each more than fifteen seconds
    "tests/integration/test_dashboard_alerts.py",
    "tests/integration/test_template.py",
    "tests/integration/test_durable.py",
    "tests/integration/test_dashboard.py",
    "tests/integration/test_pika_publisher.py",
    "tests/integration/test_fleet_commands.py",
    "tests/integration/test_daemon.py",
    "tests/integration/test_doctor.py",
    "tests/integration/test_dead_letters.py",
    "tests/integration/test_permissions.py",
    "tests/faults/test_network.py",
    "tests/integration/browser/test_live.py",
    "tests/integration/browser/test_looks.py",
    "tests/integration/test_commands.py",
    "tests/integration/test_faults.py",
    "tests/integration/test_broker.py",
    "tests/integration/test_deploying.py",
    "tests/integration/test_transport_contract.py",
    "tests/integration/test_ping.py",
    "tests/integration/test_store_contract.py",
    "tests/integration/test_tls.py",
    "tests/integration/test_store_postgresql.py",
    "tests/integration/test_dashboard_api.py",
    "tests/integration/browser/test_refreshing.py",
    "tests/faults/test_requesting.py",
    "tests/integration/test_thousand.py",
    "tests/integration/test_api.py",
    "tests/integration/on_uvloop/test_uvloop.py",
    "tests/integration/test_following.py",
    "tests/integration/browser/test_ping_page.py",
)
"""The files that take longest, the longest first."""


def in_order(files: Iterable[Path], root: Path) -> list[Path]:
    """*files* as they are to be run; those that are not in LONG keep their order."""
    places = {root / name: place for place, name in enumerate(LONG)}
    folders = {root / folder for folder in BROKER}
    first: list[Path] = []
    waiting: list[Path] = []
    computing: list[Path] = []
    for file in sorted(files, key=lambda each: places.get(each, len(LONG))):
        if not folders.isdisjoint(file.parents):
            waiting.append(file)
        elif file in places:
            first.append(file)
        else:
            computing.append(file)
    return [*first, *_mixed(computing, waiting)]


def _mixed(*kinds: Sequence[Path]) -> list[Path]:
    """Each kind in its order, and spread evenly over the whole; of two kinds that have as many, the
    first begins."""
    placed = [
        ((number + 0.5) / len(files), file) for files in kinds for number, file in enumerate(files)
    ]
    return [file for _, file in sorted(placed, key=lambda each: each[0])]
