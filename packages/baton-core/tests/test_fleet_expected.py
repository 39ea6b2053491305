"""Who has to answer: from files and from monitors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from baton.errors import ConfigurationError, MonitorUnavailable
from baton.fleet import expected, expected_from, read_expected

if TYPE_CHECKING:
    from conftest import Web


def names(path: Path) -> set[str]:
    found = read_expected(path).names
    assert found is not None
    return set(found)


@pytest.mark.parametrize(
    "content",
    [
        b"web01\nweb02\n",
        b"web01\nweb02",
        b"\r\nweb01\r\n  web02\t\r\n",
        b"\xef\xbb\xbfweb01\nweb02\nweb01\n",
        b"# ours\nweb01 # the first\n\n#\nweb02\n",
    ],
)
def test_one_name_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "names").write_bytes(content)
    assert names(tmp_path / "names") == {"web01", "web02"}


def run(**changes: Any) -> dict[str, Any]:
    return {
        "replies": [{"fqdn": "web01"}, {"fqdn": "web01"}, {"fqdn": ""}, {"fqdn": "ruby"}],
        "missing": {"count": 1, "names": ["web02"]},
        "originals": ["ruby"],
        "late": ["web03"],
        **changes,
    }


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf", b"\n \t"])
def test_the_document_of_another_run(tmp_path: Path, prefix: bytes) -> None:
    (tmp_path / "run.json").write_bytes(prefix + json.dumps(run()).encode())
    assert names(tmp_path / "run.json") == {"web01", "web02", "web03", "ruby"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"web01\nweb 02\n", "names, line 2: one name a line is allowed"),
        (b"web01\n\xff\n", "names, line 2 is not UTF-8"),
        (b"x" * 161, 'names, line 1: "x+…" should be 1 to 160 bytes'),
        (b"web\x1b01", 'names, line 1: "web�01" should be'),
        (b"", "names names no server"),
        (b"# nobody\n\n", "names names no server"),
        (b"{", "names is no document of a run: Expecting"),
        (b"[]", "names is no document of a run: it is no object"),
        (b"{}", 'names is no document of a run: "missing" is not there'),
        (json.dumps(run(replies=None)).encode(), '"replies" should be a list'),
        (json.dumps(run(late=["", "x" * 161])).encode(), "should be 1 to 160 bytes"),
        (
            json.dumps(run(replies=[], missing={"names": []}, originals=[], late=[])).encode(),
            "names names no server",
        ),
    ],
)
def test_what_is_no_list_of_names(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "names"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        read_expected(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/no/such/file", "No such file or directory"),
        (os.devnull, "it is no regular file"),
        ("/", "Is a directory"),
    ],
)
def test_what_is_no_file(path: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{path}: {complaint}"):
        read_expected(Path(path))


def test_a_file_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "LONGEST", 4)
    (tmp_path / "names").write_bytes(b"web01")
    with pytest.raises(ConfigurationError, match="it has more than 4 bytes"):
        read_expected(tmp_path / "names")


def test_a_monitor_tells_whom_it_knows(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    servers = [
        {"fqdn": "web01", "environment": "production"},
        {"fqdn": "web02", "environment": "staging"},
    ]
    web.serve("/api/servers", {"servers": servers})
    assert expected_from(web.url, "production").names == frozenset({"web01"})
    assert expected_from(web.url, ["production", "staging"]).count == 2
    with pytest.raises(ConfigurationError, match=f'{web.url} knows no server of "nowhere"'):
        expected_from(web.url, "nowhere")
    web.close()
    with pytest.raises(MonitorUnavailable, match="could not be reached"):
        expected_from(web.url, "production")
