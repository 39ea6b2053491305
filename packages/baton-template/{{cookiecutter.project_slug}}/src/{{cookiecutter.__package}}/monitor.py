"""The monitor: what reads the answers of all servers."""

from __future__ import annotations

import logging

from baton.message import Message
from baton.monitor import Monitor
from baton.text import printable

from {{ cookiecutter.__package }}.messages import Measured
from {{ cookiecutter.__package }}.text import contents

logger = logging.getLogger(__name__)


class {{ cookiecutter.__prefix }}Monitor(Monitor):
    """Logs how much each folder holds, and everything else as it came."""

    extension = "{{ cookiecutter.project_slug }}"

    def process_message(self, message: Message) -> None:
        """Called for each output. It may come again, with the same ``message_id``."""
        if message.type != Measured.TYPE:
            super().process_message(message)
            return
        found = Measured.from_message(message)
        line = f"{message.get('fqdn')} {found.path}: {contents(found)}"
        logger.info("%s", printable(line), extra={"baton_output": dict(message)})
