"""What a service does on the broker, tried for one extension: whether it may, and whether it works.

Each trial uses names that nobody else does, so that neither a server nor a monitor hears of it.
Nothing of them stays: an exchange that was not there before is deleted again, unless a server has
come to use it meanwhile.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baton.doctor.findings import Check, Finding, Status
from baton.doctor.permissions import Needs, set_permissions
from baton.doctor.session import Session
from baton.errors import BatonError, BrokerUnavailable, FlagMismatch, NotPermitted
from baton.exchanges import input_exchange, output_exchange
from baton.message import new_id
from baton.transports import Binding, Exchange, Queue, Topology

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from baton.broker_url import Endpoint
    from baton.configuration import Configuration
    from baton.extension import Extension

STAMP_HEADER: Final = "timestamp_in_ms"
"""Set by a broker with ``message_interceptors.incoming.set_header_timestamp``."""

_FEATURE: Final = "transient_nonexcl_queues"
"""What RabbitMQ calls a queue that is neither durable nor exclusive, where it denies one."""

_USER: Final = re.compile(r"for user '([^']+)'")

CHECKS: Final = (
    "input exchange",
    "output exchange",
    "queue",
    "binding",
    "consuming",
    "publishing",
    "old features",
    "round trip",
)
_NEEDED: Final = {
    "binding": ("input exchange", "queue"),
    "consuming": ("queue",),
    "publishing": ("output exchange",),
    "round trip": ("binding", "consuming"),
}
"""What must have gone well before."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An extension on this server, and how it is configured."""

    extension: Extension
    configuration: Configuration
    fqdn: str

    @property
    def needs(self) -> Needs:
        """What its service's user has to be permitted."""
        exchange = input_exchange(self.configuration, self.extension)
        exchange_out = output_exchange(self.configuration, self.extension)
        return Needs(self.extension.name, exchange.name, exchange_out.name)


def skip_trials(extension: str, reason: str) -> list[Finding]:
    """Said instead of the trials where they cannot be made."""
    return [Check(name, extension).skipped(reason) for name in CHECKS]


