"""Writes a batch in one transaction."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, select

from baton_ping_monitor.store.names import Names, chunks, digest, insert, kept
from baton_ping_monitor.store.schema import Sort, facts, missed, outputs, servers, transitions

if TYPE_CHECKING:
    from baton_ping_monitor.observation import Observation
    from baton_ping_monitor.store.records import Batch, ServerRecord

_FQDN: Final = 253
_ID: Final = 255
_KEPT: Final = ("id", "fqdn")
"""Columns of a server that an update leaves alone."""


def write(connection: Connection, batch: Batch, names: Names) -> tuple[bool, ...]:
    """Write *batch*; which of its observations are new, in their order."""
    news = _news(connection, batch.observations)
    said = [each for each, is_new in zip(batch.observations, news, strict=True) if is_new]
    fqdns = [each.fqdn for part in (said, batch.missed, batch.servers) for each in part]
    fqdns += [each.fqdn for each in batch.transitions]
    ids = names.servers(connection, [kept(fqdn, _FQDN) for fqdn in fqdns])
    if said:
        _outputs(connection, said, ids, names)
    if batch.servers:
        _servers(connection, batch.servers, ids)
    if batch.missed:
        rows = [{"server_id": ids[kept(each.fqdn, _FQDN)], "at": each.at} for each in batch.missed]
        connection.execute(missed.insert(), rows)
    if batch.transitions:
        connection.execute(
            transitions.insert(),
            [
                {
                    "server_id": ids[kept(each.fqdn, _FQDN)],
                    "at": each.at,
                    "before": kept(each.before),
                    "after": kept(each.after),
                    "by": kept(each.by),
                }
                for each in batch.transitions
            ],
        )
    return news


def sort(observation: Observation) -> Sort:
    """What it counts as in the history."""
    if observation.error:
        return Sort.ERROR
    return Sort.ANSWER if observation.kind == "pong" else Sort.OTHER


def _news(connection: Connection, observations: Sequence[Observation]) -> tuple[bool, ...]:
    """Which of them were not written before, nor earlier in this batch."""
    wanted = {kept(each.message_id, _ID) for each in observations if each.message_id}
    there: set[str | None] = set()
    for chunk in chunks(wanted):
        there.update(
            connection.scalars(select(outputs.c.message_id).where(outputs.c.message_id.in_(chunk)))
        )
    news = []
    for each in observations:
        message_id = kept(each.message_id, _ID) if each.message_id else None
        news.append(message_id is None or message_id not in there)
        there.add(message_id)
    return tuple(news)


def _outputs(
    connection: Connection, said: Sequence[Observation], ids: Mapping[str, int], names: Names
) -> None:
    digests = [digest(each) for each in said]
    contents = names.contents(connection, dict(zip(digests, said, strict=True)), ids)
    rows = [
        {
            "message_id": kept(each.message_id, _ID) if each.message_id else None,
            "correlation_id": kept(each.correlation_id, _ID) if each.correlation_id else None,
            "server_id": ids[kept(each.fqdn, _FQDN)],
            "content_id": contents[key],
            "instance": kept(each.instance, _ID),
            "received": each.received,
            "latency": _measured(each.latency),
            "sort": int(sort(each)),
        }
        for key, each in zip(digests, said, strict=True)
    ]
    connection.execute(insert(connection, outputs).on_conflict_do_nothing(), rows)


def _measured(latency: float | None) -> float | None:
    return latency if latency is not None and math.isfinite(latency) else None


def _servers(
    connection: Connection, records: Sequence[ServerRecord], ids: Mapping[str, int]
) -> None:
    latest = {record.fqdn: record for record in records}.values()
    statement = insert(connection, servers)
    changed = {c.name: statement.excluded[c.name] for c in servers.c if c.name not in _KEPT}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["fqdn"], set_=changed),
        [_server(record) for record in latest],
    )
    # A server that was written again a moment later did not tell its facts again.
    told = {record.fqdn: record for record in records if record.facts is not None}
    if told:
        statement = insert(connection, facts)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["server_id"],
                set_={"facts": statement.excluded.facts, "at": statement.excluded.at},
            ),
            [
                {
                    "server_id": ids[kept(record.fqdn, _FQDN)],
                    "facts": json.dumps(dict(record.facts or {})),
                    "at": record.facts_at,
                }
                for record in told.values()
            ],
        )


def _server(record: ServerRecord) -> dict[str, Any]:
    return {
        "fqdn": kept(record.fqdn, _FQDN),
        "is_known": True,
        "environment": kept(record.environment),
        "app_names": json.dumps(record.app_names),
        "first_seen": record.first_seen,
        "last_seen": record.last_seen,
        "last_pong": record.last_pong,
        "state": kept(record.state),
        "since": record.since,
        "is_expected": record.is_expected,
        "is_retired": record.is_retired,
        "maintenance_until": record.maintenance_until,
    }
