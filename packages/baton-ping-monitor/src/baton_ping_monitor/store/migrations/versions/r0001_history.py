"""Servers, outputs, roll-ups, transitions, incidents and runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "servers",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("fqdn", sa.String(253), nullable=False, unique=True),
        sa.Column("is_known", sa.Boolean, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("app_names", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Float),
        sa.Column("last_seen", sa.Float),
        sa.Column("last_pong", sa.Float),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.Float),
        sa.Column("is_expected", sa.Boolean, nullable=False),
        sa.Column("is_retired", sa.Boolean, nullable=False),
        sa.Column("maintenance_until", sa.Float),
    )
    op.create_table(
        "facts",
        _server(primary_key=True),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("at", sa.Float),
    )
    _outputs()
    for name in ("minutes", "hours"):
        _rollup(name)
    op.create_table(
        "marks",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("id", _ID, nullable=False),
    )
    op.create_table(
        "transitions",
        sa.Column("id", _ID, primary_key=True),
        _server(),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_index("transitions_server", "transitions", ["server_id", "at"])
    op.create_index("transitions_at", "transitions", ["at"])
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("is_environment", sa.Boolean, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("servers", sa.Text, nullable=False),
        sa.Column("began", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
    )
    op.create_index("incidents_began", "incidents", ["began"])
    op.create_table(
        "runs",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("sent", sa.Float, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("targets", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("replies", sa.Text),
    )
    op.create_index("runs_sent", "runs", ["sent"])


def _server(*, primary_key: bool = False) -> sa.Column[int]:
    reference = sa.ForeignKey("servers.id")
    return sa.Column("server_id", _ID, reference, primary_key=primary_key, nullable=False)


def _outputs() -> None:
    op.create_table(
        "contents",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("digest", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("extension", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        _server(),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("app_names", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("contents_server", "contents", ["server_id"])
    op.create_table(
        "outputs",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("message_id", sa.String(255), unique=True),
        sa.Column("correlation_id", sa.String(255)),
        _server(),
        sa.Column("content_id", _ID, sa.ForeignKey("contents.id"), nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("received", sa.Float, nullable=False),
        sa.Column("latency", sa.Float),
        sa.Column("sort", sa.SmallInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("outputs_correlation", "outputs", ["correlation_id"])
    op.create_index("outputs_samples", "outputs", ["server_id", "sort", "received"])
    op.create_index("outputs_content", "outputs", ["content_id", "id"])
    op.create_table(
        "missed",
        sa.Column("id", _ID, primary_key=True),
        _server(),
        sa.Column("at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("missed_server", "missed", ["server_id", "at"])


def _rollup(name: str) -> None:
    op.create_table(
        name,
        _server(primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.Column("errors", sa.Integer, nullable=False),
        sa.Column("low", sa.Float),
        sa.Column("high", sa.Float),
        sa.Column("total", sa.Float, nullable=False),
        sa.Column("measured", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
