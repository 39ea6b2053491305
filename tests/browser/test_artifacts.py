"""Screenshots go where people find them."""

from pathlib import Path

import pytest

from browser.artifacts import artifact


def test_artefacts_are_kept_where_they_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_ARTIFACTS", str(tmp_path / "kept"))
    assert artifact("fleet page/dark.png") == tmp_path / "kept" / "fleet-page-dark.png"
    assert (tmp_path / "kept").is_dir()
    monkeypatch.delenv("BATON_ARTIFACTS")
    assert artifact("x").parent.name == "artifacts"
