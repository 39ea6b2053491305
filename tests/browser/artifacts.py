"""Where tests leave screenshots for people to look at."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

VARIABLE: Final = "BATON_ARTIFACTS"
DEFAULT: Final = Path(__file__).parents[1] / "artifacts"


def artifact(name: str) -> Path:
    """The path of the artefact *name*, in a folder that is there."""
    folder = Path(os.environ.get(VARIABLE) or DEFAULT)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / re.sub(r"[^\w.-]+", "-", name)
