"""Books that are followed by stream, each with its own proof that it still holds.

The rules are those of our other streams: life is judged by frames, a connection that says nothing and a
market that stays silent are made anew, every connection begins without books, and nothing is told more often
than the feed takes it. A book that the venue stamps much older than now is none: what lay in a socket, or in
a laptop that was shut, is told as if it were new.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from services.runtime.backoff import Backoff
from services.runtime.clock import boot_s
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.errors import READING, told
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.levels import book_of
from services.venues.live import Levels

DEEP = 50
"""Levels that are read of a followed book."""
LATE_MS = 2_000
"""A book that came with an older stamp, or with none, is not believed."""


class Habits(Struct, frozen=True, kw_only=True):
    """Seconds."""

    silence_s: float = 10.0
    """No frame at all for so long, answers to heartbeats among them: the connection is dead."""
    ready_s: float = 10.0
    """Until a book that is asked for has come whole."""
    quiet_s: float = 60.0
    """No word on one market: its subscription was lost."""
    step_s: float = 0.25
    most_wait_s: float = 30.0
    """Between two connections, at most."""
    stood_s: float = 60.0
    """A connection that has not lasted so long makes the next wait longer: the venue counts connections."""


class Followed:
    """`run` until stopped. Books by the venue's own name of their market."""

    def __init__(
        self,
        door: Door,
        listed: Mapping[str, Listed],
        *,
        venue_ms: Callable[[], int],
        say: Callable[[str], None],
        habits: Habits | None = None,
        clock: Callable[[], float] = boot_s,
        unlisted: Callable[[], None] = lambda: None,
    ) -> None:
        """`unlisted` hears that a market has fallen silent: it may have gone."""
        self._unlisted = unlisted
        self._door = door
        self._listed = listed
        self._venue_ms = venue_ms
        self._say = say
        self._habits = habits if habits is not None else Habits()
        self._clock = clock
        self._held: dict[str, Mapping[str, Any]] = {}
        self._spoke: dict[str, float] = {}
        """When each market said something, or was asked to."""
        self._late: set[str] = set()
        self._stamps: dict[str, object] = {}
        """The stamp that `_late` was judged by."""
        self._changed: dict[str, None] = {}
        self._differs: dict[str, int] = {}

    async def run(self, stopped: asyncio.Event) -> None:
        tasks = [asyncio.create_task(self._follow(name)) for name in self._listed]
        tasks.append(asyncio.create_task(self._watch()))
        try:
            await stopped.wait()
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def live(self, name: str) -> bool:
        """Followed at present, and to be believed: it need not be asked for."""
        age = self.age()
        told = self._stands(name) and not self._is_late(name) and not self._listed[name].closed
        return told and age is not None and age < self._habits.silence_s

    def age(self) -> float | None:
        """Seconds since the connection said anything; None = there is none."""
        at = self._door.heard_at
        return None if at is None else max(0.0, self._clock() - at)

    def take_changed(self) -> list[str]:
        """Markets with another book, or none any more, since the last call."""
        changed, self._changed = self._changed, {}
        return list(changed)

    def restate(self) -> None:
        self._changed = dict.fromkeys(self._listed)

    def book(self, name: str) -> tuple[Levels, Levels] | None:
        """None = none that could be believed."""
        if not self.live(name):
            return None
        market, held = self._listed[name], self._held[name]
        cut = {side: held[side][:DEEP] for side in ("bids", "asks")}
        return book_of(market, cut, self._venue_ms())

    def compare(self, name: str, asked: tuple[Levels, Levels]) -> None:
        """A book that was asked for. Ours beyond it, or none, twice in a row: a change was lost."""
        if not self.live(name):
            return
        ours = self.book(name)
        apart = ours is None or asked[0][0][0] > ours[1][0][0] or asked[1][0][0] < ours[0][0][0]
        self._differs[name] = self._differs.get(name, 0) + 1 if apart else 0
        if self._differs[name] >= 2:
            self._cut(f"{name}: the followed book is not the venue's")
        else:
            self._changed[name] = None

    # --- inside ------------------------------------------------------------------------------------------

    def _stands(self, name: str) -> bool:
        held = self._held.get(name)
        return held is not None and self._door.stands(self._listed[name].symbol, held)

    async def _follow(self, name: str) -> None:
        waits = Backoff(first=0.25, most=self._habits.most_wait_s, random=random.random)
        since: float | None = None
        """The first book of this connection."""
        while True:
            market = self._listed[name]
            if market.closed:
                self._lose(name)
                await asyncio.sleep(self._habits.ready_s)
                continue
            self._spoke.setdefault(name, self._clock())
            try:
                book = await self._door.next_book(market.symbol)
                self._take(name, book)
            except READING as error:
                self._say(f"{name}: the stream of its book has ended: {told(error)}")
                self._lose(name)
                if since is not None and self._clock() - since >= self._habits.stood_s:
                    waits.reset()
                since = None
                await asyncio.sleep(waits.next())
                continue
            since = self._clock() if since is None else since

    def _take(self, name: str, book: Mapping[str, Any]) -> None:
        self._held[name] = book
        self._spoke[name] = self._clock()
        self._changed[name] = None
        self._judge(name, book.get("timestamp"))

    def _is_late(self, name: str) -> bool:
        """The library writes a change into the book that we hold, and wakes us up for it later: whoever looks
        between the two sees the change, so its stamp is judged by who comes first."""
        stamp = self._held[name].get("timestamp")
        if self._stamps.get(name) != stamp:
            self._judge(name, stamp)
        return name in self._late

    def _judge(self, name: str, stamp: object) -> None:
        self._stamps[name] = stamp
        late = not isinstance(stamp, int) or abs(self._venue_ms() - stamp) > LATE_MS
        (self._late.add if late else self._late.discard)(name)

    def _lose(self, name: str) -> None:
        self._spoke.pop(name, None)
        self._differs.pop(name, None)
        if self._held.pop(name, None) is not None:
            self._changed[name] = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._habits.step_s)
            for name in [each for each in self._held if self._listed[each].closed]:
                self._lose(name)
            why = self._unhealthy()
            if why:
                self._cut(why)

    def _unhealthy(self) -> str:
        now, habits = self._clock(), self._habits
        age = self.age()
        if age is not None and age >= habits.silence_s:
            return f"silent for {age:.1f} s"
        for name, at in self._spoke.items():
            limit = habits.quiet_s if name in self._held else habits.ready_s
            if now - at >= limit:
                self._unlisted()
                return f"{name} was subscribed and stays silent"
        return ""

    def _cut(self, why: str) -> None:
        for name in self._listed:
            self._lose(name)
        with contextlib.suppress(Exception):
            self._door.cut_streams(why)
