"""Coins whose withdrawals a venue has suspended, asked for every few minutes.

We withdraw nothing; a venue that has stopped paying out may be in worse trouble than it says, so the desk
takes no new risk there and calls a person. What the venue does not tell is no word: nobody is called for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.errors import READING, told


class Payouts:
    def __init__(self, door: Door, say: Callable[[str], None]) -> None:
        self._door = door
        self._say = say
        self.suspended: tuple[str, ...] = ()

    async def run(self, stopped: asyncio.Event, every_s: float) -> None:
        """What fails is asked again at the next look; what was known last stands."""
        while not stopped.is_set():
            try:
                await self.look()
            except READING as error:
                self._say(f"which withdrawals are suspended is not told: {told(error)}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), every_s)

    async def look(self) -> None:
        """Suspended is a coin that can leave by none of its chains. Raises WireError."""
        found = await self._door.ask("fetch_currencies")
        self.suspended = tuple(
            sorted(
                str(code)
                for code, row in found.items()
                if isinstance(row, Mapping) and row.get("withdraw") is False
            )
        )
