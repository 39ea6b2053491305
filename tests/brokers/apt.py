"""What the tests need of Debian's package manager: installing, and the name of its mirror."""

import os
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from brokers.commands import run
from brokers.errors import CommandFailed, Unavailable
from brokers.lock import locked
from brokers.notice import notice

SOURCES = Path("/etc/apt")
INSTALL_TIMEOUT = 600.0
_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
# Another one that installs is waited for: those of these tests hold a lock of ours.
_INSTALL = ("apt-get", "install", "-qy", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends")


def install(*packages: str, reason: str) -> None:
    """Install *packages*, and say so first. Raises Unavailable."""
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise Unavailable(f"{reason} needs {names}, and there is no apt-get to install it with")
    if os.geteuid() != 0:
        raise Unavailable(f"{reason} needs {names}, and only root may install it")
    notice(f"{reason} needs {names}: installing from the system's package sources.")
    with locked("apt"):  # apt-get does not wait for another one
        _update()
        try:
            run(
                [*_INSTALL, *packages],
                timeout=INSTALL_TIMEOUT,
                environment=_QUIET,
                finish=True,
            )
        except CommandFailed as error:
            raise Unavailable(str(error)) from None


@cache
def _update() -> None:
    """Bring apt's lists up to date, once for all that this process installs."""
    try:
        run(["apt-get", "update", "-q"], timeout=INSTALL_TIMEOUT, environment=_QUIET)
    except CommandFailed as error:
        # A source that does not answer is no reason to give up: the lists may be new enough.
        notice(str(error))


def mirrors(sources: Path = SOURCES) -> list[str]:
    """The mirrors of Debian's main archive that apt uses here, the first one first."""
    files = [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]
    found: dict[str, None] = {}
    for file in files:
        if file.suffix not in {".list", ".sources"} or not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        parse = _parse_deb822 if file.suffix == ".sources" else _parse_lines
        for uri, suites, components in parse(text):
            if _is_archive(uri) and "main" in components and "security" not in suites:
                found.setdefault(uri.rstrip("/"))
    return list(found)


def downloads() -> list[str]:
    """What apt's configuration says here of downloads, a proxy for example, line by line."""
    command = ["apt-config", "dump", "--format", '%F "%v";%n', "Acquire::http", "Acquire::https"]
    return [line for line in run(command, timeout=30).splitlines() if not line.endswith('"";')]


def _is_archive(uri: str) -> bool:
    return re.match(r"(https?|file)://.*/debian/?$", uri) is not None


def _parse_deb822(text: str) -> Iterator[tuple[str, str, list[str]]]:
    text = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", text):
        pairs = re.findall(r"^([\w-]+):\s*((?:.*)(?:\n[ \t]+.*)*)", stanza, flags=re.MULTILINE)
        fields = {name.lower(): value.split() for name, value in pairs}
        if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
            for uri in fields.get("uris", []):
                yield uri, " ".join(fields.get("suites", [])), fields.get("components", [])


def _parse_lines(text: str) -> Iterator[tuple[str, str, list[str]]]:
    for line in text.splitlines():
        if match := re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line):
            yield match[1], match[2], match[3].split()
