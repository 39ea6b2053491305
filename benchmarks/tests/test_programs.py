from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.programs import RUBY, C, Program, Programs

PACKAGES = ("echo", "libecho-dev")


def program(*prepare: str) -> Program:
    """One that *prepare* makes, with the path of its file as the last argument."""

    def command(made: str) -> Sequence[str]:
        return [*prepare, made]

    return Program("Echo", PACKAGES, prepare=command, start=lambda made: [sys.executable, made])


MADE = program(sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write('print(1)')")
BROKEN = program(sys.executable, "-c", "exit('no such library')")
SILENT = program(sys.executable, "-c", "exit(3)")


@pytest.fixture
def apt_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt-get that brings a command named "echo-compiler"; the folder of both, which also keeps
    what it was asked. Whoever runs this is root."""
    script = tmp_path / "apt-get"
    compiler = tmp_path / "echo-compiler"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$DEBIAN_FRONTEND $*" >> {tmp_path}/asked\n'
        f"[ ! -e {tmp_path}/offline ] || exit 100\n"
        f'[ "$1" = update ] || ln -s {sys.executable} {compiler}\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


TO_INSTALL = program("echo-compiler", "-c", "import sys; open(sys.argv[1], 'w').write('print(2)')")


def test_a_program_is_ready_until_the_end_of_the_block() -> None:
    with Programs([MADE]) as programs:
        command = programs.command(MADE)
        assert programs.missing == {}
        assert subprocess.run(command, capture_output=True, check=True).stdout == b"1\n"
    assert not Path(command[-1]).exists()


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        (BROKEN, "no such library"),
        (SILENT, f"{sys.executable} ended with 3"),
        (TO_INSTALL, "echo-compiler is not installed"),
    ],
)
def test_one_that_is_not_there_is_missing_with_what_it_needs(
    capsys: pytest.CaptureFixture[str], missing: Program, reason: str
) -> None:
    with Programs([missing], install=False) as programs:
        assert programs.missing == {"Echo": "it needs Debian's packages echo, libecho-dev"}
    assert capsys.readouterr().out == f"Echo: {reason}\n"


def test_root_on_debian_has_it_installed_and_is_told_first(
    apt_get: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Programs([TO_INSTALL], install=True) as programs:
        assert programs.missing == {}
        ran = subprocess.run(programs.command(TO_INSTALL), capture_output=True, check=True)
    assert ran.stdout == b"2\n"
    assert capsys.readouterr().out == (
        "Installing echo, libecho-dev with apt-get, for the peer in Echo\n"
    )
    assert (apt_get / "asked").read_text().splitlines() == [
        "noninteractive update -qq",
        "noninteractive install -y -qq echo libecho-dev",
    ]


def test_nothing_is_installed_of_what_is_there(apt_get: Path) -> None:
    with Programs([MADE], install=True):
        assert not (apt_get / "asked").exists()


def test_nothing_is_installed_unless_it_may_be(apt_get: Path) -> None:
    with Programs([TO_INSTALL], install=False) as programs:
        assert list(programs.missing) == ["Echo"]
    assert not (apt_get / "asked").exists()


def test_only_root_installs(apt_get: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with Programs([TO_INSTALL], install=True) as programs:
        assert list(programs.missing) == ["Echo"]
    assert not (apt_get / "asked").exists()


def test_packages_that_cannot_be_had_are_missing(apt_get: Path) -> None:
    (apt_get / "offline").touch()
    with Programs([TO_INSTALL], install=True) as programs:
        assert list(programs.missing) == ["Echo"]
    assert len((apt_get / "asked").read_text().splitlines()) == 1


@pytest.mark.parametrize("real", [C, RUBY])
def test_the_source_of_a_peer_is_where_it_says(real: Program) -> None:
    named = [each for each in real.prepare("made") if each.endswith((".c", ".rb"))]
    assert [Path(each).is_file() for each in named] == [True]
