from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.results import Results, WrongResults


def results() -> Results:
    found = Results.begin(rounds=3, quick=True)
    for rate in (100.0, 300.0, 200.0):
        found.add("rate_least", "Baton", rate)
    found.add("rate_least", "FastStream", 50.0)
    found.add("p50_least", "Baton", 700.0)
    found.add("p50_least", "FastStream", 1400.0)
    return found


def test_the_median_is_that_of_the_samples() -> None:
    assert results().median("rate_least", "Baton") == 200
    assert results().median("rate_least", "nobody") is None
    assert results().median("rate_once", "Baton") is None


def test_a_ratio_is_one_of_medians() -> None:
    assert results().ratio("rate_least", "Baton", "FastStream") == 4
    assert results().ratio("rate_least", "Baton", "nobody") is None


def test_a_ratio_may_be_over_another_figure() -> None:
    assert results().ratio("rate_least", "Baton", "Baton", over="p50_least") == 200 / 700


def test_nothing_is_divided_by_nothing() -> None:
    found = results()
    found.add("rate_least", "still", 0)
    assert found.ratio("rate_least", "Baton", "still") is None


@pytest.mark.parametrize(
    ("figure", "best"),
    [("rate_least", ["Baton", "FastStream"]), ("p50_least", ["Baton", "FastStream"])],
)
def test_the_best_comes_first(figure: str, best: list[str]) -> None:
    assert list(results().medians(figure)) == best


def test_an_unknown_figure_is_refused() -> None:
    with pytest.raises(KeyError):
        results().add("speed", "Baton", 1)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = results()
    found.missing["nameko"] = "the package nameko is not installed"
    found.write(tmp_path / "results" / "latest.json")
    assert Results.read(tmp_path / "results" / "latest.json") == found


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(
        WrongResults, match=r"latest\.json: there is no such file; `hatch run bench`"
    ):
        Results.read(tmp_path / "latest.json")


def document(**other: object) -> str:
    return json.dumps({**results().document(), **other})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting property name"),
        ("[]", "not results of format 1"),
        (document(format=2), "not results of format 1"),
        (document(samples=[]), "have to be objects"),
        (document(about="now"), "have to be objects"),
        (document(samples={"speed": {}}), "'speed' is no figure"),
        (document(samples={"ready": {"Baton": ["1"]}}), "ready, Baton: '1' is no sample"),
        (document(samples={"ready": {"Baton": [True]}}), "ready, Baton: True is no sample"),
        (document(samples={"ready": {"Baton": [-1]}}), "ready, Baton: -1 is no sample"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "latest.json"
    path.write_text(text)
    with pytest.raises(WrongResults, match=message):
        Results.read(path)
