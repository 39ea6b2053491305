"""Who is logged in, and whom alerts reached."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add their tables."""
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(128), primary_key=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("incident", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
    )
    op.create_index("alerts_at", "alerts", ["at"])
