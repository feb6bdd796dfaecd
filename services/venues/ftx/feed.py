"""The public data of an FTX-dialect venue as market frames: quotes from the stream, the rest asked for.

The dialect streams books and tickers; marks, indexes and funding are asked for. Ten times a second what has
changed goes out as one frame; when nothing has, one a second says that the connection lives, dated by the
stream's own last word.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from decimal import Decimal

from services.domain.events import Event, IndexRow, MarketFrame, MarkRow, RateRow
from services.domain.instrument import Instrument
from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.ears import FtxEars
from services.venues.ftx.relisting import flags_of
from services.venues.ftx.rest import FtxRest
from services.venues.tries import Tries
from services.venues.wire.crosscheck import EVERY_S, CrossCheck, Top
from services.venues.wire.errors import WireError
from services.venues.wire.numbers import BadNumber, wire_positive
from services.venues.wire.stream import Stream

NS = 1_000_000_000
FLUSH_S = 0.1
LIFE_S = 1.0
MARKS_S = 1.0
COINS_S = 3.0
STATS_S = 30.0
CLOCK_S = 60.0
BACK_FILL_S = 30 * 86_400
READING = (WireError, parse.ParseError, BadNumber)


class Feed:
    def __init__(
        self,
        venue: str,
        api: FtxRest,
        by_market: Mapping[str, Instrument],
        coins: dict[str, wire.Coin],
        ears: FtxEars,
        stream: Stream,
        tell: Callable[[Event], None],
        wall: Callable[[], int],
        resync: Callable[[], Awaitable[None]],
        *,
        whole: bool = True,
        futures: Iterable[wire.Future] = (),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`resync` measures the venue's clock; `whole`: see `CrossCheck`; `changed`: a future of ours is not
        what it was in `futures`, or later, its prices apart."""
        self._cross = CrossCheck(ears, self._ask_tops, whole=whole)
        self._resync = resync
        self._venue = venue
        self._api = api
        self._by_market = by_market
        self._coins = coins
        self._ears = ears
        self._stream = stream
        self._tell = tell
        self._wall = wall
        self._seq = 0
        self._stopped = asyncio.Event()
        self._anew = asyncio.Event()
        """Set, and replaced, when nothing that was asked before counts any more."""
        self._marks: dict[str, MarkRow] = {}
        self._indexes: dict[str, IndexRow] = {}
        self._rates: list[RateRow] = []
        self._settled: dict[str, int] = {}
        """Market -> instant of the last settled rate told."""
        self._since_s = 0.0
        """The oldest settlement that is asked for, by the venue's time."""
        self._last_frame = 0
        self._changed = changed
        self._flags = self._flags_of(futures)
        self._asked = 0
        """When the oldest of what was asked for and is not told yet was asked."""

    def stop(self) -> None:
        self._stopped.set()
        self._anew.set()

    def restate(self) -> None:
        """The connection is new: everything that was asked for is asked again and told again."""
        self._marks, self._indexes = {}, {}
        anew, self._anew = self._anew, asyncio.Event()
        anew.set()

    async def fill_back(self, venue_now: int) -> None:
        """Settled rates of the last thirty days, told with the first frame. What is not answered is asked for
        again with the rates."""
        tries = Tries(READING)
        self._since_s = venue_now / NS - BACK_FILL_S
        for name, spec in tries.of(self._perps().items()):
            with tries:
                rows = await self._api.funding_rates(name, self._since_s, venue_now / NS)
                self._take_settled(name, spec, rows)

    async def run(self) -> None:
        """Until `stop`. What cannot be asked is asked again; its age tells the desk."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(FLUSH_S, self._flush))
            group.create_task(self._every(MARKS_S, self._ask_marks))
            group.create_task(self._every(COINS_S, self._ask_coins))
            group.create_task(self._every(STATS_S, self._ask_funding))
            group.create_task(self._every(CLOCK_S, self._resync))
            group.create_task(self._every(EVERY_S, self._cross.look))

    async def refresh(self, *, marks: bool, coins: bool, rates: Container[str]) -> None:
        """Ask now for what is said to have changed, and tell it with the quotes: lock-step has no timers.

        Raises WireError, ParseError, BadNumber.
        """
        if marks:
            await self._ask_marks()
        if coins:
            await self._ask_coins()
        if rates:
            await self._ask_funding(rates)
        self._flush(always=True)

    async def _every(self, seconds: float, work: Callable[[], object]) -> None:
        while not self._stopped.is_set():
            anew = self._anew
            try:
                done = work()
                if asyncio.iscoroutine(done):
                    await done
            except READING:
                # Nothing is told, so what this would have brought goes stale by itself.
                await asyncio.sleep(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(anew.wait(), seconds)

    # --- going out ---------------------------------------------------------------------------------------

    def _flush(self, *, always: bool = False) -> None:
        age = self._stream.age()
        if age is None or not self._ears.ready():
            return
        quotes = self._ears.take_changed()
        if quotes:
            self._cross.told(row.instrument.rpartition(".")[0] for row in quotes)
        marks, self._marks = tuple(self._marks.values()), {}
        indexes, self._indexes = tuple(self._indexes.values()), {}
        rates, self._rates = tuple(self._rates), []
        now = self._wall()
        if (marks or indexes) and self._asked < now:
            # Dated by the question, never by the answer: one that took seconds is of seconds ago.
            self._seq += 1
            at = self._asked
            self._tell(MarketFrame(self._venue, at, at, self._seq, marks=marks, indexes=indexes))
            marks, indexes = (), ()
        if not (always or quotes or marks or indexes or rates) and now - self._last_frame < LIFE_S * NS:
            return
        # An empty frame is worth as much as the stream's last word, no more.
        heard = now - int(age * NS)
        ts = now if quotes or marks or indexes or rates else heard
        self._last_frame = now
        self._seq += 1
        self._tell(MarketFrame(self._venue, ts, ts, self._seq, quotes, marks, rates, indexes))

    # --- coming in ---------------------------------------------------------------------------------------

    def _perps(self) -> dict[str, Instrument]:
        return {name: spec for name, spec in self._by_market.items() if spec.is_perp}

    async def _ask_marks(self) -> None:
        asked = self._wall()
        futures = await self._api.futures()
        before, self._flags = self._flags, self._flags_of(futures)
        if self._flags != before:
            self._changed()
        tries = Tries(READING)
        for future in futures:
            spec = self._by_market.get(future.name)
            if spec is None or future.mark is None or future.index is None:
                continue
            with tries:
                mark = float(wire_positive(future.mark, f"{future.name} mark"))
                index = float(wire_positive(future.index, f"{future.name} index"))
                self._date(asked)
                self._marks[spec.id] = MarkRow(spec.id, mark, index)
        tries.end()

    def _flags_of(self, futures: Iterable[wire.Future]) -> dict[str, tuple[object, ...]]:
        return {row.name: flags_of(row) for row in futures if row.name in self._by_market}

    async def _ask_tops(self, names: tuple[str, ...]) -> dict[str, Top]:
        found: dict[str, Top] = {}
        for row in await self._api.markets():
            if row.name in names and row.bid is not None and row.ask is not None:
                with contextlib.suppress(BadNumber):
                    found[row.name] = wire_positive(row.bid, "bid"), wire_positive(row.ask, "ask")
        return found

    def _date(self, asked: int) -> None:
        self._asked = min(self._asked, asked) if self._marks or self._indexes else asked

    async def _ask_coins(self) -> None:
        asked = self._wall()
        for coin in await self._api.coins():
            self._coins[coin.id] = coin
            if coin.indexPrice is not None:
                with contextlib.suppress(BadNumber):
                    price = float(wire_positive(coin.indexPrice, f"{coin.id} indexPrice"))
                    self._date(asked)
                    self._indexes[coin.id] = IndexRow(coin.id, price)

    async def _ask_funding(self, of: Container[str] | None = None) -> None:
        """`of`: these markets alone."""
        now = self._wall()
        tries = Tries(READING)
        for name, spec in tries.of(self._perps().items()):
            if name not in self._ears.off and (of is None or name in of):
                with tries:
                    await self._ask_rates(name, spec, now)
        tries.end()

    async def _ask_rates(self, name: str, spec: Instrument, now: int) -> None:
        interval = spec.funding_interval_h or Decimal(1)
        row = parse.predicted(self._venue, name, await self._api.stats(name), interval, now)
        if row is not None:
            self._rates.append(row)
        told = self._settled.get(name, 0)
        if now - told >= int(interval * parse.HOUR_NS):
            since = max(told / NS + 1, self._since_s)
            rows = await self._api.funding_rates(name, since, now / NS + 60)
            self._take_settled(name, spec, rows)

    def _take_settled(self, name: str, spec: Instrument, rows: list[wire.FundingRate]) -> None:
        interval = spec.funding_interval_h or Decimal(1)
        found = sorted(
            (parse.settled(self._venue, row, interval) for row in rows), key=lambda row: row.rate_ts
        )
        for row in found:
            if row.rate_ts > self._settled.get(name, 0):
                self._settled[name] = row.rate_ts
                self._rates.append(row)
