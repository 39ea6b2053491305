"""Each host of the pool: whether it can be reached, who it is, and whether it lets us in."""

from __future__ import annotations

import asyncio
import re
import shlex
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from baton.doctor.certificate import examine_certificate
from baton.doctor.findings import Check, Finding, Status
from baton.doctor.greeting import Greeting, connected, describe_loss, greet, speaks_tls
from baton.doctor.session import Session
from baton.errors import (
    AuthenticationFailed,
    BatonError,
    BrokerUnavailable,
    CertificateRefused,
    ConfigurationError,
)
from baton.message import new_id
from baton.threads import in_thread
from baton.transports.tls import client_context, server_name

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

_OLDEST: Final = (4, 0)
"""The RabbitMQ that the tests run on."""

_SHORTEST_HEARTBEAT: Final = 5
"""Seconds below which a busy network looks like a lost one."""

_REMEDY_CERTIFICATE: Final = (
    "set RABBIT_TLS_CERT_FILE and RABBIT_TLS_KEY_FILE to a certificate that the broker trusts"
)


@dataclass(frozen=True, slots=True)
class Host:
    """What was found of a host; ``usable`` if one can log in there."""

    endpoint: Endpoint
    findings: tuple[Finding, ...]
    usable: bool


def skip_hosts(configuration: Configuration) -> Finding:
    """Said instead of examining hosts where there are none."""
    name = configuration.endpoints[0].host
    return Check("address", host=f"memory://{name}").skipped("it is a broker in this process")


async def examine_host(configuration: Configuration, endpoint: Endpoint, exchange: str) -> Host:
    """Make every check of *endpoint*, and skip those that rely on one that failed.

    *exchange* is where something may be published for trial.
    """
    steps = _Steps(configuration, endpoint, exchange)
    findings: list[Finding] = []
    reason = ""
    for name, step in steps.in_order():
        check = Check(name, host=str(endpoint))
        finding = check.skipped(reason) if reason else await step(check)
        if finding.status is Status.FAILED and not reason:
            reason = f'"{name}" failed'
        findings.append(finding)
    return Host(endpoint, tuple(findings), steps.logged_in)


