"""The extension is found, and everything that its description names is there."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from baton import Configuration
from baton.extension import find_extension, installed_extensions

import {{ cookiecutter.__package }}
from {{ cookiecutter.__package }}.api import {{ cookiecutter.__prefix }}API
from {{ cookiecutter.__package }}.extension import extension
from {{ cookiecutter.__package }}.monitor import {{ cookiecutter.__prefix }}Monitor
from {{ cookiecutter.__package }}.service import {{ cookiecutter.__prefix }}Service


def test_it_is_found_by_both_names() -> None:
    assert find_extension("{{ cookiecutter.__short }}") is extension
    assert find_extension("{{ cookiecutter.project_slug }}") is extension


def test_it_is_installed() -> None:
    name = "{{ cookiecutter.__short }}"
    (found,) = [each for each in installed_extensions() if each.entry_point == name]
    assert found.error is None
    assert found.distribution == extension.name
    assert found.version == {{ cookiecutter.__package }}.__version__


def test_its_parts_can_be_loaded() -> None:
    assert extension.load("service") is {{ cookiecutter.__prefix }}Service
    assert extension.load("api") is {{ cookiecutter.__prefix }}API
    assert extension.load("monitor") is {{ cookiecutter.__prefix }}Monitor


def test_its_commands_are_there() -> None:
    assert set(extension.commands) <= entry_points(group="baton.commands").names


def test_the_configuration_that_it_brings_is_right() -> None:
    path = Path(__file__).parents[1] / "deploy" / f"{extension.name}.cfg"
    assert Configuration.load(path, extension=extension.name).rabbit_user == "baton"
