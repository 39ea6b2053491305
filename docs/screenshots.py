"""Makes the pictures in docs/images anew, of the demo's dashboard: ``python docs/screenshots.py``.

Run it when the pages have changed. It needs a Chromium, as the tests of the pages do, and takes two
minutes: the demo's fleet needs some time to look like one.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

FOLDER: Final = Path(__file__).parent / "images"
LARGEST: Final = 150 * 1024
"""Bytes of a picture at most."""
WIDE: Final[ViewportSize] = {"width": 1280, "height": 800}
NARROW: Final[ViewportSize] = {"width": 390, "height": 844}
PATIENCE: Final = 120_000
ADDRESS: Final = re.compile(r"Dashboard: (http://\S+?)/?$")


def fleet(page: Page, url: str) -> None:
    """The fleet, when latencies have lines and somebody is missing."""
    page.goto(url)
    expect(page.locator(".foot")).to_contain_text(re.compile(r"\b[1-9]\d\d pings"))
    expect(page.locator(".notice-incident")).to_contain_text("web03.example.org is missing")


def server(page: Page, url: str) -> None:
    """A server, when its facts are known."""
    page.goto(f"{url}/servers/search04.example.org")
    expect(page.locator(".facts dl").first).to_be_visible()


def ping(page: Page, url: str) -> None:
    """A ping of production, when it is over."""
    page.goto(f"{url}/ping")
    page.get_by_label("Whom").fill("production")
    page.get_by_role("button", name="Ping", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ping production")


def incidents(page: Page, url: str) -> None:
    """Those that go on, and those before."""
    page.goto(f"{url}/incidents")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


@dataclass(frozen=True, slots=True)
class Picture:
    """A file, and how the page is brought to what it shows."""

    name: str
    prepare: Callable[[Page, str], None]
    size: ViewportSize
    is_dark: bool = False


PICTURES: Final = (
    Picture("fleet-light", fleet, WIDE),
    Picture("fleet-dark", fleet, WIDE, is_dark=True),
    Picture("narrow", fleet, NARROW),
    Picture("server", server, {"width": 1280, "height": 1000}),
    Picture("ping", ping, WIDE),
    Picture("incidents", incidents, WIDE),
)


@contextmanager
def demo() -> Iterator[str]:
    """The address of a demo's dashboard, which runs meanwhile."""
    program = Path(sys.executable).with_name("baton-ping-monitor")
    with subprocess.Popen([program, "--demo"], stdout=subprocess.PIPE, text=True) as process:
        lines = iter(process.stdout or ())
        found = next(filter(None, map(ADDRESS.match, lines)))
        reading = threading.Thread(target=deque, args=(lines, 0))  # what nobody reads stops it
        reading.start()
        try:
            yield found[1]
        finally:
            process.terminate()
            reading.join()


def small(png: bytes) -> bytes:
    """The picture with fewer colours: what is flat stays flat, and it takes a third."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    # The method that keeps rare colours: the dot of a state has few pixels.
    reduced = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    written = io.BytesIO()
    reduced.save(written, "PNG", optimize=True)
    return written.getvalue()


def main() -> None:
    """Make all of them."""
    FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell") or shutil.which("chromium")
        )
        for picture in PICTURES:
            page = browser.new_page(
                viewport=picture.size,
                color_scheme="dark" if picture.is_dark else "light",
                reduced_motion="reduce",
                locale="en-GB",
            )
            picture.prepare(page, url)
            content = small(page.screenshot())
            if len(content) > LARGEST:
                raise ValueError(f"{picture.name} takes {len(content)} bytes")
            (FOLDER / f"{picture.name}.png").write_bytes(content)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
