"""Pings that somebody asks for: carried out, watched while they run, and kept."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from baton.errors import BatonError
from baton.fleet import Collection, Expected, Request, row, to_document
from baton.message import new_id
from baton.names import LONGEST_FQDN, check_name
from baton_ping.extension import extension
from baton_ping_monitor.errors import TooManyRuns
from baton_ping_monitor.services import RunProgress
from baton_ping_monitor.store.records import RunRecord

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.fleet import Reply
    from baton_ping_monitor.clock import Clock
    from baton_ping_monitor.fleet.state import FleetState

logger = logging.getLogger(__name__)

MOST: Final = 5
"""Runs that are under way at the same time."""
_REMEMBERED: Final = 20
"""Runs that have ended, and are still known here."""
_MOST_REPLIES: Final = 20_000
_LONGEST_REPLY: Final = 16_384
_LONGEST: Final = 16 * 1024 * 1024
"""Bytes of a reply's body, and of those of a run, beyond which it is counted, but not kept."""


class PingRuns:
    """Pings targets when somebody asks for it. Everything happens on the event loop.

    *keep* is given the account of each run that was sent, when it has ended.
    """

    def __init__(
        self,
        configuration: Configuration,
        state: FleetState,
        keep: Callable[[RunRecord], object],
        clock: Clock,
        most: int = MOST,
    ) -> None:
        self._configuration = configuration
        self._state = state
        self._keep = keep
        self._clock = clock
        self._most = most
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    async def begin(self, targets: Sequence[str], timeout: float, by: str) -> str:
        """Ping *targets* now, and return the run's id at once. Those servers of the fleet that the
        targets reach are expected. Raises InvalidMessage for targets that cannot be, and
        TooManyRuns when as many as may be are under way."""
        names = frozenset(filter(_is_name, self._state.reached(targets)))
        request = Request(
            message={"type": "ping"},
            targets=tuple(targets),
            expected=Expected(names) if names else None,
            timeout=timeout,
        )
        collection = Collection(self._configuration, extension, request)
        if sum(not run.done for run in self._runs.values()) >= self._most:
            raise TooManyRuns(
                f"{self._most} pings are under way, and no more may be: wait until one has ended"
            )
        run = _Run(new_id(), by, self._clock(), collection)
        self._runs[run.id] = run
        run.task = asyncio.create_task(self._carry_out(run), name=f"ping {run.id}")
        return run.id

    def progress(self, run_id: str) -> RunProgress | None:
        """How far it has come; None if it is not known here (any more)."""
        run = self._runs.get(run_id)
        return None if run is None else run.progress()

    async def stop(self) -> None:
        """End those that are under way; what they have come to is kept."""
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry_out(self, run: _Run) -> None:
        try:
            try:
                async with run.collection:
                    async for reply in run.collection:
                        run.take(reply)
            except BatonError as error:
                run.trouble = str(error)
            except asyncio.CancelledError:
                run.trouble = "The monitor was stopped meanwhile"
            run.end()
            if run.collection.message_id is not None:
                self._keep(run.record())
        except Exception:
            logger.exception("A ping could not be carried out or kept")
            run.trouble = run.trouble or "It failed: the log says why"
            run.end()
        finally:
            self._forget()

    def _forget(self) -> None:
        ended = [run.id for run in self._runs.values() if run.done]
        for run_id in ended[:-_REMEMBERED]:
            del self._runs[run_id]


class _Run:
    """One of them."""

    def __init__(self, run_id: str, by: str, sent: float, collection: Collection) -> None:
        self.id = run_id
        self.trouble = ""
        self.done = False
        self.collection = collection
        self.task: asyncio.Task[None] | None = None
        self._by = by
        self._sent = sent
        self._rows: list[dict[str, Any]] = []
        self._room = _LONGEST
        self._document: dict[str, Any] | None = None

    def take(self, reply: Reply) -> None:
        """Note *reply*, unless there are too many."""
        if len(self._rows) < _MOST_REPLIES:
            noted = row(reply)
            size = len(reply.message.raw)
            if size > min(_LONGEST_REPLY, self._room):
                noted["message"] = None
            else:
                self._room -= size
            self._rows.append(noted)

    def end(self) -> None:
        """Nothing comes any more."""
        self._document = self._account()
        self.done = True

    def progress(self) -> RunProgress:
        """How far it has come."""
        progress = self.collection.progress
        return RunProgress(
            id=self.id,
            by=self._by,
            targets=self.collection.request.targets,
            answered=progress.answered,
            expected=progress.expected,
            elapsed=progress.elapsed,
            timeout=progress.timeout,
            done=self.done,
            document=self._document or self._account(),
            trouble=self.trouble,
        )

    def record(self) -> RunRecord:
        """What is kept of it."""
        targets = self.collection.request.targets
        return RunRecord(self.id, self._sent, self._by, targets, self._document or {})

    def _account(self) -> dict[str, Any]:
        result = self.collection.result(interrupted=bool(self.trouble))
        return {**to_document(result), "replies": list(self._rows)}


def _is_name(fqdn: str) -> bool:
    """Whether a server can have that name: what is only shown as one cannot be asked."""
    try:
        check_name(fqdn, LONGEST_FQDN)
    except ValueError:
        return False
    return True