class _Steps:
    """The checks of one host, each of which relies on those before it."""

    def __init__(self, configuration: Configuration, endpoint: Endpoint, exchange: str) -> None:
        self.logged_in = False
        self._configuration = configuration
        self._endpoint = endpoint
        self._exchange = exchange
        self._seconds = configuration.deadline
        self._alarm = ""
        self._silence = ""

    def in_order(self) -> Iterator[tuple[str, Callable[[Check], Awaitable[Finding]]]]:
        yield "address", self._address
        yield "connection", self._connection
        if self._configuration.tls:
            yield "certificate", partial(examine_certificate, self._configuration, self._endpoint)
        yield "broker", self._broker
        yield "login", self._login
        yield "heartbeat", self._heartbeat
        yield "alarms", self._alarms

    async def _address(self, check: Check) -> Finding:
        host = self._endpoint.host
        remedy = f"correct RABBIT_HOST, or look at the name servers: getent hosts {host}"
        try:
            found = await in_thread(
                partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM), self._seconds
            )
        except OSError as error:
            reason = error.strerror
            if isinstance(error, TimeoutError):
                reason = f"no answer within {self._seconds:g} s"
            return check.failed(f"the name {host} has no address: {reason}", remedy)
        addresses = dict.fromkeys(str(address[0]) for *_, address in found)
        return check.ok(", ".join(addresses))

    async def _connection(self, check: Check) -> Finding:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds), connected(self._endpoint):
                took = (time.monotonic() - began) * 1000
        except TimeoutError:
            return check.failed(
                f"no answer within {self._seconds:g} s",
                "let a firewall between here and there pass it, or correct RABBIT_HOST",
            )
        except OSError as error:
            return check.failed(
                describe_loss(error),
                f"start the broker there, or correct RABBIT_PORT (now {self._endpoint.port})",
            )
        return check.ok(f"accepted in {took:.1f} ms")

    async def _broker(self, check: Check) -> Finding:
        settings, endpoint = self._configuration, self._endpoint
        context = client_context(settings) if settings.tls else None
        name = server_name(settings, endpoint) if settings.tls else None
        try:
            async with (
                asyncio.timeout(2 * self._seconds),
                connected(endpoint, context, name) as stream,
            ):
                greeting = await greet(stream, self._seconds)
        except ssl.SSLError as error:
            return check.failed(
                f"it does not accept this server's certificate: {describe_loss(error)}",
                _REMEDY_CERTIFICATE,
            )
        except OSError as error:
            greeting = Greeting(fault=describe_loss(error), answered=False)
        if greeting.fault:
            return await self._foreign(greeting, check)
        found = f"{greeting.product} {greeting.version}"
        if greeting.product != "RabbitMQ":
            return check.warning(found, "Baton is tested on RabbitMQ alone: try it well first")
        if _version(greeting.version) < _OLDEST:
            return check.warning(found, "upgrade it to RabbitMQ 4: Baton is not tested on older")
        return check.ok(found)

    async def _foreign(self, greeting: Greeting, check: Check) -> Finding:
        """What to do about something that is no broker."""
        plain = not self._configuration.tls
        if plain and await speaks_tls(self._endpoint, self._seconds):
            return check.failed(
                "it wants TLS",
                "set RABBIT_SCHEME: amqps (amqps:// in a URL), or the port without TLS, 5672",
            )
        if greeting.answered:
            return check.failed(
                greeting.fault, f"set RABBIT_PORT to the broker's, {5672 if plain else 5671}"
            )
        return check.failed(
            greeting.fault,
            "see whether the broker there is well: rabbitmq-diagnostics check_running; "
            f"or {'correct RABBIT_PORT' if plain else _REMEDY_CERTIFICATE}",
        )

    async def _login(self, check: Check) -> Finding:
        settings = self._configuration
        try:
            async with Session(settings, self._endpoint) as session:
                self.logged_in = True
                # Under an alarm a broker tells a connection so when something is published on it.
                try:
                    await session.publish(self._exchange, f"doctor.{new_id()}")
                except BrokerUnavailable as error:
                    self._alarm, self._silence = session.alarm, str(error)
                except BatonError:
                    pass  # refused, but it answers: the trials will tell
        except BatonError as error:
            said = str(error).removeprefix(f"{self._endpoint} ")
            return check.failed(said, self._remedy(error))
        user = settings.rabbit_user if settings.rabbit_auth == "plain" else "of the certificate"
        return check.ok(f'user "{user}", vhost "{settings.rabbit_vhost}"')

    def _remedy(self, error: BatonError) -> str:
        settings = self._configuration
        user, vhost = shlex.quote(settings.rabbit_user), shlex.quote(settings.rabbit_vhost)
        match error:
            case ConfigurationError():
                return "let the service's user read it, and run the doctor as that user"
            case CertificateRefused():
                return _REMEDY_CERTIFICATE
            case AuthenticationFailed() if f'the vhost "{settings.rabbit_vhost}"' in str(error):
                return (
                    f"correct RABBIT_VHOST, or: rabbitmqctl add_vhost {vhost}; "
                    f"rabbitmqctl set_permissions -p {vhost} {user} …, see docs/operating.md"
                )
            case AuthenticationFailed() if settings.rabbit_auth == "external":
                return "have the broker know the certificate's user: docs/operating.md, TLS"
            case AuthenticationFailed() if settings.rabbit_user == "guest":
                return (
                    "set RABBIT_USER and RABBIT_PASS: guest is let in from the broker's own "
                    "machine alone, and with its own password"
                )
            case AuthenticationFailed():
                return (
                    f"correct RABBIT_USER and RABBIT_PASS, or: rabbitmqctl change_password {user} …"
                )
        return "see the broker's log: it says whom it lets in, and why not"

    async def _heartbeat(self, check: Check) -> Finding:
        seconds = self._configuration.rabbit_heartbeat
        if seconds == 0:
            return check.warning("none", "set RABBIT_HEARTBEAT: 10, to notice a dead connection")
        if seconds < _SHORTEST_HEARTBEAT:
            return check.warning(
                f"every {seconds} s",
                "set RABBIT_HEARTBEAT: 10: below 5, a short disturbance ends the connection",
            )
        return check.ok(f"every {seconds} s")

    async def _alarms(self, check: Check) -> Finding:
        if self._alarm:
            return check.failed(
                f"it takes no messages: {self._alarm}",
                "free memory or disk space there: rabbitmq-diagnostics alarms says which is short",
            )
        if self._silence:
            return check.failed(self._silence, "see the broker's log, and try again")
        return check.ok("none, it takes messages")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
