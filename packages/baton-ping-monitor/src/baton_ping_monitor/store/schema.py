"""The tables of the dashboard's database, as the newest migration leaves them.

Times are in seconds since the epoch, durations in seconds. What repeats is kept once: the name of a
server in ``servers``, and all that an output says in ``contents`` (the pongs of a server differ in
nothing but when they came).
"""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)


class Sort(IntEnum):
    """What an output counts as."""

    OTHER = 0
    ANSWER = 1
    ERROR = 2


metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # only an INTEGER is SQLite's own row id


def _id() -> Column[int]:
    return Column("id", _Id, primary_key=True)


def _server(*, primary_key: bool = False) -> Column[int]:
    return Column(
        "server_id", _Id, ForeignKey("servers.id"), primary_key=primary_key, nullable=False
    )


servers = Table(
    "servers",
    metadata,
    _id(),
    Column("fqdn", String(253), nullable=False, unique=True),
    # False for a name that occurs only in outputs.
    Column("is_known", Boolean, nullable=False),
    Column("environment", Text, nullable=False),
    Column("app_names", Text, nullable=False),
    Column("first_seen", Float),
    Column("last_seen", Float),
    Column("last_pong", Float),
    Column("state", Text, nullable=False),
    Column("since", Float),
    Column("is_expected", Boolean, nullable=False),
    Column("is_retired", Boolean, nullable=False),
    Column("maintenance_until", Float),
)

facts = Table(
    "facts",
    metadata,
    _server(primary_key=True),
    Column("facts", Text, nullable=False),
    Column("at", Float),
)

contents = Table(
    "contents",
    metadata,
    _id(),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("extension", Text, nullable=False),
    Column("kind", Text, nullable=False),
    _server(),
    Column("environment", Text, nullable=False),
    Column("app_names", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("contents_server", "server_id"),
    sqlite_autoincrement=True,
)

outputs = Table(
    "outputs",
    metadata,
    _id(),
    # Unique: an output that comes again is dropped.
    Column("message_id", String(255), unique=True),
    Column("correlation_id", String(255)),
    _server(),
    Column("content_id", _Id, ForeignKey("contents.id"), nullable=False),
    Column("instance", Text, nullable=False),
    Column("received", Float, nullable=False),
    Column("latency", Float),
    Column("sort", SmallInteger, nullable=False),
    Index("outputs_correlation", "correlation_id"),
    Index("outputs_samples", "server_id", "sort", "received"),
    Index("outputs_content", "content_id", "id"),
    sqlite_autoincrement=True,  # an id is never used again: whoever follows events counts on it
)

missed = Table(
    "missed",
    metadata,
    _id(),
    _server(),
    Column("at", Float, nullable=False),
    Index("missed_server", "server_id", "at"),
    sqlite_autoincrement=True,
)


def _rollup(name: str) -> Table:
    return Table(
        name,
        metadata,
        _server(primary_key=True),
        Column("at", BigInteger, primary_key=True),
        Column("answered", Integer, nullable=False),
        Column("missed", Integer, nullable=False),
        Column("errors", Integer, nullable=False),
        Column("low", Float),
        Column("high", Float),
        Column("total", Float, nullable=False),
        Column("measured", Integer, nullable=False),
        sqlite_with_rowid=False,  # a server's rows lie together
    )


minutes = _rollup("minutes")
hours = _rollup("hours")

marks = Table(
    "marks",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("id", _Id, nullable=False),
)
"""Up to which id the outputs and the missed pings are in the roll-ups."""

transitions = Table(
    "transitions",
    metadata,
    _id(),
    _server(),
    Column("at", Float, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("by", Text, nullable=False),
    Index("transitions_server", "server_id", "at"),
    Index("transitions_at", "at"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("is_environment", Boolean, nullable=False),
    Column("environment", Text, nullable=False),
    Column("servers", Text, nullable=False),
    Column("began", Float, nullable=False),
    Column("ended", Float),
    Index("incidents_began", "began"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("sent", Float, nullable=False),
    Column("by", Text, nullable=False),
    Column("targets", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("replies", Text),
    Index("runs_sent", "sent"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(128), primary_key=True),
    Column("user", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("expires", Float, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    _id(),
    Column("at", Float, nullable=False),
    Column("incident", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("trouble", Text, nullable=False),
    Index("alerts_at", "at"),
)
