"""Tries many more examples than ``hatch run test`` does, other ones each time:

python -m properties [--seed N] [pytest's options]
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run pytest, and say how to run it again."""
    options = [word for word in sys.argv[1:] if word != "--"]
    if options[:1] == ["--seed"]:
        seed, options = options[1], options[2:]
    else:
        seed = str(secrets.randbelow(10**9))
    print(f"The seed is {seed}: hatch run properties --seed {seed}", flush=True)
    command = ["pytest", str(HERE), f"--hypothesis-seed={seed}", *options]
    code = subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        cwd=HERE.parent.parent,
        env={**os.environ, "BATON_PROPERTIES": "thorough"},
    ).returncode
    print(f"The seed was {seed}")
    return code


if __name__ == "__main__":
    sys.exit(main())
