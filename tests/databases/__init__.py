"""A real PostgreSQL for tests.

>>> from databases import fresh_database, run_postgresql
>>> with run_postgresql() as server, fresh_database(server) as url:  # doctest: +SKIP
...     print(url)
postgresql://baton:baton@127.0.0.1:39871/test_3f2a

:func:`run_postgresql` takes the server that ``BATON_TEST_POSTGRESQL_URL`` names, or runs one in a
container, as :mod:`brokers` does.
"""

from databases.container import ContainerServer
from databases.provide import NoDatabase, fresh_database, make_empty, run_postgresql
from databases.server import Server

__all__ = [
    "ContainerServer",
    "NoDatabase",
    "Server",
    "fresh_database",
    "make_empty",
    "run_postgresql",
]
