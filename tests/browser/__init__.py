"""A real browser for tests of pages: headless Chromium, driven by Playwright.

The fixtures are in ``integration/browser/conftest.py``.
"""

from browser.chromium import NoBrowser, chromium

__all__ = ["NoBrowser", "chromium"]
