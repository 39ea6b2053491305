"""A base image made of Debian's packages, where no registry can be reached."""

import os
import shutil
import tempfile
from pathlib import Path

import docker

from brokers import apt
from brokers.commands import run
from brokers.errors import CommandFailed, Unavailable
from brokers.notice import notice

SUITE = "trixie"
BOOTSTRAP_TIMEOUT = 900.0
UNUSED = ("doc", "man", "locale")


def import_debian(client: docker.DockerClient, image: str, package: str) -> None:
    """Make *image*, a ``repository:tag``, with *package*. Raises Unavailable."""
    repository, tag = image.split(":")
    if os.geteuid() != 0:
        raise Unavailable("only root can make an image from Debian's packages")
    # It takes half the time of debootstrap.
    if shutil.which("mmdebstrap") is None:
        apt.install("mmdebstrap", "debian-archive-keyring", reason=f"An image with {package}")
    folder = Path(tempfile.mkdtemp(prefix="baton-test-image-", dir="/var/tmp"))
    try:
        archive = _bootstrap(folder, package)
        with archive.open("rb") as content:
            answer = client.api.import_image(src=content, repository=repository, tag=tag)
        if "error" in answer:
            raise Unavailable(f"the engine did not take the image: {answer}")
    finally:
        _remove(folder)


def _bootstrap(folder: Path, package: str) -> Path:
    """An archive of the image's file system, in *folder*."""
    archive = folder / "root.tar"
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={package}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in UNUSED]
    command += [f"--aptopt={each}" for each in apt.downloads()]
    failures = []
    # Last, no mirror at all: mmdebstrap's own default.
    for mirror in [[each] for each in apt.mirrors()] + [[]]:
        notice(
            f"Building an image with {package} from Debian {SUITE}'s packages. "
            "It takes a minute, once."
        )
        try:
            run(
                [*command, SUITE, str(archive), *mirror],
                timeout=BOOTSTRAP_TIMEOUT,
                environment={"TMPDIR": str(folder), "DEBIAN_FRONTEND": "noninteractive"},
            )
        except CommandFailed as error:
            failures.append(str(error))
        else:
            return archive
    raise Unavailable("\n".join(failures))


def _remove(folder: Path) -> None:
    """Remove a tree, but nothing of what a mmdebstrap that was ended left mounted in it."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((each for each in mounts if each.startswith(f"{folder}/")), reverse=True):
        run(["umount", "--lazy", mount], timeout=30)
    run(["rm", "-rf", "--one-file-system", str(folder)], timeout=300, finish=True)
