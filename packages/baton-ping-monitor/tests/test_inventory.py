"""The file that names the servers that should be there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from baton import ConfigurationError
from baton_ping_monitor.fleet.inventory import MOST_SERVERS, Inventory, read_inventory

YAML = """\
- fqdn: web01.example.org
  environment: production
  app_names: [shop]
- {fqdn: web02.example.org, environment: }
"""
JSON = """[
  {"fqdn": "web01.example.org", "environment": "production", "rack": [7]},
  {"fqdn": "web02.example.org", "environment": null},
  "web02.example.org"
]"""
NO_TOKEN = ", line 2: is not valid YAML: found character '@' that cannot start any token"
SERVERS = {"web01.example.org": "production", "web02.example.org": ""}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fleet", "# ours\nweb01.example.org  Production # the shop\n\nweb02.example.org\n"),
        ("fleet.txt", "\ufeffweb01.example.org production\r\nweb02.example.org\r\n"),
        ("fleet.yaml", YAML),
        ("fleet.yml", "- &a {fqdn: web01.example.org, environment: production}\n- *a\n" + YAML),
        ("fleet.json", JSON),
    ],
)
def test_servers_and_their_environments(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert read_inventory(path) == SERVERS


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("fleet", "", ": it names no server"),
        ("fleet", "# nobody\n", ": it names no server"),
        ("fleet", "a\nb c d\n", ", line 2: a name and an environment are allowed"),
        (
            "fleet",
            f"a\n{'x' * 161}\n",
            f', line 2: "{"x" * 39}…" should be 1 to 160 bytes of UTF-8 without control characters',
        ),
        ("fleet", "a b\na c\n", ', line 2: "a" stands there twice, in two environments'),
        ("fleet.yaml", "fqdn: a\n", ": it should be a list of servers"),
        ("fleet.yaml", "- a\n- [b]\n", ", line 2: a name and an environment should be texts"),
        ("fleet.yaml", "- a\n- {name: b}\n", ", line 2: a name and an environment should be texts"),
        ("fleet.yaml", "- a\n- b c\n", ', line 2: "b c" is no name of a server'),
        ("fleet.yaml", "- a\n- @\n", NO_TOKEN),
        ("fleet.yaml", "[" * 600, " is not valid YAML"),
        ("fleet.json", '{"a": 1}', ": it should be a list of servers"),
        ("fleet.json", '["a", 5]', ", entry 2: a name and an environment should be texts"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    name: str, text: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_inventory(path)
    assert str(caught.value) == f"The inventory {path}{says}"


@pytest.mark.parametrize("text", ["[", "[" * 100_000, '["a", NaN]'])
def test_what_is_no_json(text: str, tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"^The inventory .* is not valid JSON: "):
        read_inventory(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing, wrong, pipe = tmp_path / "missing", tmp_path / "wrong", tmp_path / "pipe"
    wrong.write_bytes(b"\xff")
    os.mkfifo(pipe)
    for path, says in (
        (missing, "No such file or directory"),
        (wrong, "it is not in UTF-8"),
        (pipe, "it is no regular file"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            read_inventory(path)
        assert str(caught.value) == f"The inventory {path} cannot be read: {says}"


def test_it_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "fleet"
    path.write_text("\n".join(f"s{number}" for number in range(MOST_SERVERS + 1)))
    with pytest.raises(ConfigurationError, match=r"it names more than 100,000 servers$"):
        read_inventory(path)
    path.write_bytes(b"#" * (16 * 1024 * 1024 + 1))
    with pytest.raises(ConfigurationError, match=r"it has more than 16,777,216 bytes$"):
        read_inventory(path)


def test_it_is_read_anew_when_it_was_changed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fleet"
    path.write_text("a\n")
    inventory = Inventory(path)
    assert inventory.servers == {"a": ""}
    assert not inventory.reread()
    path.write_text("a\nbb\n")
    assert inventory.reread()
    assert inventory.servers == {"a": "", "bb": ""}
    path.write_text("a\nb c d\n")
    assert not inventory.reread()
    assert not inventory.reread()
    assert [each.levelname for each in caplog.records if each.levelname != "INFO"] == ["ERROR"]
    assert "line 2" in caplog.text
    assert inventory.servers == {"a": "", "bb": ""}
    path.unlink()
    assert not inventory.reread()
    path.write_text("a\nbb\n# the same servers")
    assert not inventory.reread()
