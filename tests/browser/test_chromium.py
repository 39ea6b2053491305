"""A Chromium is found, or else installed; what to do where neither works is said."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from brokers import apt
from browser.chromium import PACKAGES, VARIABLE, NoBrowser, chromium
from browser.prepare import main

# What it installs is an executable that does nothing.
APT_GET = """#!/bin/sh
echo "$@" >> "$SAID"
new="$INTO/chromium-headless-shell"
case "$*" in *install*) printf '#!/bin/sh\\n' > "$new"; chmod +x "$new";; esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all programs of a machine without a browser, where root runs the tests."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "chmod"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("INTO", str(programs))
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    apt._update.cache_clear()
    return programs


def make_program(path: Path, text: str = "#!/bin/sh\n") -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_the_one_that_is_there_is_taken(machine: Path) -> None:
    make_program(machine / "google-chrome")
    assert chromium() == machine / "google-chrome"
    make_program(machine / "chromium")
    assert chromium() == machine / "chromium"
    make_program(machine / "chromium-headless-shell")
    assert chromium() == machine / "chromium-headless-shell"


def test_the_one_that_is_named_comes_first(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(machine / "chromium")
    make_program(machine / "mine")
    monkeypatch.setenv(VARIABLE, str(machine / "mine"))
    assert chromium() == machine / "mine"


def test_where_there_is_none_it_is_installed_and_that_is_said_first(
    machine: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_program(machine / "apt-get", APT_GET)
    main()
    assert (machine / "chromium-headless-shell").exists()
    assert "A browser for the tests of pages needs chromium" in capfd.readouterr().err
    before = (tmp_path / "said").read_text()
    assert all(package in before for package in PACKAGES)
    assert chromium() == machine / "chromium-headless-shell"
    assert (tmp_path / "said").read_text() == before


@pytest.mark.parametrize(
    ("apt_get", "reason"),
    [
        (None, "there is no apt-get"),
        ("#!/bin/sh\necho 'E: no such package'\nexit 100\n", "E: no such package"),
        ("#!/bin/sh\n", "none of chromium"),
    ],
)
def test_what_to_do_is_said(
    apt_get: str | None, reason: str, machine: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if apt_get is not None:
        make_program(machine / "apt-get", apt_get)
    with pytest.raises(NoBrowser) as raised:
        chromium()
    assert reason in str(raised.value)
    assert "apt-get install chromium" in str(raised.value)
    assert VARIABLE in str(raised.value)
    capfd.readouterr()
    main()
    assert "Traceback" not in capfd.readouterr().err


def test_a_wrong_name_is_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(machine / "chromium")
    monkeypatch.setenv(VARIABLE, "/no/such/browser")
    with pytest.raises(NoBrowser, match="'/no/such/browser', which is no program"):
        chromium()
