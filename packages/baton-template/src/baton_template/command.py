"""``baton new``: a new extension."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from baton.cli.exit_codes import INTERRUPTED, WRONG_USE
from baton.cli.options import FilePath

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from baton_template.answers import Answers


@click.command()
@click.argument("name")
@click.option("--summary", metavar="TEXT", help="What it does, in one sentence.")
@click.option("--author", metavar="NAME", help="Who writes it. [default: git's user.name]")
@click.option("--email", metavar="ADDRESS", help="Their address. [default: git's user.email]")
@click.option(
    "--license",
    "license_name",
    metavar="ID",
    help="MIT, BSD-3-Clause, Apache-2.0 or Proprietary. [default: MIT]",
)
@click.option(
    "-o",
    "--output-dir",
    type=FilePath(),
    default=".",
    help="Where its folder is made. [default: here]",
)
@click.option("--no-input", is_flag=True, help="Ask nothing, and take the defaults.")
@click.option("--list", "only_list", is_flag=True, help="Write nothing; list what would be.")
def new(
    name: str,
    summary: str | None,
    author: str | None,
    email: str | None,
    license_name: str | None,
    output_dir: Path,
    no_input: bool,
    only_list: bool,
) -> None:
    """Make a new extension, in a folder baton-NAME that must not exist.

    NAME is what it is called: "My Deploy" makes baton-my-deploy, imported as baton_my_deploy.
    Asks for what no option says. It is complete: it works, has tests, and can be released.
    """
    from baton_template.answers import Answers  # noqa: PLC0415
    from baton_template.naming import Refused  # noqa: PLC0415
    from baton_template.project import check_free, make_project, planned_files  # noqa: PLC0415

    given = {"summary": summary, "author": author, "email": email, "license": license_name}
    try:
        # What is wrong is said before anything is asked.
        known = Answers(name, **{key: value for key, value in given.items() if value is not None})
        if not only_list:
            check_free(known, output_dir)
        answers = _answers(name, given, ask=not (no_input or only_list))
        if only_list:
            for path in planned_files(answers):
                click.echo(f"{answers.slug}/{path}")
            return
        folder = make_project(answers, output_dir)
    except Refused as error:
        click.echo(f"baton: {error}", err=True)
        sys.exit(WRONG_USE)
    except click.Abort as abort:
        click.echo(err=True)
        if isinstance(abort.__context__, EOFError):
            click.echo("baton: Nobody answers: --no-input takes the defaults", err=True)
            sys.exit(WRONG_USE)
        sys.exit(INTERRUPTED)
    _say_what_next(folder if output_dir.is_absolute() else output_dir / answers.slug)


def _answers(name: str, given: dict[str, str | None], *, ask: bool) -> Answers:
    """What was *given*, what a person says, or the defaults."""
    from baton_template.answers import (  # noqa: PLC0415
        LICENSES,
        SUMMARY,
        Answers,
        default_author,
        default_email,
    )

    questions: dict[str, tuple[str, Callable[[], str]]] = {
        "summary": ("What does it do, in one sentence", lambda: SUMMARY),
        "author": ("Who writes it", default_author),
        "email": ("Your address (may be empty)", default_email),
        "license": (f"Under which license ({', '.join(LICENSES)})", lambda: LICENSES[0]),
    }
    said = {}
    for key, (question, default) in questions.items():
        answer = given[key]
        if answer is None:
            answer = default()
            if ask:
                check = _check(name, key)
                answer = click.prompt(question, default=answer, value_proc=check)
        said[key] = answer
    return Answers(name, **said)


def _check(name: str, key: str) -> Callable[[str], str]:
    """What says that an answer is wrong, so that it is asked for again."""
    from baton_template.answers import Answers  # noqa: PLC0415
    from baton_template.naming import Refused  # noqa: PLC0415

    def check(answer: str) -> str:
        try:
            Answers(name, **{key: answer})
        except Refused as reason:
            raise click.UsageError(f"{reason}.") from None
        return answer

    return check


def _say_what_next(folder: Path) -> None:
    import shlex  # noqa: PLC0415

    click.echo(f"{folder} is made. Try it:\n")
    click.echo(f"  cd {shlex.quote(str(folder))}")
    click.echo("  python3 -m venv .venv && . .venv/bin/activate")
    click.echo("  pip install -e '.[dev]'")
    click.echo("  pytest")
