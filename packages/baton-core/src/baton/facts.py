"""Facts: what is known of this server, and where each of them came from.

Built-in facts cost next to nothing: they start no process and send nothing. What the system does
not tell is None.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from baton import __version__
from baton.errors import ConfigurationError

if TYPE_CHECKING:
    from baton.configuration import Configuration

logger = logging.getLogger(__name__)

BUILT_IN: Final = "built-in"
RESOLVER_DEADLINE: Final = 5.0
"""Seconds that the resolver may take to tell this server's name."""
_ENDINGS: Final = frozenset({".json", ".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts by their names, and where each came from: a path, a setting, or ``built-in``."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]

    @classmethod
    def gather(cls, configuration: Configuration) -> Facts:
        """The facts of this server: those of its fact files, then the built-in ones.

        The resolver is asked for ``fqdn`` only if neither the setting nor a file tells it. Raises
        ConfigurationError for a fact file that cannot be read.
        """
        told = read_facts(configuration.facts)
        built_in = built_in_facts()
        sources = dict.fromkeys(built_in, BUILT_IN)
        if configuration.fqdn:
            built_in["fqdn"] = configuration.fqdn
            sources["fqdn"] = configuration.origins.get("fqdn", "FQDN")
        elif "fqdn" not in told.values:
            built_in["fqdn"] = own_name()
        return cls({**built_in, **told.values}, {**sources, **told.sources})


def read_facts(paths: Iterable[Path]) -> Facts:
    """The facts of fact files, a later file's before an earlier one's.

    A folder stands for the files in it that end in ``.json``, ``.yaml`` or ``.yml`` and are not
    hidden, in order of their names. Raises ConfigurationError for what cannot be read.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for path in _files(paths):
        from baton.fact_file import read_fact_file  # noqa: PLC0415  (YAML, only where needed)

        facts = read_fact_file(path)
        values |= facts
        sources |= dict.fromkeys(facts, str(path))
    return Facts(values, sources)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        try:
            inside = sorted(path.iterdir())
        except OSError as error:
            raise ConfigurationError(f"FACTS: {path} cannot be read: {error.strerror}") from None
        for each in inside:
            if each.suffix in _ENDINGS and not each.name.startswith(".") and not each.is_dir():
                yield each


def built_in_facts() -> dict[str, Any]:
    """What the system tells of itself; ``fqdn`` is the plain name, see :func:`own_name`."""
    return {name: _ask(probe) for name, probe in _PROBES.items()}


def own_name(deadline: float = RESOLVER_DEADLINE) -> str:
    """This server's fully qualified name, or its plain one if the resolver does not tell it
    within *deadline* seconds."""
    plain = socket.gethostname()
    told: list[str] = []

    def ask() -> None:
        with suppress(OSError, UnicodeError):  # a name may be none for the resolver
            told.append(socket.getfqdn())

    # The resolver has deadlines of its own: half a minute is usual where it cannot be reached.
    asking = threading.Thread(target=ask, name="resolver", daemon=True)
    asking.start()
    asking.join(deadline)
    if asking.is_alive():
        logger.warning(
            "The resolver does not answer within %g s: this server is called %s. "
            "The setting FQDN gives it another name.",
            deadline,
            plain,
        )
    return plain if not told or told[0].startswith("localhost") else told[0]


def _ask(probe: Callable[[], object]) -> object:
    try:
        return probe()
    except Exception:  # noqa: BLE001  (whatever a system does: no fact is worth a failure)
        return None


def _platform() -> str:
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return platform.system().lower()


def _family() -> str:
    release = platform.freedesktop_os_release()
    return release.get("ID_LIKE", "").partition(" ")[0] or release["ID"]


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _boot_time() -> int:
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("btime "))


def _time_zone() -> str:
    with suppress(OSError):
        name = str(Path("/etc/localtime").readlink()).partition("/zoneinfo/")[2]
        if name:
            return name
    return time.tzname[0]


def _firmware(name: str) -> str | None:
    return Path("/sys/class/dmi/id", name).read_text(encoding="utf-8").strip() or None


def _container() -> str | None:
    """What systemd says in a container, else the sign that Docker or Podman leaves in one."""
    with suppress(OSError):
        return Path("/run/systemd/container").read_text(encoding="utf-8").strip()
    signs = {"docker": "/.dockerenv", "podman": "/run/.containerenv"}
    return next((name for name, sign in signs.items() if Path(sign).exists()), None)


def _address(family: socket.AddressFamily, far_away: str) -> str:
    """The address from which this server would speak to one far away. A datagram's socket is
    connected without a word."""
    with socket.socket(family, socket.SOCK_DGRAM) as speaker:
        speaker.connect((far_away, 9))
        return str(speaker.getsockname()[0])


_PROBES: Final[Mapping[str, Callable[[], object]]] = {
    "fqdn": socket.gethostname,
    "hostname": socket.gethostname,
    "ipaddress": lambda: _address(socket.AF_INET, "192.0.2.1"),
    "ip6address": lambda: _address(socket.AF_INET6, "2001:db8::1"),
    "platform": _platform,
    "platform_family": _family,
    "platform_version": lambda: platform.freedesktop_os_release()["VERSION_ID"],
    "kernel": lambda: f"{platform.system()} {platform.release()}",
    "machine": platform.machine,
    "vendor": lambda: _firmware("sys_vendor"),
    "product": lambda: _firmware("product_name"),
    "container": _container,
    "cpus": lambda: os.cpu_count() or 1,
    "memory": _memory,
    "boot_time": _boot_time,
    "timezone": _time_zone,
    "python": platform.python_version,
    "baton": lambda: __version__,
}
"""Each built-in fact, and what tells it."""
