"""A fault that is set over the wire is the server's from then on, and ends there too."""

from __future__ import annotations

from decimal import Decimal

from services.domain.effects import SetFault
from services.domain.enums import FaultKind
from services.domain.events import VenueLink
from tests.simserver.served import LONG_S, connected, serving


async def test_a_fault_is_set_and_ended_over_the_wire() -> None:
    import asyncio

    async with serving() as (house, server), connected(server) as (client, box):
        await box.first(VenueLink, up=True)
        for chance, left in (("0.25", [("latency", "alpha", Decimal("0.25"))]), ("0", [])):
            client.set_fault(SetFault(kind=FaultKind.LATENCY, venue="alpha", chance=Decimal(chance)))
            async with asyncio.timeout(LONG_S):
                while [(each.kind.value, each.venue, each.chance) for each in house._faults] != left:
                    await asyncio.sleep(0.01)
        # The disk is the engine's: the served exchange has none of it, whoever asks.
        for kind in (FaultKind.SLOW_FSYNC, FaultKind.REJECT):
            client.set_fault(SetFault(kind=kind, venue="alpha", chance=Decimal("0.5")))
        async with asyncio.timeout(LONG_S):
            while not house._faults:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert [each.kind for each in house._faults] == [FaultKind.REJECT]
