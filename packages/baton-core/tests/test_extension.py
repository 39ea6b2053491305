"""Descriptions of extensions, and finding the installed ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from baton.errors import ConfigurationError
from baton.extension import (
    Extension,
    InstalledExtension,
    find_extension,
    installed_extensions,
    require_extension,
)

Install = Callable[..., None]
Run = Callable[..., subprocess.CompletedProcess[str]]

DESCRIPTION = """\
from baton.extension import Extension
extension = Extension("baton-disk", summary="Looks after disks.", service="disk_parts:Service")
"""


@pytest.fixture
def disk(install: Install) -> None:
    """An installed extension, whose name and entry point differ."""
    install(
        "disk_extension",
        DESCRIPTION,
        {"baton.extensions": {"disk": "disk_extension:extension"}},
    )


def installed(entry_point: str) -> InstalledExtension:
    (found,) = [each for each in installed_extensions() if each.entry_point == entry_point]
    return found


def test_the_names_of_the_exchanges() -> None:
    extension = Extension("baton-disk-usage")
    assert extension.exchange == "baton_disk_usage_in"
    assert extension.exchange_out == "baton_disk_usage_out"


def test_a_description_is_frozen() -> None:
    extension = Extension("baton-disk")
    with pytest.raises(AttributeError):
        extension.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["", "x" * 65, "baton\ndisk"])
def test_a_name_of_which_nothing_can_be_made(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^The name of an extension .* 1 to 64 bytes"):
        Extension(name)


# Parts


def test_a_part_is_imported_when_it_is_asked_for(site: Path) -> None:
    (site / "disk_parts.py").write_text("class Service: pass\n")
    extension = Extension("baton-disk", service="disk_parts:Service")
    assert "disk_parts" not in sys.modules
    assert extension.load("service") is sys.modules["disk_parts"].Service


@pytest.mark.parametrize("part", ["service", "api", "monitor"])
def test_a_part_that_an_extension_does_not_have(part: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Extension("baton-disk").load(part)
    assert str(caught.value) == f"The extension baton-disk has no {part}"


@pytest.mark.parametrize(
    ("path", "source", "reason"),
    [
        ("no_such_module:Service", "", "No module named 'no_such_module'"),
        ("bad_parts:Service", "", "module 'bad_parts' has no attribute 'Service'"),
        ("bad_parts", "", "module 'bad_parts' has no attribute ''"),
        ("bad_parts:Service", "import no_such_module", "No module named 'no_such_module'"),
        ("bad_parts:Service", "1 / 0", "division by zero"),
        ("bad_parts:Service", "raise RuntimeError", "RuntimeError"),
        ("bad_parts:Service", "raise RuntimeError('a\\n  b')", "a b"),
        ("bad_parts:Service", "class", "invalid syntax (bad_parts.py, line 1)"),
    ],
)
def test_a_part_that_cannot_be_imported(site: Path, path: str, source: str, reason: str) -> None:
    (site / "bad_parts.py").write_text(source)
    with pytest.raises(ConfigurationError) as caught:
        Extension("baton-disk", service=path).load("service")
    assert str(caught.value) == (
        f"The service of the extension baton-disk, {path}, cannot be imported: {reason}"
    )
    assert caught.value.__cause__ is not None, "whoever wrote it wants the traceback"


# Installed extensions


@pytest.mark.usefixtures("disk")
def test_an_installed_extension() -> None:
    found = installed("disk")
    assert found.error is None
    assert found.extension is not None
    assert found.extension.summary == "Looks after disks."
    assert (found.distribution, found.version) == ("disk_extension", "1.2")


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("name", ["disk", "baton-disk"])
def test_an_extension_is_found_by_both_names(name: str) -> None:
    assert find_extension(name).service == "disk_parts:Service"


@pytest.mark.usefixtures("disk")
def test_an_extension_that_only_other_servers_have() -> None:
    assert find_extension("baton-other") == Extension("baton-other")


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("name", ["disk", "baton-disk"])
def test_an_extension_that_must_be_installed(name: str) -> None:
    assert require_extension(name).service == "disk_parts:Service"


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dsik", "dsik is not installed: did you mean disk?"),
        ("baton-dissk", "baton-dissk is not installed: did you mean baton-disk?"),
        ("nothere", "nothere is not installed: baton extensions lists those that are"),
        ("a\x1bb", "a\N{REPLACEMENT CHARACTER}b is not installed: baton extensions lists"),
    ],
)
def test_an_extension_that_is_not_installed(name: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        require_extension(name)
    assert str(caught.value).startswith(f"The extension {said}")


@pytest.mark.parametrize("name", ["bad", "baton-bad"])
def test_an_extension_that_is_broken(install: Install, name: str) -> None:
    install("bad_extension", "1 / 0", {"baton.extensions": {"bad": "bad_extension:extension"}})
    with pytest.raises(ConfigurationError) as caught:
        require_extension(name)
    assert str(caught.value) == (
        f"The extension {name} is broken: bad_extension:extension: division by zero"
    )


def test_extensions_come_in_order_of_their_names(install: Install) -> None:
    entries = dict.fromkeys(("zz", "aa", "mm"), "order_extension:extension")
    install("order_extension", DESCRIPTION, {"baton.extensions": entries})
    names = [each.entry_point for each in installed_extensions()]
    assert names == sorted(names)
    assert {"aa", "mm", "zz"} <= set(names)


@pytest.mark.parametrize(
    ("value", "source", "reason"),
    [
        ("no_such_module:extension", "", "No module named 'no_such_module'"),
        ("bad_extension:other", "", "module 'bad_extension' has no attribute 'other'"),
        ("bad_extension:extension", "1 / 0", "division by zero"),
        ("bad_extension:extension", "raise RuntimeError", "RuntimeError"),
        ("bad_extension:extension", "raise SystemExit('bye')", "bye"),
        ("bad_extension:extension", "def", "invalid syntax (bad_extension.py, line 1)"),
    ],
)
def test_a_broken_extension_is_reported(
    install: Install, value: str, source: str, reason: str
) -> None:
    install("bad_extension", source, {"baton.extensions": {"bad": value}})
    found = installed("bad")
    assert found.extension is None
    assert found.error == f"{value}: {reason}"
    assert (found.distribution, found.version) == ("bad_extension", "1.2")


@pytest.mark.parametrize(
    ("value", "kind"), [("odd_extension:extension", "dict"), ("odd_extension", "module")]
)
def test_an_entry_point_that_is_no_extension(install: Install, value: str, kind: str) -> None:
    install("odd_extension", "extension = {}", {"baton.extensions": {"odd": value}})
    assert installed("odd").error == f"{value} is no baton.Extension but a {kind}"


@pytest.mark.usefixtures("disk")
def test_a_broken_extension_hides_no_other(install: Install) -> None:
    install("bad_extension", "1 / 0", {"baton.extensions": {"bad": "bad_extension:extension"}})
    assert find_extension("disk").name == "baton-disk"
    assert find_extension("bad") == Extension("bad")


@pytest.mark.usefixtures("disk")
def test_listing_imports_nothing_heavy(run: Run) -> None:
    program = (
        "import sys; from baton.extension import installed_extensions; "
        "names = [each.entry_point for each in installed_extensions()]; "
        "print('disk' in names, sorted({'asyncio', 'aio_pika', 'pika', 'pydantic', 'yaml', "
        "'disk_parts'} & set(sys.modules)))"
    )
    listed = run("-c", program)
    assert (listed.stdout, listed.stderr) == ("True []\n", "")
