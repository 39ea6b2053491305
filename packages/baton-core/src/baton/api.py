"""APIs: what publishes commands, from programs that have no event loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from baton.command import Requester
from baton.configuration import Configuration
from baton.errors import PublishFailed, Unroutable
from baton.extension import find_extension
from baton.transports import Publication, open_publisher

if TYPE_CHECKING:
    from types import TracebackType

    from baton.fleet import Answers, Collection, Options


class API:
    """Publishes commands to an extension: the entry point for web applications and scripts.

    An extension names itself in :attr:`extension` and gives its commands names, each a method
    that calls :meth:`publish`. Without a *configuration* the sources are read, as
    :meth:`Configuration.load` does for that extension. It may be used from several threads, and
    after a fork in both processes. It connects at the first publish.

    >>> class PingAPI(API):
    ...     extension = "baton-ping"
    ...
    ...     def ping(self, environment):
    ...         return self.publish({"type": "ping"}, environment)
    """

    extension: str

    def __init__(self, configuration: Configuration | None = None) -> None:
        self.configuration = configuration or Configuration.load(extension=self.extension)
        self._requester = Requester.of(self.configuration, find_extension(self.extension))
        self._publisher = open_publisher(self.configuration, f"{self.extension} API")

    def publish(
        self,
        message: Mapping[str, Any],
        keys: str | Sequence[str],
        *,
        reply_to: str | None = None,
        expires: float | None = None,
        timeout: float | None = None,
        where: str | Sequence[str] = (),
        splay: float = 0.0,
    ) -> str:
        """Publish one command to one or several targets, and return its message id.

        *message* is a JSON object with a ``type``; *keys* are environments, fqdns,
        ``<app>.<environment>`` or ``*``. Only servers for which each condition of *where* holds do
        it, such as ``cpus>=8``; each begins after a random time of at most *splay* seconds. None
        starts it later than *splay* and twice *expires* seconds from now (by default the setting
        ``EXPIRES``). This waits *timeout* seconds at most (by default the setting ``DEADLINE``).

        Raises Unroutable if nobody listens on one of the targets, whose others are done all the
        same; PublishTimeout if the outcome is unknown: it may still arrive; BrokerUnavailable or
        another BrokerError if it was not published; InvalidMessage for a wrong message,
        InvalidFilter for a wrong condition.
        """
        publications = self._requester.command(
            message, keys, reply_to=reply_to, expires=expires, where=where, splay=splay
        )
        outcome = self._publish([publications], timeout)[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def publish_many(
        self,
        commands: Iterable[tuple[Mapping[str, Any], str | Sequence[str]]],
        *,
        expires: float | None = None,
        timeout: float | None = None,
        where: str | Sequence[str] = (),
        splay: float = 0.0,
    ) -> list[str]:
        """Publish many commands, pipelined; return their message ids in the order of *commands*.

        Each is a message and its target or targets; the rest is for all of them, as for
        :meth:`publish`. Raises PublishFailed if some were not published, which tells which were.
        """
        groups = [
            self._requester.command(*command, expires=expires, where=where, splay=splay)
            for command in commands
        ]
        outcomes = self._publish(groups, timeout)
        errors = {i: each for i, each in enumerate(outcomes) if isinstance(each, Exception)}
        ids = [each for each in outcomes if isinstance(each, str)]
        if errors:
            raise PublishFailed(ids, errors)
        return ids

    def collect(
        self, message: Mapping[str, Any], keys: str | Sequence[str], **options: Unpack[Options]
    ) -> Answers:
        """Publish one command, and give what is said to it: an iterable of replies, with a
        ``result``. It has a connection of its own, made when it is iterated.

        *options* are those of a :class:`~baton.Request`: ``expected``, ``where``, ``splay``,
        ``timeout``, ``expires``, ``limit``, ``batches``. Raises InvalidMessage for one that is not
        allowed; iterating it raises what a :class:`~baton.Collection` does.
        """
        from baton.fleet import Answers, Request  # noqa: PLC0415  (whoever publishes pays nothing)

        request = Request(message=message, targets=_targets(keys), **options)
        return Answers(self.configuration, find_extension(self.extension), request)

    def collection(
        self, message: Mapping[str, Any], keys: str | Sequence[str], **options: Unpack[Options]
    ) -> Collection:
        """What :meth:`collect` does, for programs with an event loop."""
        from baton.fleet import Collection, Request  # noqa: PLC0415

        request = Request(message=message, targets=_targets(keys), **options)
        return Collection(self.configuration, find_extension(self.extension), request)

    def close(self) -> None:
        """Disconnect. May be called again."""
        self._publisher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _publish(
        self, groups: Sequence[list[Publication]], timeout: float | None
    ) -> list[str | Exception]:
        flat = [publication for group in groups for publication in group]
        deadline = self.configuration.deadline if timeout is None else timeout
        outcomes = iter(self._publisher.publish(flat, deadline) if flat else ())
        return [_merge(group, [next(outcomes) for _ in group]) for group in groups]


def _targets(keys: str | Sequence[str]) -> tuple[str, ...]:
    return (keys,) if isinstance(keys, str) else tuple(keys)


def _merge(group: list[Publication], outcomes: list[Exception | None]) -> str | Exception:
    """What came of a command: its id, or the worst that happened on one of its keys."""
    unroutable = [error for error in outcomes if isinstance(error, Unroutable)]
    for error in outcomes:
        if error is not None and error not in unroutable:
            return error
    if unroutable:
        keys = [key for error in unroutable for key in error.keys]
        return Unroutable(keys, group[0].exchange, missing=unroutable[0].missing)
    return str(group[0].envelope.message_id)
