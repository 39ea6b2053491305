"""The JSON API of a monitor, as far as requesters ask it: which servers it knows, and what it has
seen of a command. The contract stands in docs/collecting-replies.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from baton.errors import MonitorUnavailable
from baton.fleet.document import Fields
from baton.fleet.fetch import Address, fetch_json
from baton.fleet.result import Failure
from baton.names import LONGEST_FQDN
from baton.server import Server
from baton.text import ECHO_LIMIT, printable, shorten


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
        return _server(self.fqdn, self.body).routing_keys

    @property
    def failure(self) -> Failure:
        """What an error output says."""
        texts = (str(self.body.get(name, "")) for name in ("error_class", "error_message"))
        return Failure(self.fqdn, "failed", *(shorten(printable(t), ECHO_LIMIT) for t in texts))


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
        """The names of the servers that it knows and that one of *targets* reaches."""
        asked = set(targets)
        found: set[str] = set()
        for each in self._objects("/api/servers", "servers"):
            name = each.text("fqdn")
            if name and not asked.isdisjoint(_server(name, each.document).routing_keys):
                found.add(name)
        return frozenset(found)

    def replies(self, message_id: str) -> list[Seen]:
        """What it has seen of the command of that id; nothing if it knows none."""
        path = f"/api/replies/{quote(message_id, safe='')}"
        found = []
        for each in self._objects(path, "replies", missing={"replies": []}):
            body = each.value("body")
            name = shorten(printable(each.text("fqdn")), LONGEST_FQDN)
            seen = body if isinstance(body, Mapping) else {}
            found.append(Seen(name, each.number("received"), each.text("type"), seen))
        return found

    def _objects(self, path: str, name: str, missing: object = None) -> Iterable[Fields]:
        address = self._address
        answer = fetch_json(address, path, self._timeout)
        if answer is None:
            answer = missing
        if answer is None:
            raise MonitorUnavailable(f"{address}{path} is not there: is that a Baton monitor?")
        try:
            yield from Fields(answer).objects(name)
        except ValueError as error:
            raise MonitorUnavailable(
                f"{address}{path} does not answer as a Baton monitor does: {error}"
            ) from None


def _server(fqdn: str, body: Mapping[str, Any]) -> Server:
    apps = body.get("app_names")
    return Server(
        fqdn=fqdn,
        environment=str(body.get("environment", "")),
        app_names=tuple(map(str, apps)) if isinstance(apps, list) else (),
    )
