"""Where a Chromium is; where there is none, Debian's package is installed.

Playwright's own browsers are not used: they come from a place of their own, not from a registry.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from brokers.apt import install
from brokers.errors import Unavailable
from brokers.lock import locked

VARIABLE: Final = "BATON_TEST_CHROMIUM"
PROGRAMS: Final = (
    "chromium-headless-shell",  # has no windows to draw, which a small machine feels
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
)
PACKAGES: Final = ("chromium-headless-shell", "fonts-noto-core", "fonts-noto-mono")


class NoBrowser(Exception):
    """There is no Chromium, and none could be installed; the text says what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The tests of the pages need a Chromium: {reason}.\n"
            f"Install one (on Debian: apt-get install {' '.join(PACKAGES)}), or name its "
            f"executable in {VARIABLE}. `hatch run test-unit` runs the tests that need none."
        )


def chromium() -> Path:
    """The executable of a Chromium, installed now if there is none. Raises NoBrowser.

    Whoever asks while another process installs waits for that.
    """
    if named := os.environ.get(VARIABLE):
        if shutil.which(named) is None:
            raise NoBrowser(f"{VARIABLE} is {named!r}, which is no program")
        return Path(named)
    with locked("chromium"):
        found = _find()
        if found is None:
            try:
                install(*PACKAGES, reason="A browser for the tests of pages")
            except Unavailable as error:
                raise NoBrowser(str(error)) from None
            found = _find()
    if found is None:
        raise NoBrowser(f"the packages are installed, and none of {', '.join(PROGRAMS)} is there")
    return found


def _find() -> Path | None:
    return next((Path(path) for name in PROGRAMS if (path := shutil.which(name))), None)
