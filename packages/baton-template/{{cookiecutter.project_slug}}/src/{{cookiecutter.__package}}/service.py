"""The service: what runs on a server."""

from __future__ import annotations

from baton.service import Service

from {{ cookiecutter.__package }}.consumer import {{ cookiecutter.__prefix }}Consumer


class {{ cookiecutter.__prefix }}Service(Service):
    """Runs the consumers of {{ cookiecutter.project_slug }} on this server."""

    extension = "{{ cookiecutter.project_slug }}"

    def setup_consumers(self) -> None:
        """Add each consumer. Called once, before the service connects."""
        self.add_consumer({{ cookiecutter.__prefix }}Consumer(self.server.fqdn, self.server))
