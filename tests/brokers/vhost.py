"""Vhost: a virtual host of its own for one test."""

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from baton.configuration import Configuration
from brokers.broker import Broker
from brokers.errors import Unsupported
from brokers.management import Item, Management
from brokers.waiting import wait_until

NAME_LENGTH = 60
CONNECTIONS_SEEN = 15.0


@dataclass(frozen=True)
class Vhost:
    """A virtual host, and what there is in it."""

    name: str
    broker: Broker

    @property
    def url(self) -> str:
        """Its AMQP URL."""
        return self.broker.url(self.name)

    @property
    def api(self) -> Management:
        """The management API of its broker."""
        return self.broker.management

    def configuration(self, **settings: Any) -> Configuration:
        """A Baton configuration that uses it."""
        return Configuration(rabbit_url=self.url, **settings)

    def connections(self) -> list[Item]:
        """Its open connections; RabbitMQ lists one some five seconds after it was opened."""
        return self.api.connections(self.name)

    def queues(self) -> list[Item]:
        """Its queues."""
        return self.api.queues(self.name)

    def exchanges(self) -> list[Item]:
        """Its exchanges, without those that RabbitMQ makes itself."""
        exchanges = self.api.exchanges(self.name)
        return [each for each in exchanges if each["name"] and not each["name"].startswith("amq.")]

    def bindings(self) -> list[Item]:
        """Its bindings, without each queue's own to the default exchange."""
        return [each for each in self.api.bindings(self.name) if each["source"]]

    def delete_queue(self, name: str) -> None:
        """Remove a queue, an exclusive one too."""
        if any(queue["name"] == name and queue["exclusive"] for queue in self.queues()):
            self._delete_exclusive_queues([name])
        else:
            self.api.delete_queue(self.name, name)

    def delete_queues(self, prefix: str) -> int:
        """Remove all queues whose names begin with *prefix* at once, exclusive ones too; how many
        they were."""
        names = [queue["name"] for queue in self.queues() if queue["name"].startswith(prefix)]
        self._delete_exclusive_queues(names)
        return len(names)

    def delete_exchange(self, name: str) -> None:
        """Remove an exchange."""
        self.api.delete_exchange(self.name, name)

    def close_connections(self) -> None:
        """Close its connections from the broker's side."""
        try:
            self.broker.rabbitmqctl("close_all_connections", "--vhost", self.name, "by a test")
        except Unsupported:
            if not wait_until(self.connections, CONNECTIONS_SEEN):
                raise
            for connection in self.connections():
                self.api.close_connection(connection["name"])

    def _delete_exclusive_queues(self, names: Sequence[str]) -> None:
        # Neither the management API nor rabbitmqctl deletes a queue that another connection holds.
        listed = ", ".join(f'<<"{name}">>' for name in names)
        self.broker.rabbitmqctl(
            "eval",
            f"[begin {{ok, Q}} = rabbit_amqqueue:lookup("
            f'rabbit_misc:r(<<"{self.name}">>, queue, Name)), '
            f'rabbit_amqqueue:delete(Q, false, false, <<"test">>) end || Name <- [{listed}]].',
        )


@contextmanager
def fresh_vhost(broker: Broker, name: str = "test") -> Iterator[Vhost]:
    """A virtual host that nobody used before; *name* is where its own name begins."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:NAME_LENGTH]
    vhost = Vhost(f"{slug}-{secrets.token_hex(4)}", broker)
    broker.management.create_vhost(vhost.name, broker.user)
    try:
        yield vhost
    finally:
        broker.heal()
        broker.management.delete_vhost(vhost.name)
