"""What can be asked of the database. Each takes a connection, and blocks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from baton_ping_monitor.fleet.view import Incident
from baton_ping_monitor.store.records import (
    AlertRecord,
    RunRecord,
    ServerRecord,
    Transition,
)
from baton_ping_monitor.store.schema import (
    alerts,
    facts,
    incidents,
    runs,
    servers,
    transitions,
)


def all_servers(connection: Connection, limit: int) -> Sequence[ServerRecord]:
    """The servers that are kept, without their facts; with more than *limit*, those that are
    expected or were seen last."""
    query = (
        select(servers, facts.c.at.label("facts_at"))
        .outerjoin(facts, facts.c.server_id == servers.c.id)
        .where(servers.c.is_known)
        .order_by(servers.c.is_expected.desc(), servers.c.last_seen.desc().nulls_last())
        .limit(limit)
    )
    return [_server(row, None) for row in connection.execute(query)]


def server(connection: Connection, fqdn: str) -> ServerRecord | None:
    """A server with its facts."""
    query = (
        select(servers, facts.c.at.label("facts_at"), facts.c.facts)
        .outerjoin(facts, facts.c.server_id == servers.c.id)
        .where(servers.c.is_known, servers.c.fqdn == fqdn)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _server(row, row.facts)


def _server(row: Row[Any], told: str | None) -> ServerRecord:
    return ServerRecord(
        fqdn=row.fqdn,
        environment=row.environment,
        app_names=tuple(json.loads(row.app_names)),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        last_pong=row.last_pong,
        state=row.state,
        since=row.since,
        is_expected=row.is_expected,
        is_retired=row.is_retired,
        maintenance_until=row.maintenance_until,
        facts=None if told is None else json.loads(told),
        facts_at=row.facts_at,
    )


def all_transitions(
    connection: Connection, fqdn: str | None, since: float, limit: int
) -> Sequence[Transition]:
    """Changes of state, the latest first."""
    query = (
        select(transitions, servers.c.fqdn)
        .join(servers, servers.c.id == transitions.c.server_id)
        .where(transitions.c.at >= since)
        .order_by(transitions.c.at.desc(), transitions.c.id.desc())
        .limit(limit)
    )
    if fqdn is not None:
        query = query.where(servers.c.fqdn == fqdn)
    return [
        Transition(row.at, row.fqdn, row.before, row.after, row.by)
        for row in connection.execute(query)
    ]


def all_runs(connection: Connection, limit: int) -> Sequence[RunRecord]:
    """Runs, the latest first, without their replies."""
    query = select(*(column for column in runs.c if column is not runs.c.replies))
    query = query.order_by(runs.c.sent.desc(), runs.c.id).limit(limit)
    return [_run(row, None) for row in connection.execute(query)]


def run(connection: Connection, run_id: str) -> RunRecord | None:
    """One run, with its replies."""
    row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    return None if row is None else _run(row, row.replies)


def _run(row: Row[Any], told: str | None) -> RunRecord:
    document = json.loads(row.document)
    if told is not None:
        document["replies"] = json.loads(told)
    return RunRecord(row.id, row.sent, row.by, tuple(json.loads(row.targets)), document)


def all_incidents(
    connection: Connection, limit: int, *, only_open: bool = False
) -> Sequence[Incident]:
    """Incidents, or those that have not ended, the latest first."""
    query = select(incidents).order_by(incidents.c.began.desc(), incidents.c.id).limit(limit)
    if only_open:
        query = query.where(incidents.c.ended.is_(None))
    return [
        Incident(
            row.id,
            row.subject,
            row.is_environment,
            row.environment,
            tuple(json.loads(row.servers)),
            row.began,
            row.ended,
        )
        for row in connection.execute(query)
    ]


def all_alerts(connection: Connection, limit: int) -> Sequence[AlertRecord]:
    """Alerts, the latest first."""
    query = select(alerts).order_by(alerts.c.at.desc(), alerts.c.id.desc()).limit(limit)
    return [
        AlertRecord(row.at, row.incident, row.title, row.destination, row.trouble)
        for row in connection.execute(query)
    ]


def told(connection: Connection, limit: int) -> dict[str, float]:
    """When there was an alert of each incident last."""
    last = func.max(alerts.c.at).label("last")
    query = select(alerts.c.incident, last).where(alerts.c.incident != "")
    query = query.group_by(alerts.c.incident).order_by(last.desc()).limit(limit)
    return {row.incident: row.last for row in connection.execute(query)}
