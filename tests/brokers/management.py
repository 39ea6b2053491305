"""A small client of RabbitMQ's management API."""

import base64
import http.client
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from brokers.errors import ManagementError

Item = dict[str, Any]
_NOT_FOUND = 404
_VHOST_TIMEOUT = 60.0
"""Seconds to make or remove a virtual host: a cluster of which a node was just mended must agree on
it, queue by queue, and took more than ten on a machine with much else to do."""


class Management:
    """What tests ask of the management API. It answers in its own terms, as parsed JSON.

    Queues, exchanges and bindings are seen at once; numbers of messages are some seconds old, and
    a connection is seen some five seconds after it was opened.
    """

    def __init__(self, url: str, user: str, password: str, *, timeout: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        # Never through a proxy that the environment names: the broker is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def request(
        self, method: str, *parts: str, body: object = None, timeout: float | None = None
    ) -> Any:
        """Send a request to ``/api/<parts>`` and give the parsed answer, None if it is empty."""
        path = "/api/" + "/".join(quote(part, safe="") for part in parts)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self._headers, method=method)
        try:
            with self._opener.open(request, timeout=timeout or self._timeout) as response:
                content = response.read()
        except urllib.error.HTTPError as error:
            with error:
                reason = error.read().decode(errors="replace") or error.reason
            raise ManagementError(method, path, error.code, reason) from None
        return json.loads(content) if content else None

    def is_ready(self) -> bool:
        """Whether the API answers."""
        try:
            self.request("GET", "overview")
        except (OSError, http.client.HTTPException, ManagementError):
            return False
        return True

    def has_alarm(self) -> bool:
        """Whether a memory or disk alarm is in effect."""
        try:
            self.request("GET", "health", "checks", "alarms")
        except ManagementError as error:
            if error.status != http.client.SERVICE_UNAVAILABLE:
                raise
            return True
        return False

    # What there is

    def connections(self, vhost: str) -> list[Item]:
        """The open connections of *vhost*."""
        return self._list("vhosts", vhost, "connections")

    def queues(self, vhost: str) -> list[Item]:
        """The queues of *vhost*."""
        return self._list("queues", vhost)

    def exchanges(self, vhost: str) -> list[Item]:
        """The exchanges of *vhost*, those that RabbitMQ makes itself among them."""
        return self._list("exchanges", vhost)

    def bindings(self, vhost: str) -> list[Item]:
        """The bindings of *vhost*, those to the default exchange among them."""
        return self._list("bindings", vhost)

    # What is made and removed

    def create_vhost(self, vhost: str, user: str) -> None:
        """Make *vhost*; *user* may do everything in it."""
        self.request("PUT", "vhosts", vhost, body={}, timeout=_VHOST_TIMEOUT)
        self.set_permissions(user, vhost)

    def delete_vhost(self, vhost: str) -> None:
        """Remove *vhost* with all that is in it; its connections are closed."""
        self._delete("vhosts", vhost, timeout=_VHOST_TIMEOUT)

    def delete_queue(self, vhost: str, name: str) -> None:
        """Remove a queue, whatever is in it. Not an exclusive one: that RabbitMQ refuses."""
        self._delete("queues", vhost, name)

    def delete_exchange(self, vhost: str, name: str) -> None:
        """Remove an exchange, whatever is bound to it."""
        self._delete("exchanges", vhost, name)

    def set_policy(self, vhost: str, name: str, pattern: str, definition: Item) -> None:
        """Give the queues of *vhost* whose names match *pattern* what *definition* says."""
        body = {"pattern": pattern, "definition": definition, "apply-to": "queues"}
        self.request("PUT", "policies", vhost, name, body=body)

    def delete_policy(self, vhost: str, name: str) -> None:
        """Take it back."""
        self._delete("policies", vhost, name)

    def close_connection(self, name: str) -> None:
        """Close a connection from the broker's side."""
        self._delete("connections", name)

    def create_user(self, name: str, password: str, *, tags: str = "") -> None:
        """Make a user, or give an existing one this *password*."""
        self.request("PUT", "users", name, body={"password": password, "tags": tags})

    def delete_user(self, name: str) -> None:
        """Remove a user."""
        self._delete("users", name)

    def set_permissions(
        self, user: str, vhost: str, *, configure: str = ".*", write: str = ".*", read: str = ".*"
    ) -> None:
        """Let *user* do what the patterns say in *vhost*."""
        body = {"configure": configure, "write": write, "read": read}
        self.request("PUT", "permissions", vhost, user, body=body)

    def _list(self, *parts: str) -> list[Item]:
        items: list[Item] = self.request("GET", *parts)
        return items

    def _delete(self, *parts: str, timeout: float | None = None) -> None:
        try:
            self.request("DELETE", *parts, timeout=timeout)
        except ManagementError as error:
            if error.status != _NOT_FOUND:
                raise
