"""Making a project: what the template would write, and writing it. Needs no network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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


def make_project(answers: Answers, parent: Path) -> Path:
    """Write a new project below *parent*, and return its folder.

    Raises Refused if that exists, or cannot be written. What was begun is removed then.
    """
    from cookiecutter.exceptions import OutputDirExistsException  # noqa: PLC0415
    from cookiecutter.generate import generate_files  # noqa: PLC0415

    folder = parent / answers.slug
    existing = Refused(f"{folder} exists: another name, or --output-dir, is allowed")
    if folder.exists() or folder.is_symlink():
        raise existing
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with _importable(template_root()):
            made = generate_files(
                repo_dir=str(template_root()),
                context=_context(answers, parent),
                output_dir=str(parent),
                accept_hooks=False,  # the answers were checked already
            )
    except OutputDirExistsException:
        raise existing from None
    except OSError as error:
        raise Refused(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    return Path(made)


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
