"""Where a template came from, as cruft keeps it: so ``cruft update`` can follow the template."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from baton_template import __version__

FOLDER: Final = "packages/baton-template"
"""Where the template stands in Baton's repository."""

RELEASE: Final = f"baton-template-v{__version__}"
"""The tag of the release that a wheel was built from."""


def cruft_state(cookiecutter: Mapping[str, Any]) -> str:
    """The content of ``.cruft.json`` for a project that is made of these answers.

    A checkout knows its repository and its commit. A wheel knows the tag of its release alone:
    then ``template`` is empty, and ``cruft update --template-path`` says where the repository is.
    cruft itself, which says no ``_repo_dir``, puts its own state in the place of this one; what it
    compares of two versions of the template must not differ by theirs.
    """
    if "_repo_dir" not in cookiecutter:
        return "{}"
    folder, given = Path(cookiecutter["_repo_dir"]), str(cookiecutter["_template"])
    top = _git(folder, "rev-parse", "--show-toplevel")
    commit = _git(folder, "rev-parse", "HEAD")
    in_checkout = bool(top and commit) and _git(folder, "ls-files", "cookiecutter.json") != ""
    if in_checkout:
        template = _git(folder, "remote", "get-url", "origin") or top
        if not Path(given).exists():
            template = given
        directory = folder.resolve().relative_to(Path(top).resolve()).as_posix()
    else:
        template, commit, directory = "", RELEASE, FOLDER
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


def _git(folder: Path, *arguments: str) -> str:
    """What git says in *folder*; empty where it says nothing, or is not there."""
    try:
        said = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
