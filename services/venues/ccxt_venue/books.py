"""Books, followed by stream where that stands, else asked for: their quotes as frames of their own age.

A followed book is told ten times a second at most and needs no question; one that is not followed, or not at
present, is asked for once a second, so a stream that fails costs freshness and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from services.domain.events import MarkRow, QuoteRow
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.followed import LATE_MS, Followed, Habits
from services.venues.ccxt_venue.levels import book_of, quote_of
from services.venues.ccxt_venue.line import MARKET
from services.venues.live import Levels
from services.venues.wire.errors import ErrorKind, WireError

LEVELS = 20
"""Of a book that is asked for."""
LIFE_S = 0.25
"""Where no quote changes, a frame says so often that the stream lives: `cross_exchange` takes two quotes that
are at most half a second apart, and two that both stand still are as young as their streams' last words."""
GRACE_S = 1.0
"""So long a round waits for the others once one market has answered: one that hangs holds up nobody."""
FIRST_S = 2.0
"""So long for the first answer: an older one is not believed (`LATE_MS`)."""
MS = 1_000_000
NS = 1_000_000_000


class Answer(NamedTuple):
    asked: int
    said: Any
    """A book of the library's, or the WireError in its place."""


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
        grace_s: float = GRACE_S,
        first_s: float = FIRST_S,
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
        self._grace_s, self._first_s = grace_s, first_s
        self._asking: dict[str, asyncio.Task[Answer]] = {}
        """One question at a time, of each market."""
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
        """Those that nobody follows at present. Raises WireError: none was answered."""
        asked = self._wall()
        # Of those that are waited for still their own answers tell.
        waited = set(self._asking)
        there = [each for each in self._listed.values() if not each.closed and not self._live(each)]
        if not there and self.followed is not None:
            return
        try:
            found = await self._ask(there)
        except WireError:
            if self.followed is not None:
                # Where books are followed the frames of the others vouch for the last one that was asked for.
                self._tell(self._wall(), self._lost(there))
            raise
        if there and not found:
            return
        # What a stream has told meanwhile is younger.
        told = {
            each.id: each for each in self._listed.values() if each.id not in waited and not self._live(each)
        }
        for name in told:
            self._known[name] = found.get(name)
        self._good(MARKET)
        self._tell(asked, told)

    def _lost(self, there: list[Listed]) -> dict[str, Listed]:
        """Those of them that have no book now."""
        lost = {each.id: each for each in there if not self._live(each)}
        self._known.update(dict.fromkeys(lost))
        return lost

    async def _ask(self, there: list[Listed]) -> dict[str, tuple[Levels, Levels] | None]:
        """One that is not answered has no book, and keeps no other from being told: left out, it would be
        vouched for by the frames of the others. One that is waited for since an earlier round is not asked
        again. Raises WireError: none is answered."""
        for task in self._asking.values():
            if task.done():
                task.result()
        asked = {each.id: each for each in there if each.id not in self._asking}
        if not asked:
            return {}
        tasks = {name: asyncio.create_task(self._asked(each)) for name, each in asked.items()}
        self._asking.update(tasks)
        first, _ = await asyncio.wait(
            tasks.values(), timeout=self._first_s, return_when=asyncio.FIRST_COMPLETED
        )
        if first:
            await asyncio.wait(tasks.values(), timeout=self._grace_s)
        answers: dict[str, Answer | None] = {}
        for name, task in tasks.items():
            answers[name] = task.result() if task.done() else None
            if task.done():
                del self._asking[name]
            else:
                task.add_done_callback(partial(self._came_late, asked[name], self._wall()))
        if not first:
            raise WireError(ErrorKind.UNAVAILABLE, f"no book within {self._first_s:g} s of its question")
        failed = [each.said for each in answers.values() if each and isinstance(each.said, WireError)]
        if any(error.kind is ErrorKind.REJECTED for error in failed):
            self._unlisted()
        if failed and len(failed) == len(asked):
            raise failed[0]
        return {name: self._book(asked[name], answer) for name, answer in answers.items()}

    def _book(self, market: Listed, answer: Answer | None) -> tuple[Levels, Levels] | None:
        if answer is None or isinstance(answer.said, WireError):
            return None
        return book_of(market, answer.said, self._venue_ms())

    def _came_late(self, market: Listed, since: int, task: asyncio.Task[Answer]) -> None:
        """Told as without a book at `since`; told now by itself, as old as its question."""
        if task.cancelled() or task.exception() is not None:
            # What is no WireError is raised by the next round.
            return
        del self._asking[market.id]
        answer = task.result()
        if isinstance(answer.said, WireError):
            if answer.said.kind is ErrorKind.REJECTED:
                self._unlisted()
            return
        now = self._wall()
        if market.closed or self._live(market) or now < since or now - answer.asked > LATE_MS * MS:
            return
        self._known[market.id] = self._book(market, answer)
        self._tell(answer.asked, {market.id: market})

    async def _asked(self, market: Listed) -> Answer:
        """Its book, or why there is none."""
        asked = self._wall()
        try:
            return Answer(asked, await self._door.ask("fetch_order_book", market.symbol, LEVELS))
        except WireError as error:
            return Answer(asked, error)

    async def end(self) -> None:
        """Nothing is waited for any longer."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        self._asking.clear()

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
