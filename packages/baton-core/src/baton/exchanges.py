"""The two exchanges of an extension, as the settings have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.transports import Exchange

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.extension import Extension


def input_exchange(configuration: Configuration, extension: Extension) -> Exchange:
    """Where commands to *extension* are published."""
    name = configuration.exchange or extension.exchange
    return Exchange(name, durable=not configuration.interop)


def output_exchange(configuration: Configuration, extension: Extension) -> Exchange:
    """Where the servers that run *extension* publish what they say."""
    name = configuration.exchange_out or extension.exchange_out
    return Exchange(name, durable=not configuration.interop)
