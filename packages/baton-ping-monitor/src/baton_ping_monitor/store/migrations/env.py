"""How Alembic runs the steps: on the connection, and in the transaction, of
:func:`baton_ping_monitor.store.migrate.migrate`."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
