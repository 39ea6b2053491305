"""The style sheets and templates: contrast, and nothing that the browser would refuse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from baton_ping_monitor import web
from baton_ping_monitor.fleet.view import State
from baton_ping_monitor.web.listing import slug

FOLDER = Path(web.__file__).parent
BASE = (FOLDER / "static/base.css").read_text()
STYLE = BASE + (FOLDER / "static/pages.css").read_text()
TEMPLATES = sorted((FOLDER / "templates").iterdir())
SCRIPTS = sorted((FOLDER / "static").glob("*.js"))
STATES = [slug(state) for state in State]

TEXT = [
    *[(text, on) for text in ("text", "muted", "accent") for on in ("bg", "surface", "sunken")],
    *[(state, on) for state in STATES for on in ("bg", "surface", "sunken")],
    ("on-accent", "accent"),
    ("accent", "accent-soft"),
    ("surface", "missing"),
    *[("text", f"{soft}-soft") for soft in ("up", "late", "missing")],
    *[("muted", f"{soft}-soft") for soft in ("late", "missing")],
    ("missing", "missing-soft"),
    ("late", "late-soft"),
]
"""Text, and what it is on."""
SHAPES = [
    *[(f"{state}-fill", on) for state in STATES for on in ("surface", "bg")],
    ("line-strong", "surface"),
    ("line-strong", "bg"),
    ("accent", "bg"),
]
"""Shapes that tell something, borders of controls, and the mark of the focus."""


def tokens(scheme: str) -> dict[str, str]:
    light, _, dark = BASE.partition("@media (prefers-color-scheme: dark)")
    pattern = r"--([\w-]+): (#[0-9a-f]{6});"
    found = dict(re.findall(pattern, light))
    if scheme == "dark":
        found |= dict(re.findall(pattern, dark))
    return found


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_how_contrast_is_counted() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "on"), TEXT)
def test_text_can_be_read(scheme: str, text: str, on: str) -> None:
    found = tokens(scheme)
    assert contrast(found[text], found[on]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("shape", "on"), SHAPES)
def test_shapes_can_be_seen(scheme: str, shape: str, on: str) -> None:
    found = tokens(scheme)
    assert contrast(found[shape], found[on]) >= 3


def test_both_schemes_define_each_colour() -> None:
    light, _, dark = BASE.partition("@media (prefers-color-scheme: dark)")
    pattern = r"--([\w-]+): #"
    assert set(re.findall(pattern, light)) == set(re.findall(pattern, dark))


def test_every_state_has_a_colour_and_a_shape() -> None:
    symbols = (FOLDER / "templates/symbols.svg").read_text()
    for state in STATES:
        assert f".state-{state} {{" in STYLE
        assert f".fill-{state} {{" in STYLE
        assert f'<symbol id="state-{state}"' in symbols


def test_names_of_tokens_exist() -> None:
    defined = set(re.findall(r"(--[\w-]+):", BASE))
    assert set(re.findall(r"var\((--[\w-]+)\)", STYLE)) <= defined
    colours = re.sub(r":root \{.*?\n  ?\}", "", STYLE, flags=re.DOTALL)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b", colours.partition("*, *::before")[2])


def test_nothing_comes_from_elsewhere() -> None:
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    for path in [*TEMPLATES, *SCRIPTS]:
        assert "//" not in re.sub(r"(^|\s)// .*", "", path.read_text()), path.name


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_inline_script_or_style(path: Path) -> None:
    text = path.read_text()
    assert not re.findall(r"<script(?![^>]* src=)", text)
    assert "<style" not in text
    assert not re.findall(r"\sstyle=", text)
    assert not re.findall(r"\son[a-z]+=", text)
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_put_no_text_into_a_page_as_markup(path: Path) -> None:
    text = path.read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write"):
        assert word not in text
