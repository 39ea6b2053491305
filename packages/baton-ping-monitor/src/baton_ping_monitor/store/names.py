"""Names and contents that the database keeps once, under a number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from baton_ping_monitor.store.schema import contents, servers

if TYPE_CHECKING:
    from baton_ping_monitor.observation import Observation

_REMEMBERED: Final = 50_000
"""Numbers that are remembered; with more, all are forgotten and asked for again."""
_AT_ONCE: Final = 500
"""Names that one statement asks for."""

T = TypeVar("T")
K = TypeVar("K", str, bytes)


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what happens with a row that is there already."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def chunks(values: Iterable[T], size: int = _AT_ONCE) -> Iterable[list[T]]:
    """*values* in lists of at most *size*."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk


def kept(text: str, limit: int | None = None) -> str:
    """*text* as every database takes it: without NUL and surrogates, cut to *limit*."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text if limit is None else text[:limit]


def digest(observation: Observation) -> bytes:
    """What tells contents apart."""
    parts = (
        observation.extension,
        observation.kind,
        observation.fqdn,
        observation.environment,
        *observation.app_names,
        observation.summary,
        observation.error,
        observation.body,
    )
    text = "\0".join(parts)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


class Names:
    """The numbers of servers and contents, remembered from transaction to transaction.

    A number is only right when the transaction that made it was committed: :meth:`forget` when
    one was not, and when rows were deleted.
    """

    def __init__(self) -> None:
        self._servers: dict[str, int] = {}
        self._contents: dict[bytes, int] = {}

    def forget(self) -> None:
        """Ask the database anew."""
        self._servers.clear()
        self._contents.clear()

    def servers(self, connection: Connection, fqdns: Iterable[str]) -> Mapping[str, int]:
        """The numbers of servers by their names, new ones among them."""
        new = _unasked(self._servers, dict.fromkeys(fqdns))
        if new:
            rows = [_unknown(name) for name in new]
            connection.execute(insert(connection, servers).on_conflict_do_nothing(), rows)
        for chunk in chunks(new):
            query = select(servers.c.fqdn, servers.c.id).where(servers.c.fqdn.in_(chunk))
            self._servers.update((row.fqdn, row.id) for row in connection.execute(query))
        return self._servers

    def contents(
        self, connection: Connection, said: Mapping[bytes, Observation], ids: Mapping[str, int]
    ) -> Mapping[bytes, int]:
        """The numbers of contents by their digests; *ids* are those of the servers."""
        new = _unasked(self._contents, said)
        if new:
            rows = [_content(key, said[key], ids) for key in new]
            connection.execute(insert(connection, contents).on_conflict_do_nothing(), rows)
        for chunk in chunks(new):
            query = select(contents.c.digest, contents.c.id).where(contents.c.digest.in_(chunk))
            self._contents.update((row.digest, row.id) for row in connection.execute(query))
        return self._contents


def _unasked(remembered: dict[K, int], wanted: Mapping[K, object]) -> list[K]:
    """Those of *wanted* that are not remembered, for which there is room."""
    new = [key for key in wanted if key not in remembered]
    if len(remembered) + len(new) > _REMEMBERED:
        remembered.clear()
        return list(wanted)
    return new


def _unknown(fqdn: str) -> dict[str, Any]:
    return {
        "fqdn": fqdn,
        "is_known": False,
        "environment": "",
        "app_names": "[]",
        "state": "",
        "is_expected": False,
        "is_retired": False,
    }


def _content(key: bytes, said: Observation, ids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "digest": key,
        "extension": kept(said.extension),
        "kind": kept(said.kind),
        "server_id": ids[kept(said.fqdn, 253)],
        "environment": kept(said.environment),
        "app_names": json.dumps(said.app_names),
        "summary": kept(said.summary),
        "error": kept(said.error),
        "body": kept(said.body),
    }
