"""A real RabbitMQ 4 for tests and benchmarks.

>>> from brokers import run_broker
>>> with run_broker() as broker:  # doctest: +SKIP
...     print(broker.url())
amqp://guest:guest@127.0.0.1:39871/%2F

:func:`run_broker` takes the first that works: ``BATON_TEST_AMQP_URL``; a Docker engine that runs;
one that it installs and starts; a ``rabbitmq-server`` binary. :func:`container_cluster` runs three
as a cluster. ``python -m brokers`` runs one by hand; :func:`preparing` gets ready in the background
what takes minutes the first time. CONTRIBUTING.md lists the environment variables.
"""

from brokers.ahead import preparing
from brokers.broker import Broker
from brokers.cluster import Cluster, container_cluster
from brokers.errors import (
    CommandFailed,
    ManagementError,
    NoBroker,
    NotReady,
    Unavailable,
    Unsupported,
)
from brokers.management import Management
from brokers.provide import run_broker
from brokers.tls import Identity
from brokers.vhost import Vhost, fresh_vhost

__all__ = [
    "Broker",
    "Cluster",
    "CommandFailed",
    "Identity",
    "Management",
    "ManagementError",
    "NoBroker",
    "NotReady",
    "Unavailable",
    "Unsupported",
    "Vhost",
    "container_cluster",
    "fresh_vhost",
    "preparing",
    "run_broker",
]
