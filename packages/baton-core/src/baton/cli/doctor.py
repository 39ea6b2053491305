"""``baton doctor``: whether this server can do its work, and what to mend."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from baton.cli.exit_codes import DONE, NO
from baton.cli.options import broker_options
from baton.text import printable

if TYPE_CHECKING:
    from baton.doctor import Finding, Request

_MARKS: Final = {"ok": "✔", "warning": "!", "failed": "✖", "skipped": "-"}
_COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}
_INDENT: Final = 28


@click.command()
@click.argument("extensions", metavar="[EXTENSION]...", nargs=-1)
@broker_options("<extension>")
@click.option(
    "--management",
    metavar="URL",
    help="The broker's management plugin, which tells the time. [default: port 15672 of a host]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def doctor(
    extensions: tuple[str, ...],
    config: Path | None,
    url: str | None,
    management: str | None,
    as_json: bool,
) -> None:
    """Say whether this server can do its work, and what to mend.

    Looks at the configuration, this server, the EXTENSIONs (by default all that are installed),
    each host of the pool, and what a service does there. Run it as the service's user. In the
    folder of an extension's project it says, too, whether that is found and starts. Exits with 1
    if a check failed.
    """
    import asyncio  # noqa: PLC0415

    from baton.doctor import Request  # noqa: PLC0415

    request = Request(extensions, config, url, _checked(management), Path())
    findings = asyncio.run(_examine(request, quiet=as_json))
    numbers = Counter(finding.status.value for finding in findings)
    if as_json:
        click.echo(json.dumps(_document(findings), indent=2))
    else:
        _say(_summary(numbers))
    sys.exit(NO if numbers["failed"] else DONE)


async def _examine(request: Request, *, quiet: bool) -> list[Finding]:
    from baton.doctor import examine  # noqa: PLC0415

    findings = []
    async for finding in examine(request):
        findings.append(finding)
        if not quiet:
            _show(finding)
    return findings


def _checked(management: str | None) -> str | None:
    from urllib.parse import urlsplit  # noqa: PLC0415

    if management is None:
        return None
    try:
        parts = urlsplit(management)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # for a port that is none
        fits = False
    if not fits:
        raise click.BadParameter("http://host:port is allowed.", param_hint="--management")
    return management


def _show(finding: Finding) -> None:
    status = finding.status.value
    word = click.style(f"{_MARKS[status]} {status:<7}", fg=_COLOURS[status])
    subject = finding.host or finding.extension
    about = f"{subject}: " if subject else ""
    _say(f"{word}  {finding.name:<15}  {printable(about + finding.found)}")
    if finding.remedy:
        _say(f"{'':{_INDENT}}mend: {printable(finding.remedy)}")


def _summary(numbers: Counter[str]) -> str:
    if not numbers["failed"] and not numbers["warning"]:
        return "All is well."
    return f"{numbers['failed']} failed, {numbers['warning']} warned, {numbers['ok']} ok."


def _document(findings: list[Finding]) -> dict[str, object]:
    checks = [asdict(each) | {"remedy": each.remedy or None} for each in findings]
    return {"ok": all(each.status.value != "failed" for each in findings), "checks": checks}


def _say(line: str) -> None:
    """Print *line*, as far as the terminal's encoding has its characters."""
    encoding = sys.stdout.encoding or "utf-8"
    line = line.encode(encoding, "replace").decode(encoding)
    click.echo(line, color=False if "NO_COLOR" in os.environ else None)
