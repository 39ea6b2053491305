"""The hosts of a pool in turn, and how long to wait between two rounds."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from baton.backoff import Backoff
from baton.broker_url import Endpoint


class Hosts:
    """Which host to try next, when, and why the others could not be reached.

    It starts anywhere, so that many clients spread over the pool. The hosts of one round follow
    each other at once; between two rounds there is a pause with full jitter, so that the clients
    of a broker that comes back do not all come at once. *longest* is in seconds.
    """

    def __init__(self, endpoints: Sequence[Endpoint], longest: float) -> None:
        self._endpoints = tuple(endpoints)
        self._longest = longest
        self._backoff = Backoff(longest)
        self._at = random.randrange(len(self._endpoints))
        self._tried = 0
        self._reasons: dict[Endpoint, str] = {}
        self.not_before = 0.0
        """On the monotonic clock: the next attempt is not made before."""

    @property
    def next(self) -> Endpoint:
        """The one to try next."""
        return self._endpoints[self._at]

    def failed(self, reason: str) -> bool:
        """It could not be reached. Whether that was the last one of a round."""
        self._pass(reason)
        self._tried += 1
        if self._tried < len(self._endpoints):
            return False
        self._pause(self._backoff.next())
        return True

    def lost(self, reason: str) -> None:
        """It was reached, and lost: a new round begins after a pause."""
        self._pass(reason)
        self._pause(self._backoff.next())

    def refused(self, reason: str) -> None:
        """It refused us, as the others would: a new round begins after the longest pause."""
        self._pass(reason)
        self._pause(random.uniform(0, self._longest))

    def works(self) -> None:
        """The present one works: what was before is forgotten."""
        self._tried = 0
        self._backoff.reset()
        self._reasons.clear()

    def explain(self, trying: Endpoint | None) -> str:
        """Why none could be reached. *trying* is the one that an attempt is being made at."""
        reasons = self._reasons if trying is None else {**self._reasons, trying: "no answer yet"}
        each = ", ".join(
            f"{endpoint} ({reasons[endpoint]})"
            for endpoint in dict.fromkeys(self._endpoints)
            if endpoint in reasons
        )
        return f"No broker could be reached: {each or 'not tried yet'}"

    def _pass(self, reason: str) -> None:
        self._reasons[self.next] = reason
        self._at = (self._at + 1) % len(self._endpoints)

    def _pause(self, seconds: float) -> None:
        self._tried = 0
        self.not_before = time.monotonic() + seconds
