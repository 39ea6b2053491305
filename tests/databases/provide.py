"""The way to a PostgreSQL, and a database in it for one test."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit, urlunsplit

from brokers.errors import NotReady, Unavailable
from databases.container import container_server
from databases.server import Server

POSTGRESQL_URL = "BATON_TEST_POSTGRESQL_URL"
GIVEN_TIMEOUT = 10.0
NAME_LENGTH = 40


class NoDatabase(Exception):
    """There is no way to a PostgreSQL here; the text says why."""


@contextmanager
def run_postgresql() -> Iterator[Server]:
    """A server that answers, ended at the end of the block unless somebody else runs it. Raises
    NoDatabase."""
    url = os.environ.get(POSTGRESQL_URL)
    if url:
        server = Server(url=url)
        try:
            server.settle(GIVEN_TIMEOUT)
        except NotReady as error:
            raise NoDatabase(f"{POSTGRESQL_URL}: {error}") from None
        yield server
        return
    with ExitStack() as stack:
        try:
            server = stack.enter_context(container_server())
        except Unavailable as error:
            raise NoDatabase(
                f"Tests of the dashboard need a PostgreSQL, and it cannot be a container: {error}\n"
                f"Name one in {POSTGRESQL_URL} (its user may create databases), or start a Docker "
                "engine. `hatch run test-unit` runs the tests that need none."
            ) from None
        yield server


@contextmanager
def fresh_database(server: Server, name: str = "test") -> Iterator[str]:
    """The URL of a database that nobody used before; *name* is where its own name begins."""
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:NAME_LENGTH]
    database = f"{slug}_{secrets.token_hex(4)}"
    server.execute(f'CREATE DATABASE "{database}"')
    try:
        yield urlunsplit(urlsplit(server.url)._replace(path=f"/{database}"))
    finally:
        server.heal()
        server.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


def make_empty(url: str) -> None:
    """Empty the tables of the database at *url*, and have their numbers begin anew: much quicker
    than to make a database, or its tables."""
    Server(url=url).execute(
        """
        DO $$ BEGIN EXECUTE (
            SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
            FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        ); END $$
        """
    )
