"""An image with Python, for the Dockerfile of an extension to build on."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import docker
from docker.errors import APIError, BuildError

from brokers.errors import Unavailable
from brokers.image import LOCK, debian_base
from brokers.lock import locked
from brokers.notice import notice
from brokers.recipe import BUILD_TIMEOUT, patience, pull

PYTHON: Final = "3.13"
OFFICIAL: Final = f"python:{PYTHON}-slim"
LABEL: Final = "baton.test.image"

_WHEELS: Final = """\
FROM {base}
USER root
COPY *.whl /wheels/
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
"""
# Python and pip at /usr/local, as the official image has them.
_DEBIAN: Final = """\
RUN python3 -m venv --without-pip /usr/local \
 && PYTHONPATH="$(echo /wheels/pip-*.whl)" /usr/local/bin/python -m pip install --quiet pip
"""


@contextmanager
def python_image(client: docker.DockerClient, wheels: Path) -> Iterator[str]:
    """The id of an image whose pip installs from *wheels* alone, which have to hold pip.

    It is the official image; where that cannot be pulled, the one of Debian's packages that the
    broker is built on, which has the same Python. It is removed at the end, with what was built on
    it. Raises Unavailable.
    """
    with locked(LOCK):
        try:
            pull(client, OFFICIAL)
            dockerfile = _WHEELS.format(base=OFFICIAL)
        except Unavailable as error:
            notice(f"{OFFICIAL} cannot be pulled: {error}.")
            dockerfile = _WHEELS.format(base=debian_base(client)) + _DEBIAN
    label = f"{LABEL}={secrets.token_hex(8)}"  # what is built on it has it, too
    with tempfile.TemporaryDirectory() as folder:
        for wheel in wheels.glob("*.whl"):
            shutil.copy(wheel, folder)
        (Path(folder) / "Dockerfile").write_text(f"{dockerfile}LABEL {label}\n")
        try:
            yield built(client, Path(folder))
        finally:
            client.images.prune(filters={"dangling": True, "label": [label]})


def built(client: docker.DockerClient, folder: Path, **arguments: str) -> str:
    """The id of the image that the Dockerfile in *folder* makes. Raises Unavailable."""
    try:
        with patience(client, BUILD_TIMEOUT):
            image, _ = client.images.build(
                path=str(folder), buildargs=arguments, rm=True, forcerm=True
            )
    except BuildError as error:
        said = "".join(str(line.get("stream", "")) for line in error.build_log)
        raise Unavailable(f"the image could not be built: {error}\n{said}") from None
    except APIError as error:
        raise Unavailable(f"the image could not be built: {error}") from None
    return str(image.id)
