"""Finds outputs, however many there are, by what they say.

No index could serve every filter. But contents are few, since equal ones are kept once: the filter
is for them, and of each the index tells which outputs are the nearest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, Select, func, select

from baton_ping_monitor.observation import Observation
from baton_ping_monitor.store.names import kept
from baton_ping_monitor.store.records import Event, EventFilter
from baton_ping_monitor.store.schema import contents, outputs, servers

_REPLIES: Final = 100_000
"""Outputs that are given as those of one command."""


def events(connection: Connection, which: EventFilter, limit: int) -> Sequence[Event]:
    """Outputs, the latest first; with ``after``, the oldest first."""
    is_forward = which.after is not None
    window: list[ColumnElement[bool]] = []
    if which.after is not None:
        window.append(outputs.c.id > which.after)
    if which.before is not None:
        window.append(outputs.c.id < which.before)
    wanted = _wanted(which)
    if wanted:
        search = _Search(connection, window, limit, is_forward)
        ids = search.contents(wanted)
        if not ids:
            return []
        window.append(outputs.c.content_id.in_(ids))
        end = search.end(ids)
        if end is not None:
            window.append(outputs.c.id <= end if is_forward else outputs.c.id >= end)
    order = outputs.c.id.asc() if is_forward else outputs.c.id.desc()
    query = _outputs().where(*window).order_by(order).limit(limit)
    return [_event(row) for row in connection.execute(query)]


class _Search:
    """Narrows down where the nearest *limit* outputs within *window* are."""

    def __init__(
        self,
        connection: Connection,
        window: Sequence[ColumnElement[bool]],
        limit: int,
        is_forward: bool,
    ) -> None:
        self._connection = connection
        self._window = tuple(window)
        self._limit = limit
        self._is_forward = is_forward

    def contents(self, wanted: Sequence[ColumnElement[bool]]) -> Sequence[int]:
        """The contents of which one output is nearest: as many as outputs are asked for. No output
        of any other can be among those."""
        pick = func.min if self._is_forward else func.max
        nearest = (
            select(pick(outputs.c.id))
            .where(outputs.c.content_id == contents.c.id, *self._window)
            .correlate(contents)
            .scalar_subquery()
        )
        found = (
            select(contents.c.id, nearest.label("nearest"))
            .join(servers, servers.c.id == contents.c.server_id)
            .where(*wanted)
            .subquery()
        )
        order = found.c.nearest.asc() if self._is_forward else found.c.nearest.desc()
        query = select(found.c.id).where(found.c.nearest.is_not(None))
        return self._connection.scalars(query.order_by(order).limit(self._limit)).all()

    def end(self, ids: Sequence[int]) -> int | None:
        """An id beyond which nobody need look: up to it, the contents *ids* have as many outputs
        as are asked for. None if they have not."""
        # Half of the contents have their share, or one has all.
        half = max(1, len(ids) // 2)
        ends = [self._end(ids, 1, self._limit), self._end(ids, half, -(-self._limit // half))]
        known = [end for end in ends if end is not None]
        if not known:
            return None
        return min(known) if self._is_forward else max(known)

    def _end(self, ids: Sequence[int], number: int, share: int) -> int | None:
        """Up to where *number* of the contents have *share* outputs each."""
        order = outputs.c.id.asc() if self._is_forward else outputs.c.id.desc()
        last: ScalarSelect[int] = (
            select(outputs.c.id)
            .where(outputs.c.content_id == contents.c.id, *self._window)
            .order_by(order)
            .limit(1)
            .offset(share - 1)
            .correlate(contents)
            .scalar_subquery()
        )
        query = select(last).where(contents.c.id.in_(ids))
        found: Sequence[int | None] = self._connection.scalars(query).all()
        ends = sorted((end for end in found if end is not None), reverse=not self._is_forward)
        return ends[number - 1] if len(ends) >= number else None


def _wanted(which: EventFilter) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if which.kind is not None:
        wanted.append(contents.c.kind == kept(which.kind))
    if which.extension is not None:
        wanted.append(contents.c.extension == kept(which.extension))
    if which.fqdn is not None:
        wanted.append(servers.c.fqdn == kept(which.fqdn))
    if which.text:
        wanted.append(contents.c.summary.icontains(kept(which.text), autoescape=True))
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
