"""Connections are closed and users refused, with a thousand commands in flight."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Final

import pytest

from baton.link import Phase
from brokers import Vhost
from brokers.waiting import wait_until
from faults.deafness import TOLD
from faults.scenario import QUICK, Load, MakeScenario

AGAIN: Final = 10.0
"""Seconds within which every server answers again."""
REVOKED: Final = 60.0
"""Seconds within which every service finds out that it may do nothing any more: three pulses."""
LISTED: Final = 15.0
"""Seconds after which the management API lists a connection, at the latest."""


async def test_connections_closed_by_the_management_api(
    vhost: Vhost, scenario: MakeScenario
) -> None:
    async with scenario("connections closed by the management API", notice=TOLD) as run:
        await run.in_flight()

        def close() -> None:
            # Two of each service; the monitor's, the requester's two, and the probes'.
            assert wait_until(lambda: len(vhost.connections()) >= 2 * run.load.servers + 4, LISTED)
            for connection in vhost.connections():
                vhost.api.close_connection(connection["name"])

        with run.fault():
            await asyncio.to_thread(close)
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


@pytest.mark.quick
async def test_connections_closed(vhost: Vhost, scenario: MakeScenario) -> None:
    load = Load(commands=120, servers=4, under_way=40, expires=2.0)
    async with scenario("connections closed, twice", load=load, notice=TOLD) as run:
        for share in (1 / 3, 2 / 3):
            await run.in_flight(share)
            with run.fault():
                await asyncio.to_thread(vhost.close_connections)
            await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []
    assert len(verdict.recovery) == 2


@pytest.mark.timeout(240)
async def test_permissions_revoked(vhost: Vhost, scenario: MakeScenario) -> None:
    """RabbitMQ looks again when a channel has been idle for a while, so with a short pulse never:
    a channel that is in use keeps the permissions that it had."""
    user = vhost.broker.user
    async with scenario("permissions revoked, default settings", settings={}) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(
                vhost.api.set_permissions, user, vhost.name, configure="^$", write="^$", read="^$"
            )
            await run.reach(Phase.READY, REVOKED, away=True)
            await asyncio.to_thread(vhost.api.set_permissions, user, vhost.name)
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_credentials_rotated(vhost: Vhost, scenario: MakeScenario, tmp_path: Path) -> None:
    """The broker gets the new password first, and a reconnect comes before the file has it."""
    user = f"rotating-{secrets.token_hex(4)}"
    file = tmp_path / "password"
    file.write_text("old")
    await asyncio.to_thread(vhost.api.create_user, user, "old")
    await asyncio.to_thread(vhost.api.set_permissions, user, vhost.name)
    settings = {**QUICK, "rabbit_user": user, "rabbit_pass_file": str(file)}
    try:
        async with scenario("credentials rotated", service_settings=settings) as run:
            await run.in_flight()
            with run.fault():
                await asyncio.to_thread(vhost.api.create_user, user, "new")
                await asyncio.to_thread(vhost.close_connections)
                await run.reach(Phase.DISCONNECTED, AGAIN)
                file.write_text("new")
            await run.answers_again(AGAIN)
            verdict = await run.verdict()
    finally:
        await asyncio.to_thread(vhost.api.delete_user, user)
    assert verdict.violations == []
