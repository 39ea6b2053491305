"""One target under atheris: ``python -m fuzz.worker TARGET ITSELF [OPTION...] [FOLDER...]``, where
ITSELF is what starts it, and the options are libFuzzer's."""

from __future__ import annotations

import logging
import sys

INSTRUMENTED = ("baton", "baton_ping", "baton_ping_monitor", "yaml", "pamqp", "starlette", "json")


def main() -> None:
    """Fuzz until the time is over, or something was found."""
    import atheris  # noqa: PLC0415  (it is in the environment `fuzz` alone)

    from fuzz.targets import load  # noqa: PLC0415

    logging.disable()
    name, sys.argv[0] = sys.argv.pop(1), sys.argv.pop(1)
    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        check = load(name)
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
