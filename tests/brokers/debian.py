"""A base image with RabbitMQ from Debian's packages, where no registry can be reached."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import docker

from brokers import apt
from brokers.commands import run
from brokers.daemon import SEARCH_PATH
from brokers.errors import CommandFailed, Unavailable
from brokers.notice import notice

SUITE = "trixie"
PACKAGE = "rabbitmq-server"
BOOTSTRAP_TIMEOUT = 900.0
UNUSED = ("./var/cache/apt/*", "./var/lib/apt/lists/*", "./usr/share/doc/*", "./usr/share/man/*")


def import_debian(client: docker.DockerClient, repository: str, tag: str) -> None:
    """Make the image ``repository:tag``. Raises Unavailable."""
    if os.geteuid() != 0:
        raise Unavailable("only root can make an image from Debian's packages")
    if shutil.which("debootstrap", path=SEARCH_PATH) is None:
        apt.install("debootstrap", "debian-archive-keyring", reason="An image with RabbitMQ")
    folder = Path(tempfile.mkdtemp(prefix="baton-test-image-", dir="/var/tmp"))
    try:
        _bootstrap(folder / "root")
        _import(client, folder / "root", repository, tag)
    finally:
        _remove(folder)


def _bootstrap(root: Path) -> None:
    failures = []
    # Last, no mirror at all: debootstrap's own default.
    for mirror in [[each] for each in apt.mirrors()] + [[]]:
        notice(
            f"Building an image with RabbitMQ from Debian {SUITE}'s packages. "
            "It takes a minute or two, once."
        )
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGE}", SUITE, str(root)]
        try:
            run(
                [*command, *mirror],
                timeout=BOOTSTRAP_TIMEOUT,
                environment={"PATH": SEARCH_PATH, "DEBIAN_FRONTEND": "noninteractive"},
            )
        except CommandFailed as error:
            failures.append(str(error))
            _remove(root)
        else:
            return
    raise Unavailable("\n".join(failures))


def _import(client: docker.DockerClient, root: Path, repository: str, tag: str) -> None:
    exclude = [f"--exclude={pattern}" for pattern in UNUSED]
    with tempfile.TemporaryFile(dir=root.parent) as archive:
        subprocess.run(["tar", "-C", root, *exclude, "-c", "."], stdout=archive, check=True)
        archive.seek(0)
        answer = client.api.import_image(src=archive, repository=repository, tag=tag)
    if "error" in answer:
        raise Unavailable(f"the engine did not take the image: {answer}")


def _remove(folder: Path) -> None:
    """Remove a tree, but nothing of what a debootstrap that failed left mounted in it."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((each for each in mounts if each.startswith(f"{folder}/")), reverse=True):
        run(["umount", "--lazy", mount], timeout=30)
    run(["rm", "-rf", "--one-file-system", str(folder)], timeout=300, finish=True)
