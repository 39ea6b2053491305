"""Making a project: what the template would write, and writing it. Needs no network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from baton_template.answers import Answers
from baton_template.naming import Refused

_TEMPLATE: Final = "{{cookiecutter.project_slug}}"


def template_root() -> Path:
    """The folder of ``cookiecutter.json``: a part of the wheel, or this package in a checkout."""
    installed = Path(__file__).parent / "template"
    return installed if installed.is_dir() else Path(__file__).parents[2]


def planned_files(answers: Answers) -> list[str]:
    """What :func:`make_project` would write, as paths below the folder of the project."""
    from cookiecutter.utils import create_env_with_context  # noqa: PLC0415

    root = template_root() / _TEMPLATE
    with _importable(template_root()):
        context = _context(answers, Path.cwd())
        render = create_env_with_context(context).from_string
        return sorted(
            render(path.relative_to(root).as_posix()).render(**context)
            for path in root.rglob("*")
            if path.is_file()
        )


def check_free(answers: Answers, parent: Path) -> Path:
    """The folder that :func:`make_project` would make; raises Refused if it exists."""
    folder = parent / answers.slug
    if folder.exists() or folder.is_symlink():
        raise Refused(f"{folder} exists: another name, or --output-dir, is allowed")
    return folder


def make_project(answers: Answers, parent: Path) -> Path:
    """Write a new project below *parent*, and return its folder.

    Raises Refused if that exists, or cannot be written. It is there as a whole or not at all.
    """
    from cookiecutter.generate import generate_files  # noqa: PLC0415

    folder = check_free(answers, parent)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with (
            TemporaryDirectory(prefix=".baton-new-", dir=parent) as begun,
            _importable(template_root()),
        ):
            made = generate_files(
                repo_dir=str(template_root()),
                context=_context(answers, parent),
                output_dir=begun,
                accept_hooks=False,  # the answers were checked already
            )
            return Path(made).rename(check_free(answers, parent))
    except OSError as error:
        raise Refused(f"{folder} cannot be written: {error.strerror}") from None


def _context(answers: Answers, parent: Path) -> dict[str, Any]:
    """What the template's files are rendered with: as cookiecutter itself makes it."""
    from cookiecutter.generate import generate_context  # noqa: PLC0415
    from cookiecutter.prompt import prompt_for_config  # noqa: PLC0415

    root = template_root()
    given = {
        "name": answers.name,
        "project_slug": answers.slug,
        "summary": answers.summary,
        "author": answers.author,
        "email": answers.email,
        "license": answers.license,
    }
    context = generate_context(str(root / "cookiecutter.json"), extra_context=given)
    rendered = dict(prompt_for_config(context, no_input=True))
    more = {
        "_template": str(root),
        "_output_dir": str(parent.absolute()),
        "_repo_dir": str(root),
        "_checkout": None,
    }
    return {"cookiecutter": rendered | more}


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The template's Jinja extension is imported from its own folder."""
    path = sys.path[:]
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path[:] = path
