"""The public data of Binance as market frames: quotes and marks from the streams, settled rates asked for.

Ten times a second what has changed goes out as one frame; when nothing has, one a second says that the
connections live, dated by the quieter one's last word.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from services.domain.events import Event, MarketFrame, RateRow
from services.domain.instrument import Instrument
from services.venues.binance import errors, parse
from services.venues.binance import schemas as wire
from services.venues.binance.api import BinanceApi
from services.venues.binance.market import MarketEars, PublicEars
from services.venues.hours import HOUR_MS
from services.venues.relisting import ended
from services.venues.wire.crosscheck import EVERY_S, CrossCheck, Top
from services.venues.wire.errors import WireError
from services.venues.wire.numbers import BadNumber
from services.venues.wire.stream import Stream

NS = 1_000_000_000
FLUSH_S = 0.1
LIFE_S = 1.0
SETTLED_S = 30.0
INTERVALS_S = 300.0
RATE_AGAIN_NS = 30 * NS
"""A prediction that has not changed is told again after so long."""
BACK_FILL_NS = 30 * 86_400 * NS
LATE_NS = 10 * NS
"""A settled rate is published some seconds after its hour."""


class Feed:
    def __init__(
        self,
        venue: str,
        api: BinanceApi,
        by_symbol: Mapping[str, Instrument],
        intervals: dict[str, int],
        public: PublicEars,
        market: MarketEars,
        streams: tuple[Stream, ...],
        tell: Callable[[Event], None],
        up: Callable[[], bool],
        venue_now: Callable[[], int],
        wall: Callable[[], int],
        unlisted: Callable[[], None] = lambda: None,
    ) -> None:
        """`up`: all connections are. `intervals` is kept current here; `unlisted` hears of a symbol that the
        venue does not know. Times in ns."""
        self._venue = venue
        self._api = api
        self._by_symbol = by_symbol
        self._intervals = intervals
        self._public = public
        self._market = market
        self._streams = streams
        self._tell = tell
        self._up = up
        self._venue_now = venue_now
        self._wall = wall
        self._unlisted = unlisted
        self._cross = CrossCheck(public, self._ask_tops)
        self._seq = 0
        self._stopped = asyncio.Event()
        self._waiting: list[RateRow] = []
        self._settled: dict[str, int] = {}
        """Symbol -> instant of the last settled rate told."""
        self._told: dict[str, RateRow] = {}
        """Symbol -> the prediction told last, and when."""
        self._told_at: dict[str, int] = {}
        self._last_frame = 0

    def stop(self) -> None:
        self._stopped.set()

    def restate(self) -> None:
        """The connections are new: every prediction is told again."""
        self._told = {}

    async def fill_back(self) -> None:
        """Settled rates of the last thirty days, told with the first frame. Raises WireError."""
        for name in self._by_symbol:
            await self._ask_settled(name, self._venue_now() - BACK_FILL_NS)

    async def run(self) -> None:
        """Until `stop`. What cannot be asked is asked again; its age tells the desk."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(FLUSH_S, self._flush))
            group.create_task(self._every(EVERY_S, self._cross.look))
            group.create_task(self._every(SETTLED_S, self._ask_due))
            group.create_task(self._every(INTERVALS_S, self._ask_intervals))

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stopped.is_set():
            try:
                await work()
            except (WireError, parse.ParseError, BadNumber):
                # Nothing is told, so what this would have brought goes stale by itself.
                await asyncio.sleep(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)

    async def _flush(self) -> None:
        ages = [stream.age() for stream in self._streams]
        oldest = max((age for age in ages if age is not None), default=0.0)
        if None in ages or not self._up():
            return
        quotes = self._public.take_changed()
        if quotes:
            self._cross.told(row.instrument.rpartition(".")[0] for row in quotes)
        marks, predicted, indexes = self._market.take()
        settled, self._waiting = self._waiting, []
        now = self._wall()
        rates = (*settled, *(row for row in predicted if self._news(row, now)))
        said = bool(quotes or marks or indexes or rates)
        if not said and now - self._last_frame < LIFE_S * NS:
            return
        # An empty frame is worth as much as the quieter stream's last word, no more.
        ts = now if said else now - int(oldest * NS)
        self._last_frame = now
        self._seq += 1
        self._tell(MarketFrame(self._venue, ts, ts, self._seq, quotes, marks, rates, indexes))

    def _news(self, row: RateRow, now: int) -> bool:
        last = self._told.get(row.instrument)
        same = last is not None and (last.rate, last.next_ts, last.interval_h) == (
            row.rate,
            row.next_ts,
            row.interval_h,
        )
        if same and now - self._told_at.get(row.instrument, 0) < RATE_AGAIN_NS:
            return False
        self._told[row.instrument] = row
        self._told_at[row.instrument] = now
        return True

    # --- asked for ---------------------------------------------------------------------------------------

    async def _ask_tops(self, symbols: tuple[str, ...]) -> dict[str, Top]:
        now = self._wall()
        rows: list[wire.BookTicker] = []
        for name in symbols:
            if ended(self._by_symbol[name], now):
                continue
            try:
                rows += await self._api.tops((name,))
            except WireError as error:
                if error.code not in errors.NO_MARKET:
                    raise
                # One that has gone keeps no other from being compared.
                self._unlisted()
        return parse.tops_of(rows)

    async def _ask_due(self) -> None:
        """Whatever must have settled since the last rate we know of."""
        failed: WireError | None = None
        for name, spec in tuple(self._by_symbol.items()):
            if ended(spec, self._wall()):
                continue
            last = self._settled.get(name, 0)
            hours = self._intervals.get(name, parse.DEFAULT_INTERVAL_H)
            hours = hours if hours in parse.INTERVALS_H else 1
            if self._venue_now() >= last + hours * HOUR_MS * parse.MS + LATE_NS:
                # From the last known one on: its successor's interval is the gap between them.
                try:
                    await self._ask_settled(name, max(last, self._venue_now() - BACK_FILL_NS))
                except WireError as error:
                    # One that is not answered keeps no other from being asked.
                    failed = error
        if failed is not None:
            raise failed

    async def _ask_settled(self, name: str, since: int) -> None:
        rows = await self._api.funding_rates(name, since // parse.MS)
        for row in parse.settled(self._venue, [row for row in rows if row.symbol == name]):
            if row.rate_ts > self._settled.get(name, 0):
                self._settled[name] = row.rate_ts
                self._waiting.append(row)

    async def _ask_intervals(self) -> None:
        """A venue may change them in a storm: then the prediction is for another span of time."""
        found = await self._api.funding_info(self._by_symbol)
        for name in self._by_symbol:
            # Also one that nobody knows: its rate is told no more, rather than for the span of before.
            self._intervals[name] = parse.interval_of(found.get(name))
