"""The real nginx serves; what is wrong with its configuration is said."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from browser.nginx import NoNginx, in_front, nginx


def test_it_answers_as_its_locations_say(nginx_executable: Path, tmp_path: Path) -> None:
    with (
        in_front(nginx_executable, tmp_path, "location = /it { return 200 'works'; }") as url,
        urllib.request.urlopen(f"{url}/it") as response,
    ):
        assert response.read() == b"works"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/it")


def test_a_wrong_configuration_is_told(nginx_executable: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(NoNginx, match='unknown directive "no"'),
        in_front(nginx_executable, tmp_path, "no such directive;"),
    ):
        pass


def test_where_none_can_be_had_what_to_do_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/no/such/folder")
    monkeypatch.setattr("browser.nginx.PLACES", "/no/such/folder")
    with pytest.raises(NoNginx, match="apt-get install nginx"):
        nginx(tmp_path)
