"""The console script ``baton``.

Who asks for its help need not wait until click is imported, which takes four times as long as an
empty Python.
"""

from __future__ import annotations

import sys

from baton.cli.exit_codes import errors_as_exit_codes


def main() -> None:
    """The console script."""
    if sys.argv[1:] in (["--help"], ["-h"]) and _has_helped():
        return
    from baton.cli.group import baton  # noqa: PLC0415

    baton()


def _has_helped() -> bool:
    """Whether the help could be printed without click."""
    from baton.cli.root_help import page  # noqa: PLC0415

    with errors_as_exit_codes("baton"):
        text = page()
        if text is not None:
            print(text)  # noqa: T201
    return text is not None
