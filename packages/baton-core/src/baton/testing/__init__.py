"""What extension authors test with: services that really run, and clients that ask them.

In pytest these are fixtures, which baton-core's plugin brings: ``baton_configuration``,
``baton_service``, ``baton_client`` and ``baton_monitor``. The same without pytest:

>>> from baton import Consumer, Service
>>> from baton.testing import Bench, fresh_configuration
>>> class Greeter(Consumer):
...     @property
...     def routing_keys(self):
...         return self.server.routing_keys
...
...     def process_message(self, message):
...         self.notify_success(f"hello from {self.server.fqdn}")
>>> class GreetingService(Service):
...     extension = "baton-greeting"
...
...     def setup_consumers(self):
...         self.add_consumer(Greeter("greeter", self.server))
>>> with fresh_configuration() as configuration, Bench(configuration) as bench:
...     service = bench.service(GreetingService, "web01.example.org")
...     (reply,) = bench.client.ask({"type": "greet"}, "web01.example.org")
>>> reply.message["message"]
'hello from web01.example.org'

All of this blocks, while the services run on an event loop in a thread. On an event loop of one's
own a :class:`Harness` does the same.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = [  # noqa: RUF022  (grouped by what they are for)
    # What the fixtures are
    "Client",
    "MonitorFactory",
    "Reader",
    "ServiceFactory",
    # Without pytest, and on an event loop of one's own
    "AsyncReader",
    "Bench",
    "Harness",
    "fresh_configuration",
    # What fails a test
    "HarnessError",
]

_MODULES = {
    "AsyncReader": "reader",
    "Bench": "bench",
    "Client": "bench",
    "Harness": "harness",
    "HarnessError": "failure",
    "MonitorFactory": "bench",
    "Reader": "bench",
    "ServiceFactory": "bench",
    "fresh_configuration": "fresh",
}
"""Where each name lives. It is imported when it is first used: pytest imports this package in
every suite, of which most have nothing to do with Baton."""

if TYPE_CHECKING:
    from baton.testing.bench import Bench, Client, MonitorFactory, Reader, ServiceFactory
    from baton.testing.failure import HarnessError
    from baton.testing.fresh import fresh_configuration
    from baton.testing.harness import Harness
    from baton.testing.reader import AsyncReader


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'baton.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"baton.testing.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
