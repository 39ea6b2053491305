"""Makes an image for a container of tests, on whichever base can be had here."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException

from brokers.debian import import_debian
from brokers.errors import Unavailable
from brokers.lock import locked
from brokers.notice import notice

PULL_TIMEOUT = 20
"""Seconds without any progress after which the registry is given up."""
BUILD_TIMEOUT = 600


@dataclass(frozen=True)
class Recipe:
    """How an image is made: a Dockerfile on a *base*, which is pulled or, with *package*, made of
    that package of Debian's."""

    repository: str
    base: str
    dockerfile: str
    package: str = ""

    @property
    def image(self) -> str:
        """Its name. The tag is a hash of how it is made, so that a change makes a new one."""
        return f"{self.repository}:{hashlib.sha256(self.dockerfile.encode()).hexdigest()[:12]}"


def obtain(client: docker.DockerClient, recipes: Sequence[Recipe], lock: str) -> str:
    """The image of the first of *recipes* that can be made; one that the engine has already is
    taken as it is. Raises Unavailable."""
    with locked(lock):
        for recipe in recipes:
            if _has(client, recipe.image):
                return recipe.image
        *others, last = recipes
        for recipe in others:
            try:
                return _make(client, recipe)
            except Unavailable as error:
                notice(f"{recipe.base} cannot be had: {error}.")
        return _make(client, last)


def _make(client: docker.DockerClient, recipe: Recipe) -> str:
    if not recipe.package:
        pull(client, recipe.base)
    else:
        import_base(client, recipe.base, recipe.package)
    _build(client, recipe)
    return recipe.image


def import_base(client: docker.DockerClient, base: str, package: str) -> None:
    """Have *base*, made of *package* of Debian's, in the engine's store. Raises Unavailable."""
    if not _has(client, base):
        with patience(client, BUILD_TIMEOUT):
            import_debian(client, base, package)


def _has(client: docker.DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def pull(client: docker.DockerClient, image: str) -> None:
    """Have *image* in the engine's store. Raises Unavailable."""
    if _has(client, image):
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
