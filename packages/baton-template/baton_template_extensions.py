"""What the template asks while cookiecutter renders it: the rules of ``baton_template``.

cookiecutter imports this from the template's own folder. In a checkout the package beside it need
not be installed; in a wheel this folder is a part of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

_SOURCE = Path(__file__).parent / "src"
if _SOURCE.is_dir():
    sys.path.insert(0, str(_SOURCE))

from baton_template.rendering import TemplateExtension  # noqa: E402

__all__ = ["TemplateExtension"]
