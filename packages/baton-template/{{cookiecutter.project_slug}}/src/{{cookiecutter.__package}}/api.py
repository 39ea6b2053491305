"""The API: what other programs call."""

from __future__ import annotations

from baton.api import API

from {{ cookiecutter.__package }}.messages import Measure


class {{ cookiecutter.__prefix }}API(API):
    """Publishes the commands of {{ cookiecutter.project_slug }}. Make one and keep it."""

    extension = "{{ cookiecutter.project_slug }}"

    def measure(self, target: str, path: str) -> str:
        """Ask the servers of *target* how much the folder *path* holds. Returns the message id.

        Raises InvalidMessage for a path that is not absolute, and what publishing does: Unroutable,
        PublishTimeout, BrokerUnavailable.
        """
        return self.publish(Measure(path).to_message(), target)
