"""Where Debian's packages for the image come from, and how: as apt's own settings have it."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brokers import apt
from brokers.apt import downloads, mirrors

DEB822 = """\
# A mirror in a comment is none.
# URIs: http://commented.example/debian
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb deb-src
URIs: http://second.example/debian/
  http://third.example/debian
Suites: bookworm
Components: main contrib

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
"""
LINES = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://mirror.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
deb https://tool.example/apt stable main
deb mirror+file:/etc/apt/mirrors.txt noble main
"""


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        (
            "sources.list.d/debian.sources",
            DEB822,
            [f"http://{host}.example/debian" for host in ("mirror", "second", "third")],
        ),
        ("sources.list", LINES, ["https://mirror.example/debian"]),
        ("sources.list.d/old.list.disabled", LINES, []),
        ("other", LINES, []),
    ],
)
def test_mirrors(file: str, text: str, found: list[str], tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / file).write_text(text)
    assert mirrors(tmp_path) == found


def test_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = 'Acquire::http::Proxy "http://proxy.example:3142";'
    program = tmp_path / "apt-config"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' 'Acquire::http \"\";' '{proxy}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert downloads() == [proxy]


# As the real one does, it refuses while another one works.
APT_GET = """#!/bin/sh
mkdir "$WORKING" || exit 100
echo "$@" >> "$DONE"
sleep 0.2
rmdir "$WORKING"
"""


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What an apt-get that changes nothing was asked for, by root."""
    (tmp_path / "apt-get").write_text(APT_GET)
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("WORKING", str(tmp_path / "working"))
    monkeypatch.setenv("DONE", str(tmp_path / "done"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    apt._update.cache_clear()
    yield tmp_path / "done"
    apt._update.cache_clear()


def test_who_installs_waits_for_another(done: Path) -> None:
    with ThreadPoolExecutor() as pool:
        for each in [
            pool.submit(apt.install, name, reason="A test") for name in ("engine", "browser")
        ]:
            each.result(30)
    asked = [line.split()[-1] for line in done.read_text().splitlines()]
    assert (asked[0], sorted(asked[1:])) == ("-q", ["browser", "engine"])
