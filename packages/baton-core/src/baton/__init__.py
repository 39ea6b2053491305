"""Baton: orchestrate servers over RabbitMQ.

An extension is an API that publishes commands, a service that runs on servers, and consumers that
process what it receives:

>>> import asyncio
>>> from baton import API, Configuration, Consumer, Server, Service
>>> class Greeter(Consumer):
...     @property
...     def routing_keys(self):
...         return self.server.routing_keys
...
...     async def process_message(self, message):
...         self.notify_success(f"hello from {self.server.fqdn}")
>>> class GreetingService(Service):
...     extension = "baton-greeting"
...
...     def setup_consumers(self):
...         self.add_consumer(Greeter("greeter", self.server))

What is named in ``__all__`` is public. It is imported when it is first used, so that
``import baton`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022  (grouped by what they are for)
    # What an extension is made of
    "API",
    "Consumer",
    "Extension",
    "Monitor",
    "Service",
    # What it works with
    "Configuration",
    "Message",
    "Observable",
    "Observer",
    "Server",
    "configure",
    # What runs it
    "Channel",
    "ConsumerManager",
    "State",
    # What asks a fleet
    "Collection",
    "Collector",
    "Expected",
    "Reply",
    "Request",
    "Result",
    # What can go wrong
    "AlreadyRunning",
    "AuthenticationFailed",
    "BatonError",
    "BrokerError",
    "BrokerUnavailable",
    "CertificateRefused",
    "ConfigurationError",
    "DeliveryLimitReached",
    "FlagMismatch",
    "HandlerTimeout",
    "InstanceTaken",
    "InvalidFilter",
    "InvalidMessage",
    "LettersTaken",
    "Locked",
    "MessageError",
    "MessageTooLarge",
    "MonitorUnavailable",
    "NotFound",
    "NotPermitted",
    "OutboxFull",
    "PublishError",
    "PublishFailed",
    "PublishTimeout",
    "Reject",
    "Stopping",
    "TooManyHeld",
    "TopologyError",
    "UnknownLetter",
    "UnknownMessageType",
    "Unroutable",
    "__version__",
]

_MODULES = {
    "API": "api",
    "Channel": "channel",
    "Collection": "fleet",
    "Collector": "fleet",
    "Configuration": "configuration",
    "Consumer": "consumer",
    "ConsumerManager": "consumer_manager",
    "Expected": "fleet",
    "Extension": "extension",
    "Message": "message",
    "Monitor": "monitor",
    "Observable": "observer",
    "Observer": "observer",
    "Reply": "fleet",
    "Request": "fleet",
    "Result": "fleet",
    "Server": "server",
    "Service": "service",
    "State": "link",
    "configure": "configuration",
}
"""Where each name lives; those that are not here live in ``errors``."""

if TYPE_CHECKING:
    from baton.api import API
    from baton.channel import Channel
    from baton.configuration import Configuration, configure
    from baton.consumer import Consumer
    from baton.consumer_manager import ConsumerManager
    from baton.errors import (
        AlreadyRunning,
        AuthenticationFailed,
        BatonError,
        BrokerError,
        BrokerUnavailable,
        CertificateRefused,
        ConfigurationError,
        DeliveryLimitReached,
        FlagMismatch,
        HandlerTimeout,
        InstanceTaken,
        InvalidFilter,
        InvalidMessage,
        LettersTaken,
        Locked,
        MessageError,
        MessageTooLarge,
        MonitorUnavailable,
        NotFound,
        NotPermitted,
        OutboxFull,
        PublishError,
        PublishFailed,
        PublishTimeout,
        Reject,
        Stopping,
        TooManyHeld,
        TopologyError,
        UnknownLetter,
        UnknownMessageType,
        Unroutable,
    )
    from baton.extension import Extension
    from baton.fleet import Collection, Collector, Expected, Reply, Request, Result
    from baton.link import State
    from baton.message import Message
    from baton.monitor import Monitor
    from baton.observer import Observable, Observer
    from baton.server import Server
    from baton.service import Service


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'baton' has no attribute {name!r}")
    module = importlib.import_module(f"baton.{_MODULES.get(name, 'errors')}")
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
