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
    of a broker that comes back do not all come at once. It is *longest* seconds at most; after a
    refusal, which takes a person to mend, it is between the two of *refusal*.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        longest: float,
        refusal: tuple[float, float] | None = None,
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._refusal = refusal or (0.0, longest)
        self._backoff = Backoff(longest)
        self._at = random.randrange(len(self._endpoints))
        self._tried = 0
        self._refusals = 0
        self._reasons: dict[Endpoint, str] = {}
        self.not_before = 0.0
        """On the monotonic clock: the next attempt is not made before."""
        self.all_refuse = False
        """Whether in the last round no host could be reached because each of them refused us."""

    @property
    def next(self) -> Endpoint:
        """The one to try next."""
        return self._endpoints[self._at]

    def failed(self, reason: str, *, refused: bool = False) -> bool:
        """It could not be reached; *refused* is for a reason that lasts, and that others need not
        have. Whether that was the last one of a round."""
        self._pass(reason)
        self._tried += 1
        self._refusals += refused
        if self._tried < len(self._endpoints):
            return False
        self.all_refuse = self._refusals == self._tried
        self._pause(self._long_pause() if self.all_refuse else self._backoff.next())
        return True

    def lost(self, reason: str) -> None:
        """It was reached, and lost: a new round begins after a pause."""
        self._pass(reason)
        self._pause(self._backoff.next())

    def refused(self, reason: str) -> None:
        """It refused us, as the others would: a new round begins after the pause of a refusal."""
        self._pass(reason)
        self._pause(self._long_pause())

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

    def _long_pause(self) -> float:
        return random.uniform(*self._refusal)

    def _pause(self, seconds: float) -> None:
        self._tried = self._refusals = 0
        self.not_before = time.monotonic() + seconds
