"""What can be asked of the database. Each takes a connection, and blocks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from baton_ping_monitor.fleet.view import Incident
from baton_ping_monitor.observation import Observation
from baton_ping_monitor.store.records import (
    AlertRecord,
    Event,
    EventFilter,
    RunRecord,
    ServerRecord,
    Transition,
)
from baton_ping_monitor.store.schema import (
    alerts,
    contents,
    facts,
    incidents,
    outputs,
    runs,
    servers,
    transitions,
)

_REPLIES: Final = 100_000
"""Outputs that are given as those of one command."""


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


def events(connection: Connection, which: EventFilter, limit: int) -> Sequence[Event]:
    """Outputs, the latest first; with ``after``, the oldest first."""
    is_forward = which.after is not None
    order = outputs.c.id.asc() if is_forward else outputs.c.id.desc()
    window = []
    if which.after is not None:
        window.append(outputs.c.id > which.after)
    if which.before is not None:
        window.append(outputs.c.id < which.before)
    wanted = _wanted(which)
    if wanted:
        # No index can serve every filter. But contents are few, and those among which the wanted
        # outputs are can be told from the nearest output of each.
        pick = func.min if is_forward else func.max
        nearest = (
            select(pick(outputs.c.id))
            .where(outputs.c.content_id == contents.c.id, *window)
            .correlate(contents)
            .scalar_subquery()
        )
        near = select(contents.c.id, nearest.label("nearest"))
        if which.fqdn is not None:
            near = near.join(servers, servers.c.id == contents.c.server_id)
        inner = near.where(*wanted).subquery()
        near_order = inner.c.nearest.asc() if is_forward else inner.c.nearest.desc()
        found = connection.execute(
            select(inner.c.id, inner.c.nearest)
            .where(inner.c.nearest.is_not(None))
            .order_by(near_order)
            .limit(limit)
        ).all()
        if not found:
            return []
        window.append(outputs.c.content_id.in_([row.id for row in found]))
        if len(found) == limit:
            last = found[-1].nearest
            window.append(outputs.c.id <= last if is_forward else outputs.c.id >= last)
    query = _outputs().where(*window).order_by(order).limit(limit)
    return [_event(row) for row in connection.execute(query)]


def _wanted(which: EventFilter) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if which.kind is not None:
        wanted.append(contents.c.kind == which.kind)
    if which.extension is not None:
        wanted.append(contents.c.extension == which.extension)
    if which.fqdn is not None:
        wanted.append(servers.c.fqdn == which.fqdn)
    if which.text:
        wanted.append(contents.c.summary.icontains(which.text, autoescape=True))
    return wanted


def replies(connection: Connection, message_id: str) -> Sequence[Event]:
    """The outputs that answer a command, in the order in which they came."""
    query = _outputs().where(outputs.c.correlation_id == message_id)
    query = query.order_by(outputs.c.id).limit(_REPLIES)
    return [_event(row) for row in connection.execute(query)]


def _outputs() -> Select[Any]:
    return (
        select(
            outputs,
            servers.c.fqdn,
            contents.c.extension,
            contents.c.kind,
            contents.c.environment,
            contents.c.app_names,
            contents.c.summary,
            contents.c.error,
            contents.c.body,
        )
        .join(contents, contents.c.id == outputs.c.content_id)
        .join(servers, servers.c.id == outputs.c.server_id)
    )


def _event(row: Row[Any]) -> Event:
    return Event(
        row.id,
        Observation(
            received=row.received,
            extension=row.extension,
            kind=row.kind,
            fqdn=row.fqdn,
            environment=row.environment,
            app_names=tuple(json.loads(row.app_names)),
            summary=row.summary,
            body=row.body,
            message_id=row.message_id,
            correlation_id=row.correlation_id,
            instance=row.instance,
            error=row.error,
            latency=row.latency,
        ),
    )


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


def all_incidents(connection: Connection, limit: int) -> Sequence[Incident]:
    """Incidents, the latest first."""
    query = select(incidents).order_by(incidents.c.began.desc(), incidents.c.id).limit(limit)
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
