"""The image of the broker: RabbitMQ as the tests want it, on whichever base can be had here."""

import os

import docker

from brokers.debian import SUITE
from brokers.recipe import Recipe, obtain

OFFICIAL = "rabbitmq:4-management"
REPOSITORY = "baton-test-rabbitmq"
DEBIAN_BASE = f"{REPOSITORY}-base:{SUITE}"
PULL_TIMEOUT = 20
"""Seconds without any progress after which the registry is given up."""
BUILD_TIMEOUT = 600

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
    official = Recipe(wanted or OFFICIAL)
    debian = Recipe(DEBIAN_BASE, DEBIAN_START)
    with locked("image"):
        for recipe in [official] if wanted else [official, debian]:
            if has(client, recipe.image):
                return recipe.image
        try:
            pull(client, official.base)
            recipe = official
        except Unavailable as error:
            if wanted:
                raise
            notice(f"{official.base} cannot be pulled: {error}.")
            debian_base(client)
            recipe = debian
        _build(client, recipe)
        return recipe.image


def debian_base(client: docker.DockerClient) -> str:
    """The image that is made of Debian's packages. Raises Unavailable."""
    if not has(client, DEBIAN_BASE):
        with patience(client, BUILD_TIMEOUT):
            import_debian(client, *DEBIAN_BASE.split(":"))
    return DEBIAN_BASE


class Recipe:
    """How an image is made. Its tag is a hash of that, so that a change makes a new one."""

    def __init__(self, base: str, start: str = "") -> None:
        settings = SETTINGS.replace("\n", r"\n")
        self.base = base
        self.dockerfile = DOCKERFILE.format(base=base, settings=settings) + start
        self.image = f"{REPOSITORY}:{hashlib.sha256(self.dockerfile.encode()).hexdigest()[:12]}"


def has(client: docker.DockerClient, image: str) -> bool:
    """Whether the engine's store has *image*."""
    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def pull(client: docker.DockerClient, image: str) -> None:
    """Have *image* in the engine's store. Raises Unavailable."""
    if has(client, image):
        return
    repository, tag = parse_repository_tag(image)
    notice(f"Pulling the image {image}.")
    try:
        with patience(client, PULL_TIMEOUT):
            for event in client.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
                if "error" in event:
                    raise Unavailable(event["error"])
    except APIError as error:
        if error.response is not None:
            error.response.close()  # else its socket is left to the garbage collector
        raise Unavailable(str(error.explanation or error)) from None
    except (DockerException, RequestException) as error:
        raise Unavailable(str(error)) from None


def _build(client: docker.DockerClient, recipe: Recipe) -> None:
    notice(f"Building the image {recipe.image} on {recipe.base}.")
    dockerfile = io.BytesIO(recipe.dockerfile.encode())
    try:
        with patience(client, BUILD_TIMEOUT):
            client.images.build(fileobj=dockerfile, tag=recipe.image, rm=True, forcerm=True)
    except BuildError as error:
        said = "".join(str(line.get("stream", "")) for line in error.build_log)
        raise Unavailable(f"the image could not be built: {error}\n{said}") from None
    except APIError as error:
        raise Unavailable(f"the image could not be built: {error}") from None


@contextmanager
def patience(client: docker.DockerClient, seconds: int) -> Iterator[None]:
    """Wait up to so many seconds for each piece of an answer."""
    before, client.api.timeout = client.api.timeout, seconds
    try:
        yield
    finally:
        client.api.timeout = before
