"""The JSON API of a monitor, as far as requesters ask it: which servers it knows, and what it has
seen of a command. The contract stands in docs/collecting-replies.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from baton.errors import MonitorUnavailable
from baton.fleet.document import Fields
from baton.fleet.fetch import Address, fetch_json
from baton.fleet.reply import keys_of
from baton.fleet.result import Failure
from baton.names import LONGEST_FQDN, check_name
from baton.text import excerpt


@dataclass(frozen=True, slots=True)
class Seen:
    """An output that a monitor has seen, and when, in seconds since the epoch by its clock."""

    fqdn: str
    received: float
    type: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def routing_keys(self) -> tuple[str, ...]:
        """The targets that reach the server that said it."""
        return keys_of(self.fqdn, self.body)

    @property
    def failure(self) -> Failure:
        """What an error output says."""
        texts = (str(self.body.get(name, "")) for name in ("error_class", "error_message"))
        return Failure(self.fqdn, "failed", *(excerpt(t) for t in texts))


class MonitorAPI:
    """Asks the monitor at *url*, for instance ``https://baton.example.org``; a user and a password
    in it are sent as basic authentication.

    Each method raises MonitorUnavailable if it cannot be reached, does not answer within *timeout*
    seconds, or answers something else. Raises ConfigurationError for a *url* that is none.
    """

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        self._address = Address.parse(url)
        self._timeout = timeout

    def __str__(self) -> str:
        return str(self._address)

    def servers(self, targets: Iterable[str]) -> frozenset[str]:
        """The names of the servers that it knows and that one of *targets* reaches. A name that no
        server can have is passed over: who said it to the monitor is not to hide the others."""
        asked = set(targets)
        with self._as_a_monitor("/api/servers") as answer:
            if answer is None:
                raise ValueError("there is nothing")
            return frozenset(
                name
                for each in Fields(answer).objects("servers")
                if _is_name(name := each.text("fqdn"))
                and not asked.isdisjoint(keys_of(name, each.document))
            )

    def replies(self, message_id: str) -> list[Seen]:
        """What it has seen of the command of that id; nothing if it knows none."""
        with self._as_a_monitor(f"/api/replies/{quote(message_id, safe='')}") as answer:
            fields = [] if answer is None else Fields(answer).objects("replies")
            return [_seen(each) for each in fields]

    @contextmanager
    def _as_a_monitor(self, path: str) -> Iterator[Any]:
        """What it answers to *path*; what is wrong with that, by a ValueError, is its fault."""
        answer = fetch_json(self._address, path, self._timeout)
        try:
            yield answer
        except ValueError as error:
            raise MonitorUnavailable(
                f"{self._address}{path} does not answer as a Baton monitor does: {error}"
            ) from None


def _is_name(name: str) -> bool:
    try:
        check_name(name, LONGEST_FQDN)
    except ValueError:
        return False
    return True


def _seen(reply: Fields) -> Seen:
    body = reply.value("body")
    return Seen(
        fqdn=excerpt(reply.text("fqdn"), LONGEST_FQDN),
        received=reply.number("received"),
        type=reply.text("type"),
        body=body if isinstance(body, Mapping) else {},
    )
