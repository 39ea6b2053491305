from __future__ import annotations

from pathlib import Path

import pytest

from bench import page
from bench.page import PAGE, NoMarkers, insert

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def test_a_page_gets_what_was_measured_between_its_markers() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert insert(text, "measured", "| new |") == f"before\n{BEGIN}\n| new |\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_page_without_markers_is_left_alone(text: str) -> None:
    with pytest.raises(NoMarkers, match="measured: begin"):
        insert(text, "measured", "| new |")


@pytest.mark.parametrize("part", ["measured", "growth", "pulse"])
def test_the_page_of_the_documentation_has_markers(part: str) -> None:
    assert "| new |" in insert(PAGE.read_text(), part, "| new |")


def test_the_page_keeps_the_small_kind_of_the_plots_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    plots = [tmp_path / name for name in ("rate.png", "rate.svg", "other.svg")]
    for each in plots:
        each.write_text(each.name)
    page.keep(plots, ["rate"])
    (kept,) = (tmp_path / page.IMAGES).iterdir()
    assert (kept.name, kept.read_text()) == ("rate.svg", "rate.svg")
    assert page.image("rate", "Rates") == "![Rates](images/performance/rate.svg)"
