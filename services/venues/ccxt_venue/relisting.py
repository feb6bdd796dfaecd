"""The list of markets read anew each hour, and soon after a market was refused or a line was lost: what was
closed, what has other steps, what is new beside ours.

An exchange takes contracts off its list and changes its steps and fees while we run (fact sheet 4). The desk
hears of each change before the next order is made of old facts; a closed market is refused by name here too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from msgspec import structs

from services.domain.instrument import Instrument, MarginTier
from services.domain.venue_events import InstrumentsListed
from services.venues.ccxt_venue import facts
from services.venues.ccxt_venue.door import GONE, Door
from services.venues.ccxt_venue.errors import READING, told
from services.venues.ccxt_venue.facts import Listed
from services.venues.relisting import REST_S, newly
from services.venues.wire.errors import WireError

BAND = Decimal("0.05")
"""Bounds of a margin table that are told in contracts move with the price: by less they are left alone."""


class Relisting:
    def __init__(
        self,
        venue: str,
        door: Door,
        listed: dict[str, Listed],
        learn: Callable[[Any], Awaitable[Listed]],
        *,
        spot: bool,
        tell: Callable[[InstrumentsListed], None],
        say: Callable[[str], None],
        wall: Callable[[], int],
    ) -> None:
        """`listed` is kept current in place; `learn` asks for one market's facts."""
        self._venue = venue
        self._door = door
        self._listed = listed
        self._learn = learn
        self._spot = spot
        self._tell = tell
        self._say = say
        self._wall = wall
        self._beside = self._others()
        self._absent: set[str] = set()
        """What the last list did not name."""
        self._again = False
        """Something may have changed, as one that has just been found absent: asked again soon."""

    def hint(self) -> None:
        """Something may have changed."""
        self._again = True

    async def run(self, stopped: asyncio.Event, every_s: float) -> None:
        """What fails is asked again at the next look."""
        step_s, waited_s = min(every_s, REST_S), 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), step_s)
                return
            waited_s += step_s
            if waited_s < every_s and not self._again:
                continue
            waited_s = 0.0
            try:
                await self.look()
            except READING as error:
                self._say(told(error))

    async def look(self) -> None:
        """Raises WireError, BadNumber; what was learnt of the others is told all the same."""
        self._again = False
        await self._door.reload([each.symbol for each in self._listed.values()])
        changed: list[Instrument] = []
        failed: Exception | None = None
        for known in tuple(self._listed.values()):
            try:
                found = await self._present(known)
            except READING as error:
                # One of which nothing can be learnt keeps no other from being looked at.
                failed = error
                if isinstance(error, WireError):
                    continue
                # Answered, and not to be read: unknown. The old facts judge what is held; no more comes in.
                found = structs.replace(known, spec=structs.replace(known.spec, taker_fee=None))
            if found.closed is not known.closed:
                word = "closed at its venue: no new risk there" if found.closed else "open again"
                self._say(f"{known.id} is {word}")
            self._listed[known.id] = found
            if found.spec != known.spec:
                changed.append(found.spec)
        if changed:
            self._tell(InstrumentsListed(venue=self._venue, instruments=tuple(changed), ts=self._wall()))
        before, self._beside = self._beside, self._others()
        if new := newly(before, self._beside):
            self._say(new)
        if failed is not None:
            raise failed

    async def _present(self, known: Listed) -> Listed:
        """A closed one is as it was known last, ended now unless its end had been told."""
        row = self._door.markets[known.symbol]
        absent = row.get(GONE) is True
        first = absent and known.id not in self._absent and not known.closed
        (self._absent.add if absent else self._absent.discard)(known.id)
        if first:
            # One answer may lack it by mistake: nothing new, nothing closed, and asked again.
            self._again = True
            return structs.replace(known, spec=structs.replace(known.spec, taker_fee=None))
        if row.get("active") is not False:
            found = await self._learn(row)
            if _alike(known.spec.tiers, found.spec.tiers):
                found = structs.replace(found, spec=structs.replace(found.spec, tiers=known.spec.tiers))
            return found
        ended = known.spec.delisting_ts
        spec = structs.replace(known.spec, delisting_ts=self._wall() if ended is None else ended)
        return structs.replace(known, closed=True, spec=spec)

    def _others(self) -> set[str]:
        bases = {each.spec.underlying for each in self._listed.values()}
        return facts.besides(self._door.markets, self._listed, bases, spot=self._spot)


def _alike(before: tuple[MarginTier, ...] | None, after: tuple[MarginTier, ...] | None) -> bool:
    if before is None or after is None or len(before) != len(after):
        return False
    for old, new in zip(before, after, strict=True):
        if (old.initial, old.maintenance) != (new.initial, new.maintenance):
            return False
        if (old.cap is None) is not (new.cap is None):
            return False
        if old.cap is not None and new.cap is not None and abs(new.cap - old.cap) > old.cap * BAND:
            return False
    return True
