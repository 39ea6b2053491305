"""How patient tests are that say how long something takes: ``BATON_TEST_PATIENCE`` times as much as
they would be on a machine that has nothing else to do."""

from __future__ import annotations

import os
from typing import Final

PATIENCE: Final = float(os.environ.get("BATON_TEST_PATIENCE", "1"))