class Trials:
    """The trials of one extension at *endpoint*; *others* are on the same broker, by the same
    user, and keep their permissions when a remedy is followed."""

    def __init__(self, subject: Subject, endpoint: Endpoint, others: Sequence[Subject]) -> None:
        self.stamp: tuple[float, float] | None = None
        """The broker's time and ours, in seconds, if the broker stamps messages."""

        self._subject = subject
        self._configuration = subject.configuration
        self._endpoint = endpoint
        self._others = others
        self._exchange = input_exchange(subject.configuration, subject.extension)
        self._exchange_out = output_exchange(subject.configuration, subject.extension)
        self._key = f"doctor.{new_id()}"
        self._queue = Queue(self._own_name(), arguments={"x-queue-type": "classic"})
        self._made: list[str] = []
        self._failed: dict[str, str] = {}
        self._gone = ""

    async def findings(self) -> AsyncIterator[Finding]:
        """Make the trials, in order."""
        name = self._subject.extension.name
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._tidy_up)
            try:
                # As a service, that publishes beside what it consumes.
                inbound = await stack.enter_async_context(self._session())
                outbound = await stack.enter_async_context(self._session())
            except BatonError as error:
                yield self._explain(error, Check(CHECKS[0], name))
                for finding in skip_trials(name, f'"{CHECKS[0]}" failed')[1:]:
                    yield finding
                return
            trials = {
                "input exchange": lambda check: self._declare(
                    inbound, self._exchange, "exchange", check
                ),
                "output exchange": lambda check: self._declare(
                    inbound, self._exchange_out, "exchange_out", check
                ),
                "queue": lambda check: self._declare_queue(inbound, check),
                "binding": lambda check: self._bind(inbound, check),
                "consuming": lambda check: self._consume(inbound, check),
                "publishing": lambda check: self._publish(outbound, check),
                "old features": self._use_old_features,
                "round trip": lambda check: self._send_to_itself(inbound, outbound, check),
            }
            for each in CHECKS:
                yield await self._make(Check(each, name), trials[each])

    async def _make(self, check: Check, trial: Callable[[Check], Awaitable[Finding]]) -> Finding:
        failed = [need for need in _NEEDED.get(check.name, ()) if need in self._failed]
        if self._gone or failed:
            finding = check.skipped(self._gone or f'"{failed[0]}" {self._failed[failed[0]]}')
        else:
            try:
                finding = await trial(check)
            except BatonError as error:
                finding = self._explain(error, check)
        if finding.status in (Status.FAILED, Status.SKIPPED):
            self._failed[check.name] = finding.status
        return finding

    def _explain(self, error: BatonError, check: Check) -> Finding:
        match error:
            case NotPermitted():
                text = str(error).removeprefix("ACCESS_REFUSED - ")
                return check.failed(f"the user lacks a permission: {text}", self._permit(text))
            case FlagMismatch():
                found, _, remedy = str(error).partition(": ")
                return check.failed(found, remedy)
            case BrokerUnavailable():
                self._gone = f'"{check.name}" failed'  # or each would wait until its deadline
                return check.failed(str(error), "see the broker's log, and try again")
        return check.failed(
            str(error), "see the broker's log, and the policies and limits of the vhost"
        )

    async def _declare(
        self, session: Session, exchange: Exchange, setting: str, check: Check
    ) -> Finding:
        there = await session.within(
            session.transport.has_exchange(exchange.name), "looking for an exchange"
        )
        if not there:  # before it is: a declaration without an answer may have been taken
            self._made.append(exchange.name)
        await session.within(
            session.transport.declare(Topology(exchanges=[exchange])), "declaring an exchange"
        )
        kind = f"direct, {'durable' if exchange.durable else 'not durable (INTEROP)'}"
        if there:
            return check.ok(f"{exchange.name} is there: {kind}")
        soon = f"is not there yet: the first service makes it, {kind}"
        if not getattr(self._configuration, setting):
            return check.ok(f"{exchange.name} {soon}")
        key = setting.upper()
        origin = self._configuration.origins.get(setting, key)
        return check.warning(
            f"{exchange.name}, which {origin} names, {soon}",
            f"correct {key}, if a service has run with it before",
        )

    async def _tidy_up(self) -> None:
        if not self._made:
            return
        # The sessions are closed by now, so that none of their queues is bound any more.
        with suppress(BatonError):
            async with self._session() as session:
                for name in self._made:
                    with suppress(NotPermitted):  # as it was to declare it
                        await session.within(
                            session.transport.delete_exchange(name), "deleting an exchange"
                        )

    async def _declare_queue(self, session: Session, check: Check) -> Finding:
        await session.within(
            session.transport.declare(Topology(queues=[self._queue])), "declaring a queue"
        )
        return check.ok(f"{self._queue.name} could be declared")

    async def _bind(self, session: Session, check: Check) -> Finding:
        binding = Binding(self._queue.name, self._exchange.name, self._key)
        await session.within(
            session.transport.declare(Topology(bindings=[binding])), "binding a queue"
        )
        return check.ok(f"a queue could be bound to {self._exchange.name}")

    async def _consume(self, session: Session, check: Check) -> Finding:
        await session.within(session.transport.consume(self._queue.name, 1), "consuming")
        return check.ok("a queue could be consumed")

    async def _publish(self, session: Session, check: Check) -> Finding:
        try:
            await session.publish(self._exchange_out.name, self._key)
        except BrokerUnavailable:
            if session.alarm:
                return check.skipped(session.alarm)
            raise
        return check.ok(f"{self._exchange_out.name} takes outputs")

    async def _use_old_features(self, check: Check) -> Finding:
        """The queue of a Ruby monitor is neither durable nor exclusive, which a broker may deny by
        closing the connection: so it is tried on one of its own."""
        if not self._configuration.interop:
            return check.ok("Baton needs none that RabbitMQ has deprecated")
        queue = Queue(self._own_name(), exclusive=False)
        async with self._session() as session:
            try:
                await session.within(
                    session.transport.declare(Topology(queues=[queue])), "declaring a queue"
                )
            except BatonError as error:
                if _FEATURE not in str(error):
                    raise
                return check.warning(
                    "the broker denies queues that are neither durable nor exclusive, as a "
                    "monitor of the Ruby Baton has one; its servers work",
                    f"deprecated_features.permit.{_FEATURE} = true in its rabbitmq.conf",
                )
            await session.within(session.transport.delete_queue(queue.name), "deleting a queue")
        return check.ok("a monitor of the Ruby Baton may have its queue")

    async def _send_to_itself(self, session: Session, outbound: Session, check: Check) -> Finding:
        if outbound.alarm:  # a publication would block the connection, and keep its queue alive
            return check.skipped(outbound.alarm)
        began = time.monotonic()
        try:
            await session.publish(self._exchange.name, self._key)
            delivery = await session.receive()
        except NotPermitted:
            return check.skipped(
                "the user may not send commands, which is right for that of a server"
            )
        except BrokerUnavailable:
            if session.alarm:
                return check.skipped(session.alarm)
            raise
        took = (time.monotonic() - began) * 1000
        stamp = delivery.envelope.headers.get(STAMP_HEADER)
        if isinstance(stamp, int):
            self.stamp = stamp / 1000, time.time()
        return check.ok(f"a message came back in {took:.1f} ms")

    def _session(self) -> Session:
        return Session(self._configuration, self._endpoint)

    def _own_name(self) -> str:
        return f"{self._subject.extension.name}.{self._subject.fqdn}.{secrets.token_hex(8)}"

    def _permit(self, refusal: str) -> str:
        settings = self._configuration
        # With a certificate, only the broker knows the user.
        named = _USER.search(refusal)
        user = named[1] if named else settings.rabbit_user
        return set_permissions(settings.rabbit_vhost, user, [each.needs for each in self._others])
