"""The watching itself: a browser's complaints fail a test, axe finds what is wrong."""

from __future__ import annotations

import asyncio
import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from browser.axe import faults_of

if TYPE_CHECKING:
    from brokers.broker import Broker
    from browser.window import Faults, Windows

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEEDS_ONE = "test_axe_finds_what_is_wrong"
CSP = "default-src 'self'"
PAGE = '<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,">'


class Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", f"{CSP}; img-src 'self' data: http:")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Serves the files of ``tmp_path``."""
    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


SCRIPT = """
console.error('so bad');
console.warn('not good');
setTimeout(() => null.of);
const image = new Image();
image.src = 'http://foreign.invalid/x.png';
image.onerror = () => document.title = 'done';
"""
BODY = "<script>1</script><p style='color:red'>Red</p><img src='/none.png' alt=''>"


async def test_complaints(windows: Windows, site: str, tmp_path: Path) -> None:
    (tmp_path / "script.js").write_text(SCRIPT)
    (tmp_path / "index.html").write_text(
        f"{PAGE}<main>{BODY}</main><script src=script.js></script>"
    )
    page = await windows.open(site)
    await expect(page).to_have_title("done")
    with pytest.raises(AssertionError) as raised:
        windows.faults.check()
    windows.faults.found.clear()
    for fault in (
        "console error: so bad",
        "console warning: not good",
        "error: Cannot read properties of null",
        "inline script violates the following Content Security Policy",
        "inline style violates the following Content Security Policy",
        "a foreign host: http://foreign.invalid/x.png",
        "404 (File not found) (http://127.0.0.1:",
    ):
        assert fault in str(raised.value)


async def test_what_a_test_provokes_is_none(
    windows: Windows, faults: Faults, site: str, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(PAGE)
    page = await windows.open(site)
    with faults.expected("one", "two"):
        await page.evaluate("console.error('one'); console.error('two')")
    assert faults.found == []
    with faults.expected("one"):
        await page.evaluate("console.error('one'); console.error('two')")
    assert len(faults.found) == 1
    faults.found.clear()
    with pytest.raises(AssertionError, match="no fault like 'three'"), faults.expected("three"):
        await page.evaluate("1")


async def test_axe_finds_what_is_wrong(windows: Windows, site: str, tmp_path: Path) -> None:
    (tmp_path / "good.html").write_text(f"{PAGE}<main><h1>Good</h1><p>All is well.</p></main>")
    (tmp_path / "bad.html").write_text(f"{PAGE}<main><h1>Bad</h1><input><img src='data:,'></main>")
    page = await windows.open(f"{site}/good.html")
    assert await faults_of(page) == []
    await page.goto(f"{site}/bad.html")
    found = await faults_of(page)
    assert [line.split()[0] for line in found] == ["image-alt", "label"]


async def test_where_there_is_no_browser_what_to_do_is_said(
    rabbitmq: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_TEST_CHROMIUM", "/no/such/browser")
    monkeypatch.setenv("BATON_TEST_AMQP_URL", rabbitmq.url())
    monkeypatch.setenv("BATON_TEST_MANAGEMENT_URL", rabbitmq.management.url)
    test = f"{__file__}::{NEEDS_ONE}"
    ended = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            test,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "The tests of the pages need a Chromium" in ended.stdout
    assert "'/no/such/browser', which is no program" in ended.stdout
    assert "skipped" not in ended.stdout
