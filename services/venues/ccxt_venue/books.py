"""Books, followed by stream where that stands, else asked for: their quotes as frames of their own age.

A followed book is told ten times a second at most and needs no question; one that is not followed, or not at
present, is asked for once a second, so a stream that fails costs freshness and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from services.domain.events import MarkRow, QuoteRow
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.followed import Followed, Habits
from services.venues.ccxt_venue.levels import book_of, quote_of
from services.venues.ccxt_venue.line import MARKET
from services.venues.live import Levels
from services.venues.wire.errors import ErrorKind, WireError

LEVELS = 20
"""Of a book that is asked for."""
LIFE_S = 0.25
"""Where no quote changes, a frame says so often that the stream lives: `cross_exchange` takes two quotes that
are at most half a second apart, and two that both stand still are as young as their streams' last words."""
NS = 1_000_000_000


class Books:
    def __init__(
        self,
        door: Door,
        listed: Mapping[str, Listed],
        good: Callable[[str], None],
        frame: Callable[..., None],
        *,
        follow: Habits | None,
        spot: bool,
        venue_ms: Callable[[], int],
        wall: Callable[[], int],
        say: Callable[[str], None],
        unlisted: Callable[[], None] = lambda: None,
    ) -> None:
        """`frame` tells rows of an instant; `good` hears that the market has answered, `unlisted` that one of
        them may have gone."""
        self._unlisted = unlisted
        self._door = door
        self._listed = listed
        self._good = good
        self._frame = frame
        self._spot = spot
        self._venue_ms = venue_ms
        self._wall = wall
        self._known: dict[str, tuple[Levels, Levels] | None] = {}
        """As told last, of each market."""
        self._last = 0
        self.followed = (
            Followed(door, listed, venue_ms=venue_ms, say=say, habits=follow, unlisted=unlisted)
            if follow is not None and door.streams
            else None
        )

    def levels(self, market: str, count: int) -> tuple[Levels, Levels] | None:
        found = self._known.get(market)
        return None if found is None else (found[0][:count], found[1][:count])

    def restate(self) -> None:
        if self.followed is not None:
            self.followed.restate()

    def _live(self, market: Listed) -> bool:
        return self.followed is not None and self.followed.live(market.id)

    async def ask(self) -> None:
        """Those that nobody follows at present. Raises WireError."""
        asked = self._wall()
        there = [each for each in self._listed.values() if not each.closed and not self._live(each)]
        if not there and self.followed is not None:
            return
        found = await self._ask(there)
        # What a stream has told meanwhile is younger.
        told = {each.id: each for each in self._listed.values() if not self._live(each)}
        for name in told:
            self._known[name] = found.get(name)
        self._good(MARKET)
        self._tell(asked, told)

    async def _ask(self, there: list[Listed]) -> dict[str, tuple[Levels, Levels] | None]:
        """One that is not answered has no book, and keeps no other from being told: left out, it would be
        vouched for by the frames of the others. Raises WireError: none is answered."""
        answers = await asyncio.gather(*(self._asked(market) for market in there))
        failed = [answer for answer in answers if isinstance(answer, WireError)]
        if any(answer.kind is ErrorKind.REJECTED for answer in failed):
            self._unlisted()
        if failed and len(failed) == len(there):
            raise failed[0]
        now = self._venue_ms()
        return {
            each.id: None if isinstance(answer, WireError) else book_of(each, answer, now)
            for each, answer in zip(there, answers, strict=True)
        }

    async def _asked(self, market: Listed) -> Any:
        """Its book, or why there is none."""
        try:
            return await self._door.ask("fetch_order_book", market.symbol, LEVELS)
        except WireError as error:
            return error

    def _tell(self, ts: int, markets: Mapping[str, Listed]) -> None:
        quotes = tuple(quote_of(each, self._known.get(name)) for name, each in markets.items())
        self._frame(ts, quotes=quotes, marks=self._marks(quotes))

    def _marks(self, quotes: tuple[QuoteRow, ...]) -> tuple[MarkRow, ...]:
        """Spot states no mark: half way between bid and ask stands for it as long as there are both."""
        if not self._spot:
            return ()
        return tuple(MarkRow(row.instrument, (row.bid + row.ask) / 2, 0.0) for row in quotes if row.bid)

    # --- followed ----------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """What has changed since the last call, or that the stream lives."""
        followed = self.followed
        if followed is None:
            return
        changed = followed.take_changed()
        now, age = self._wall(), followed.age()
        open_markets = [each for each in self._listed.values() if not each.closed]
        if open_markets and all(followed.live(each.id) for each in open_markets):
            self._good(MARKET)
        if changed:
            for name in changed:
                self._known[name] = followed.book(name)
            self._last = now
            self._tell(now, {name: self._listed[name] for name in changed})
        elif age is not None and now - self._last >= LIFE_S * NS:
            self._last = now
            # Worth as much as the stream's last word, no more.
            self._frame(now - int(age * NS), alive=True)

    async def check(self) -> None:
        """Hold what is followed against the venue's own answer. Raises WireError."""
        followed = self.followed
        if followed is None:
            return
        there = [each for each in self._listed.values() if self._live(each)]
        for name, book in (await self._ask(there)).items():
            if book is not None:
                followed.compare(name, book)
