"""Where a template came from, as cruft keeps it: so ``cruft update`` can follow the template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Final

from baton_template import __version__
from baton_template.git import said_by_git
from baton_template.project import template_root

FOLDER: Final = "packages/baton-template"
"""Where the template stands in Baton's repository."""

RELEASE: Final = f"baton-template-v{__version__}"
"""The tag of the release that a wheel was built from."""


def cruft_state(cookiecutter: Mapping[str, Any]) -> str:
    """The content of ``.cruft.json`` for a project that is made of these answers.

    A checkout knows its repository and its commit. A wheel knows the tag of its release, and the
    repository if its metadata name one; else ``template`` is empty, and
    ``cruft update --template-path`` says where the repository is. cruft itself, which says no
    ``_repo_dir``, puts its own state in the place of this one; what it compares of two versions of
    the template must not differ by theirs.
    """
    if "_repo_dir" not in cookiecutter:
        return "{}"
    folder = Path(cookiecutter["_repo_dir"])
    if not folder.is_absolute():  # relative to where cookiecutter was run, which it has left by now
        folder = template_root()
    top = said_by_git("rev-parse", "--show-toplevel", folder=folder)
    commit = said_by_git("rev-parse", "HEAD", folder=folder)
    if top and commit and said_by_git("ls-files", "cookiecutter.json", folder=folder):
        given = _url(str(cookiecutter["_template"]))
        template = given or said_by_git("remote", "get-url", "origin", folder=folder) or top
        directory = folder.resolve().relative_to(Path(top).resolve()).as_posix()
    else:
        template, commit, directory = repository_of_release(), RELEASE, FOLDER
    private = ("_output_dir", "_repo_dir", "_checkout")
    answers = {key: value for key, value in cookiecutter.items() if key not in private}
    state = {
        "template": template,
        "commit": commit,
        "checkout": cookiecutter.get("_checkout"),
        "context": {"cookiecutter": {**answers, "_template": template}},
        "directory": None if directory == "." else directory,
    }
    return json.dumps(state, indent=2, ensure_ascii=False)


def repository_of_release() -> str:
    """The ``Repository`` of ``[project.urls]`` in what is installed; empty if none is named."""
    try:
        named = metadata("baton-template").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    urls: dict[str, str] = dict(each.split(", ", 1) for each in named)
    return urls.get("Repository", "")


def _url(template: str) -> str:
    """*template*, as cookiecutter was given it, if that is a URL which git takes; else empty."""
    from cookiecutter.config import BUILTIN_ABBREVIATIONS  # noqa: PLC0415
    from cookiecutter.repository import expand_abbreviations, is_repo_url  # noqa: PLC0415

    url: str = expand_abbreviations(template, BUILTIN_ABBREVIATIONS)
    return url.removeprefix("git+") if is_repo_url(url) else ""
