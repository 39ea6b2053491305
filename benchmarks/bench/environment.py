"""An environment that has Baton alone, and what it needs.

A command of Baton looks through all that is installed for extensions: with all the peers there, and
the tools of its developers, that takes longer than where people run it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOTS = ("baton-core", "baton-ping")
NAME = re.compile(r"[A-Za-z0-9._-]+")


def needed(roots: tuple[str, ...] = ROOTS) -> dict[str, Distribution]:
    """The distributions that *roots* need, by name, themselves among them."""
    found: dict[str, Distribution] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # of another system, or another Python
            continue
        for line in found[name].requires or ():
            required = NAME.match(line)
            if required is not None and "extra ==" not in line:
                waiting.append(required[0])
    return found


@contextmanager
def baton_alone() -> Iterator[Path]:
    """The folder of executables of such an environment, removed with the block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", name], check=True)
        base = {"base": name, "platbase": name}
        scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
        packages = Path(sysconfig.get_path("purelib", scheme, base))
        for each in needed().values():
            source = Path(str(each.locate_file("")))
            for top in {file.parts[0] for file in each.files or ()}:
                if top not in ("..", "__pycache__") and not (packages / top).exists():
                    (packages / top).symlink_to(source / top)
        script = folder / "bin" / "baton"
        script.write_text(
            f"#!{folder / 'bin' / 'python'}\n"
            "import sys\nfrom baton.cli.main import main\nsys.exit(main())\n"
        )
        script.chmod(0o755)
        yield script.parent
