"""The page of the documentation that tells what was measured, each part between two markers."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "performance.md"
IMAGES: Final = "images/performance"
"""The plots that the page shows, beside it."""


class NoMarkers(Exception):
    """A page that has no place for what was measured."""


def insert(page: str, part: str, text: str) -> str:
    """*page* with *text* between the markers of *part*; raises NoMarkers."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise NoMarkers(f'The page has no "{begin}" and "{end}", one after the other')
    return f"{before}{begin}\n{text}\n{end}{after}"


def write(part: str, text: str) -> None:
    """Into docs/performance.md; raises NoMarkers."""
    PAGE.write_text(insert(PAGE.read_text(), part, text))


def keep(plots: Iterable[Path], names: Iterable[str]) -> None:
    """Those of *plots* that the page shows, beside it: the SVG, which is small and sharp."""
    folder = PAGE.parent / IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(names)
    for plot in plots:
        if plot.suffix == ".svg" and plot.stem in wanted:
            shutil.copyfile(plot, folder / plot.name)


def image(name: str, what: str) -> str:
    """The line of the page that shows a plot; *what* is for those who do not see it."""
    return f"![{what}]({IMAGES}/{name}.svg)"
