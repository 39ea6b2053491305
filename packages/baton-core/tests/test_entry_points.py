"""The entry points of what is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import pytest

from baton.entry_points import entry_points

Install = Callable[..., None]
Run = Callable[..., subprocess.CompletedProcess[str]]

GROUP = "baton.test"


def write(folder: Path, name: str, text: str, ending: str = "-1.2.dist-info") -> None:
    """A distribution *name* in *folder*, whose ``entry_points.txt`` is *text*."""
    info = folder / f"{name}{ending}"
    info.mkdir(parents=True)
    header = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n"
    (info / "METADATA").write_text(header)
    (info / "PKG-INFO").write_text(header)
    (info / "entry_points.txt").write_text(text)


def found(group: str = GROUP) -> list[tuple[str, str]]:
    return [(entry.name, entry.value) for entry in entry_points(group)]


def known(group: str = GROUP) -> list[tuple[str, str]]:
    """What the standard library finds."""
    return [(entry.name, entry.value) for entry in metadata.entry_points(group=group)]


@pytest.mark.parametrize("group", ["console_scripts", "pytest11", "baton.extensions"])
def test_they_are_those_that_the_standard_library_finds(group: str) -> None:
    assert sorted(found(group)) == sorted(known(group)) != []


def test_none() -> None:
    assert entry_points("baton.unheard-of") == []


def test_the_file_is_read_as_the_standard_library_reads_it(site: Path) -> None:
    write(
        site,
        "odd",
        "stray = a:b\n"
        "[other]\nx = not:this\n"
        f"  [{GROUP}]  \n\n# one = not:this\n one=a.b:C.d [extra, more] \r\ntwo  =  a\n"
        "[other]\ny = not:this\n"
        f"[{GROUP}]\nthree = a = b\n",
    )
    expected = [("one", "a.b:C.d [extra, more]"), ("two", "a"), ("three", "a = b")]
    assert found() == expected == known()


def test_one_by_its_name(site: Path) -> None:
    write(site, "disk", f"[{GROUP}]\none = a:b\ntwo = c:d\n")
    assert [entry.value for entry in entry_points(GROUP, "two")] == ["c:d"]
    assert entry_points(GROUP, "three") == []


@pytest.mark.parametrize("other", ["disk_usage", "Disk_Usage", "disk.usage"])
def test_of_a_distribution_that_is_there_twice_the_first(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    write(site, "disk_usage", f"[{GROUP}]\none = first:a\n")
    write(tmp_path / "later", other, f"[{GROUP}]\none = second:a\ntwo = second:b\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "later"), str(site)])
    assert found() == [("one", "first:a")] == known()


def test_folders_that_an_older_tool_made(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(site, "older", f"[{GROUP}]\nolder = a:b\n", ".egg-info")
    write(site / "egg-1.2-py3.11.egg", "EGG-INFO", f"[{GROUP}]\negg = a:b\n", "")
    monkeypatch.syspath_prepend(str(site / "egg-1.2-py3.11.egg"))
    assert sorted(found()) == sorted(known()) == [("egg", "a:b"), ("older", "a:b")]


def test_a_zip_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "source", "packed", f"[{GROUP}]\npacked = a:b\n")
    path = tmp_path / "packed.whl"
    with zipfile.ZipFile(path, "w") as file:
        for each in (tmp_path / "source").rglob("*"):
            file.write(each, each.relative_to(tmp_path / "source"))
    monkeypatch.syspath_prepend(str(path))
    assert found() == [("packed", "a:b")] == known()
    (entry,) = entry_points(GROUP)
    assert (entry.distribution.name, entry.distribution.version) == ("packed", "1.2")


def test_an_importer_of_somebody_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "hidden", "hidden", f"[{GROUP}]\nhidden = a:b\n")

    class Importer(metadata.DistributionFinder):
        def find_distributions(
            self, context: metadata.DistributionFinder.Context | None = None
        ) -> Iterable[metadata.Distribution]:
            return [metadata.Distribution.at(tmp_path / "hidden" / "hidden-1.2.dist-info")]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Importer()])
    assert found() == [("hidden", "a:b")]
    assert ("baton", "baton.testing.plugin") in found("pytest11")


def test_what_cannot_be_read_has_none(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(site, "disk", f"[{GROUP}]\none = a:b\n")
    (site / "empty-1.dist-info").mkdir()
    (site / "strange-1.dist-info" / "entry_points.txt").mkdir(parents=True)
    (site / "latin-1.dist-info").mkdir()
    (site / "latin-1.dist-info" / "entry_points.txt").write_bytes(b"[other]\nh\xe9 = a:b\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site / "gone"), "\0"])
    assert found() == [("one", "a:b")]


def test_an_empty_path_is_this_folder(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(site, "disk", f"[{GROUP}]\none = a:b\n")
    monkeypatch.setattr(sys, "path", [""])
    monkeypatch.chdir(site)
    assert found() == [("one", "a:b")]


@pytest.mark.parametrize(
    ("value", "loaded"),
    [
        ("os.path:join", os.path.join),
        ("os", os),
        ("os:path.join", os.path.join),
        (" os.path : join [extra]", os.path.join),
    ],
)
def test_what_it_means_is_imported(site: Path, value: str, loaded: object) -> None:
    write(site, "disk", f"[{GROUP}]\none = {value}\n")
    (entry,) = entry_points(GROUP)
    assert entry.load() is loaded


@pytest.mark.parametrize("value", ["", ":join", "no_such_module", "os:no_such_name", "os path"])
def test_what_means_nothing(site: Path, value: str) -> None:
    write(site, "disk", f"[{GROUP}]\none = {value}\n")
    (entry,) = entry_points(GROUP)
    with pytest.raises((ImportError, AttributeError, ValueError)):
        entry.load()


def test_who_offers_it(install: Install) -> None:
    install("disk", "", {GROUP: {"one": "disk"}})
    (entry,) = entry_points(GROUP)
    assert (entry.distribution.name, entry.distribution.version) == ("disk", "1.2")


def test_the_standard_library_s_way_is_not_imported(run: Run) -> None:
    program = (
        "import sys; from baton.entry_points import entry_points; "
        "print(bool(entry_points('baton.extensions')), 'importlib.metadata' in sys.modules)"
    )
    ran = run("-c", program)
    assert (ran.stdout, ran.stderr) == ("True False\n", "")
