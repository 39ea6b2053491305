"""The examination: every check, in an order in which one that fails explains those after it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from baton.broker_url import Endpoint
from baton.configuration import Configuration
from baton.doctor.broker import Subject, Trials, skip_trials
from baton.doctor.clock import ask_management, compare, management_addresses
from baton.doctor.configuration import read_configuration
from baton.doctor.findings import Check, Finding
from baton.doctor.hosts import examine_host, skip_hosts
from baton.doctor.installed import (
    Candidate,
    examine_extension,
    examine_server,
    find_candidates,
)
from baton.doctor.project import examine_project, find_project

_DEADLINE: Final = float(Configuration.model_fields["deadline"].default)
"""Seconds, where no configuration says otherwise."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be examined: the extensions *names*, or without names all that are installed,
    with the file and the URL that a service is started with.

    ``management`` is the URL of the broker's management plugin, if it is not at its usual port.
    ``folder`` may be an author's project, which is examined then, too.
    """

    names: Sequence[str] = ()
    path: Path | None = None
    url: str | None = None
    management: str | None = None
    folder: Path | None = None


@dataclass(slots=True)
class _Broker:
    """A pool of hosts, as a user sees it, and the extensions that are configured to use it."""

    configuration: Configuration
    subjects: list[Subject] = field(default_factory=list)
    usable: list[Endpoint] = field(default_factory=list)
    stamp: tuple[float, float] | None = None

    @property
    def is_real(self) -> bool:
        return self.configuration.rabbit_scheme != "memory"


async def examine(request: Request) -> AsyncIterator[Finding]:
    """Make every check, and give each finding as soon as it is there."""
    examination = _Examination(request)
    for stage in (
        examination.configurations,
        examination.servers,
        examination.extensions,
        examination.project,
        examination.hosts,
        examination.trials,
        examination.clocks,
    ):
        async for finding in stage():
            yield finding


class _Examination:
    def __init__(self, request: Request) -> None:
        self._request = request
        self._candidates: list[Candidate] | None = None
        self._configurations: dict[str | None, Configuration | None] = {}
        self._fqdns: dict[str | None, str] = {}
        self._brokers: dict[object, _Broker] = {}

    async def configurations(self) -> AsyncIterator[Finding]:
        try:
            self._candidates = await find_candidates(self._request.names, _DEADLINE)
        except TimeoutError:
            pass  # said among the extensions
        names = [candidate.name for candidate in self._candidates or ()]
        for owner in [None] if self._request.path or not names else names:
            self._configurations[owner], findings = read_configuration(
                self._request.path, owner, self._request.url
            )
            for finding in findings:
                yield finding

    async def servers(self) -> AsyncIterator[Finding]:
        for owner, configuration in self._configurations.items():
            if configuration is None:
                yield Check("this server", owner).skipped(_UNCONFIGURED)
                continue
            server, finding = await examine_server(configuration, owner, configuration.deadline)
            self._fqdns[owner] = server.fqdn if server else socket.gethostname()
            yield finding

    async def extensions(self) -> AsyncIterator[Finding]:
        if self._candidates is None:
            yield Check("extension").failed(
                f"what is installed was not imported within {_DEADLINE:g} s",
                "pip uninstall the distribution whose import hangs",
            )
        elif not self._candidates:
            yield Check("extension").failed("none is installed", "pip install baton-ping")
        for candidate in self._candidates or ():
            yield await examine_extension(candidate, _DEADLINE)

    async def project(self) -> AsyncIterator[Finding]:
        project = find_project(self._request.folder) if self._request.folder else None
        if project is not None:
            async for finding in examine_project(project, self._request.path, _DEADLINE):
                yield finding

    async def hosts(self) -> AsyncIterator[Finding]:
        self._find_brokers()
        if not self._brokers:
            yield Check("address").skipped(_UNCONFIGURED)
        for broker in self._brokers.values():
            endpoints = dict.fromkeys(broker.configuration.endpoints)
            if not broker.is_real:
                broker.usable = list(endpoints)
                yield skip_hosts(broker.configuration)
                continue
            exchange = broker.subjects[0].needs.exchange_out if broker.subjects else ""
            examined = await asyncio.gather(
                *(examine_host(broker.configuration, each, exchange) for each in endpoints)
            )
            for host in examined:
                for finding in host.findings:
                    yield finding
            broker.usable = [host.endpoint for host in examined if host.usable]

    async def trials(self) -> AsyncIterator[Finding]:
        for candidate in self._candidates or ():
            if reason := self._unfit(candidate):
                for finding in skip_trials(candidate.name, reason):
                    yield finding
        for broker in self._brokers.values():
            for subject in broker.subjects:
                if not broker.usable:
                    for finding in skip_trials(subject.extension.name, _NO_HOST):
                        yield finding
                    continue
                trials = Trials(subject, broker.usable[0], broker.subjects)
                async for finding in trials.findings():
                    yield finding
                broker.stamp = broker.stamp or trials.stamp

    async def clocks(self) -> AsyncIterator[Finding]:
        check = Check("clock")
        for broker in self._brokers.values():
            if not broker.is_real:
                yield check.skipped("it is a broker in this process")
            elif broker.stamp:
                yield compare(*broker.stamp, check)
            elif not broker.usable:
                yield check.skipped(_NO_HOST)
            else:
                addresses = management_addresses(
                    broker.configuration, [endpoint.host for endpoint in broker.usable]
                )
                if self._request.management:
                    addresses = [self._request.management]
                yield await ask_management(broker.configuration, addresses, check)
        if not self._brokers:
            yield check.skipped(_UNCONFIGURED)

    def _find_brokers(self) -> None:
        """Put together what is configured alike, so that no host is examined twice."""
        for owner, configuration in self._configurations.items():
            if configuration is None:
                continue
            alike = tuple(getattr(configuration, name) for name in _CONNECTION)
            broker = self._brokers.setdefault(alike, _Broker(configuration))
            for candidate in self._candidates or ():
                extension = candidate.extension
                if extension and owner in (None, candidate.name) and not self._unfit(candidate):
                    broker.subjects.append(Subject(extension, configuration, self._fqdns[owner]))

    def _unfit(self, candidate: Candidate) -> str | None:
        """Why the trials of *candidate* cannot be made."""
        if candidate.extension is None:
            return '"extension" failed'
        if candidate.extension.service is None:
            return "it has no service"
        if self._configurations.get(candidate.name, self._configurations.get(None)) is None:
            return _UNCONFIGURED
        return None


_UNCONFIGURED: Final = '"configuration" failed'
_NO_HOST: Final = "no host lets this server in"
_CONNECTION: Final = [name for name in Configuration.model_fields if name.startswith("rabbit_")]
"""What makes it another broker, or another user of it."""
