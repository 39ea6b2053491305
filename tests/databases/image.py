"""The image of the database server: PostgreSQL as the tests want it."""

import os

import docker

from brokers.debian import SUITE
from brokers.recipe import Recipe, obtain

OFFICIAL = "postgres:17"
REPOSITORY = "baton-test-postgresql"
USER = PASSWORD = "baton"

# The databases are those of tests: nobody needs them after a power failure.
DOCKERFILE = """
FROM {base}
ENV PGDATA=/var/lib/postgresql/baton LANG=C.UTF-8
RUN ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ 2>/dev/null; \\
 mkdir -p "$PGDATA" /run/postgresql && chown postgres: "$PGDATA" /run/postgresql
USER postgres
RUN echo {password} > /tmp/password \\
 && initdb --username={user} --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 \\
 && echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf" \\
 && rm /tmp/password
EXPOSE 5432
ENTRYPOINT []
STOPSIGNAL SIGINT
CMD ["postgres", "-c", "listen_addresses=*", "-c", "fsync=off"]
"""


def database_image(client: docker.DockerClient) -> str:
    """The image to run: from the engine's store if it is there, else made. Raises Unavailable.

    ``BATON_TEST_POSTGRESQL_IMAGE`` names another image to begin with, for example to try another
    version of PostgreSQL; then there is no way around a registry.
    """
    wanted = os.environ.get("BATON_TEST_POSTGRESQL_IMAGE", "")
    recipes = [_recipe(wanted or OFFICIAL)]
    if not wanted:
        recipes.append(_recipe(f"{REPOSITORY}-base:{SUITE}", "postgresql"))
    return obtain(client, recipes, "image-postgresql")


def _recipe(base: str, package: str = "") -> Recipe:
    dockerfile = DOCKERFILE.format(base=base, user=USER, password=PASSWORD)
    return Recipe(REPOSITORY, base, dockerfile, package)
