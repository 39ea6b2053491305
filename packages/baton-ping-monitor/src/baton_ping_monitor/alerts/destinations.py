"""Where alerts go: what Apprise makes of a URL, and what people are shown of it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from baton.errors import ConfigurationError
from baton.text import excerpt

if TYPE_CHECKING:
    from baton_ping_monitor.alerts.wording import Alert

_PLAIN: Final = ("json", "xml", "form", "apprise")
"""Of their URLs, Apprise does not know which parts of the path are secret."""


class Destination:
    """One URL of Apprise.

    ``name`` is what people are shown: the URL without its secrets.
    """

    def __init__(self, plugin: Any, asset: Any) -> None:
        from apprise import Apprise  # noqa: PLC0415

        self._apprise = Apprise(asset=asset)
        self._apprise.add(plugin)
        self.name = _shown(plugin.url(privacy=True))

    def send(self, alert: Alert) -> str:
        """Send *alert*; returns what went wrong, or ``""``. Blocks for as long as it takes."""
        try:
            result = self._apprise.notify(
                body=alert.text,
                title=alert.title,
                notify_type=alert.tone.value,
                body_format="text",
            )
        except Exception as error:  # noqa: BLE001  (somebody's plugin)
            return excerpt(type(error).__name__)
        if result:
            return ""
        words = dict.fromkeys(" ".join(entry.message.split()) for entry in result.logs())
        return excerpt("; ".join(words)) or "it was not accepted"


def make_destinations(urls: Sequence[str]) -> list[Destination]:
    """A destination for each of *urls*. Raises ConfigurationError for one that Apprise does not
    take; its text has no more than the scheme, since the rest may be secret."""
    if not urls:
        return []
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415

    asset = AppriseAsset(storage_mode="memory", secure_logging=True)
    asset.app_id = "Baton"
    asset.app_desc = "baton-ping-monitor"
    asset.app_url = ""
    asset.async_mode = False
    destinations = []
    # What went wrong is told by whoever sends. These say it with every try, and what they say for
    # debugging has the URLs' secrets.
    logging.getLogger("apprise").propagate = False
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    for number, url in enumerate(urls, start=1):
        with warnings.catch_warnings():
            # The first one imports all that Apprise has, and with it what Python deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            plugin = Apprise.instantiate(url, asset=asset)
        if plugin is None:
            scheme = excerpt(url.partition("://")[0], 20)
            raise ConfigurationError(
                f"ALERTS: number {number} of {len(urls)} ({scheme}://…) is no URL that Apprise "
                "takes: https://github.com/caronc/apprise/wiki lists them"
            )
        destinations.append(Destination(plugin, asset))
    return destinations


def _shown(url: str) -> str:
    """*url*, which Apprise has masked, without what else may be secret."""
    url = url.partition("?")[0]
    scheme, _, rest = url.partition("://")
    if scheme.rstrip("s") in _PLAIN:
        host, slash, path = rest.partition("/")
        rest = f"{host}/…" if slash and path else host
    return excerpt(unquote(f"{scheme}://{rest.rstrip('/')}"), 100)
