"""The image of the broker: RabbitMQ as the tests want it, on whichever base can be had here."""

import os

import docker

from brokers.debian import SUITE
from brokers.recipe import Recipe, import_base, obtain

OFFICIAL = "rabbitmq:4-management"
REPOSITORY = "baton-test-rabbitmq"
DEBIAN_BASE = f"{REPOSITORY}-base:{SUITE}"
LOCK = "image"
"""Whoever makes an image of this base holds it."""
_PACKAGE = "rabbitmq-server"

SETTINGS = """\
loopback_users = none
deprecated_features.permit.transient_nonexcl_queues = false
collect_statistics_interval = 1000
"""

DOCKERFILE = r"""
FROM {base}
USER root
RUN rabbitmq-plugins enable --offline rabbitmq_management \
 && mkdir -p /etc/rabbitmq/conf.d \
 && printf '{settings}' > /etc/rabbitmq/conf.d/90-test.conf \
 && printf '\nulimit -n $(ulimit -Hn)\n' >> /etc/rabbitmq/rabbitmq-env.conf
EXPOSE 5672 15672
"""

# Debian's script in /usr/sbin stays in between and keeps SIGTERM from the server.
DEBIAN_START = """
USER rabbitmq
ENV HOME=/var/lib/rabbitmq LANG=C.UTF-8
CMD ["/usr/lib/rabbitmq/bin/rabbitmq-server"]
"""


def broker_image(client: docker.DockerClient) -> str:
    """The image to run: from the engine's store if it is there, else made. Raises Unavailable.

    ``BATON_TEST_RABBITMQ_IMAGE`` names another image to begin with, for example to try another
    version of RabbitMQ; then there is no way around a registry.
    """
    wanted = os.environ.get("BATON_TEST_RABBITMQ_IMAGE", "")
    recipes = [_recipe(wanted or OFFICIAL)]
    if not wanted:
        recipes.append(_recipe(DEBIAN_BASE, DEBIAN_START, _PACKAGE))
    return obtain(client, recipes, LOCK)


def debian_base(client: docker.DockerClient) -> str:
    """The image of Debian's packages that the broker's is built on. Raises Unavailable."""
    import_base(client, DEBIAN_BASE, _PACKAGE)
    return DEBIAN_BASE


def _recipe(base: str, start: str = "", package: str = "") -> Recipe:
    settings = SETTINGS.replace("\n", r"\n")
    dockerfile = DOCKERFILE.format(base=base, settings=settings) + start
    return Recipe(REPOSITORY, base, dockerfile, package)
