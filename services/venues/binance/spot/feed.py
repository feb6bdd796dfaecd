"""The public data of spot as market frames: quotes from the stream, a mark made of them, indexes asked for.

Spot states no mark: half way between bid and ask stands for it, for as long as there are both. Coins are
priced in dollars by the futures service; what it does not list is worth its mid here times its quote coin's
index.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

from services.domain.events import Event, IndexRow, MarketFrame, MarkRow, QuoteRow
from services.domain.instrument import Instrument
from services.venues.binance import errors, parse
from services.venues.binance.market import PublicEars
from services.venues.binance.spot.api import SpotApi
from services.venues.relisting import ended
from services.venues.wire.crosscheck import EVERY_S, CrossCheck, Top
from services.venues.wire.errors import WireError
from services.venues.wire.numbers import BadNumber, wire_positive
from services.venues.wire.stream import Stream

NS = 1_000_000_000
FLUSH_S = 0.1
LIFE_S = 1.0
COINS_S = 5.0
AVERAGE_S = 15.0
AVERAGE_OLD_NS = 90 * NS
"""The venue's average is one of minutes; older than this it is none."""


class SpotFeed:
    def __init__(
        self,
        venue: str,
        api: SpotApi,
        by_symbol: Mapping[str, Instrument],
        public: PublicEars,
        stream: Stream,
        tell: Callable[[Event], None],
        up: Callable[[], bool],
        trouble: Callable[[str], None],
        wall: Callable[[], int],
        unlisted: Callable[[], None] = lambda: None,
    ) -> None:
        """`up`: all connections are; `unlisted` hears of a pair that the venue does not know. Times in ns."""
        self._venue = venue
        self._api = api
        self._by_symbol = by_symbol
        self._coins = {coin for spec in by_symbol.values() for coin in (spec.underlying, spec.quote)} | {
            "BNB"
        }
        self._public = public
        self._stream = stream
        self._tell = tell
        self._up = up
        self._trouble = trouble
        self._wall = wall
        self._unlisted = unlisted
        self._cross = CrossCheck(public, self._ask_tops)
        self._seq = 0
        self._stopped = asyncio.Event()
        self._quotes: dict[str, QuoteRow] = {}
        self._indexes: dict[str, IndexRow] = {}
        """Waiting to be told."""
        self._anew = asyncio.Event()
        """Set, and replaced, when what was asked before counts no more."""
        self._averages: dict[str, tuple[Decimal, int]] = {}
        self._last_frame = 0
        self._asked = 0
        """When what waits in `_indexes` was asked for."""

    def stop(self) -> None:
        self._stopped.set()
        self._anew.set()

    def restate(self) -> None:
        """The connection is new: the quotes come anew by themselves, the indexes are asked for again."""
        anew, self._anew = self._anew, asyncio.Event()
        anew.set()

    def average(self, symbol: str) -> Decimal | None:
        """The venue's own average price, from which it measures a limit's distance."""
        found = self._averages.get(symbol)
        return None if found is None or self._wall() - found[1] > AVERAGE_OLD_NS else found[0]

    async def fill_back(self) -> None:
        """What the first frame and the first order need. Raises WireError, BadNumber."""
        await self._ask_averages()
        await self._ask_coins()

    async def run(self) -> None:
        """Until `stop`. What cannot be asked is asked again; its age tells the desk."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(FLUSH_S, self._flush))
            group.create_task(self._every(EVERY_S, self._cross.look))
            group.create_task(self._every(COINS_S, self._ask_coins))
            group.create_task(self._every(AVERAGE_S, self._ask_averages))

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stopped.is_set():
            anew = self._anew
            try:
                await work()
            except (WireError, parse.ParseError, BadNumber) as error:
                # Nothing is told, so what this would have brought goes stale by itself.
                self._trouble(str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(anew.wait(), seconds)

    async def _flush(self) -> None:
        age = self._stream.age()
        if age is None or not self._up():
            return
        quotes = self._public.take_changed()
        if quotes:
            self._cross.told(row.instrument.rpartition(".")[0] for row in quotes)
        marks = tuple(self._mark(row) for row in quotes if row.bid > 0 and row.ask > 0)
        self._quotes.update((row.instrument, row) for row in quotes)
        indexes, self._indexes = tuple(self._indexes.values()), {}
        now = self._wall()
        if indexes and self._asked < now:
            # Dated by the question, never by the answer.
            self._seq += 1
            self._tell(MarketFrame(self._venue, self._asked, self._asked, self._seq, indexes=indexes))
            indexes = ()
        said = bool(quotes or indexes)
        if not said and now - self._last_frame < LIFE_S * NS:
            return
        # An empty frame is worth as much as the stream's last word, no more.
        ts = now if said else now - int(age * NS)
        self._last_frame = now
        self._seq += 1
        self._tell(MarketFrame(self._venue, ts, ts, self._seq, quotes, marks, (), indexes))

    def _mark(self, row: QuoteRow) -> MarkRow:
        mid = (row.bid + row.ask) / 2
        return MarkRow(row.instrument, mid, mid)

    # --- asked for ---------------------------------------------------------------------------------------

    async def _ask_tops(self, symbols: tuple[str, ...]) -> dict[str, Top]:
        now = self._wall()
        listed = tuple(name for name in symbols if not ended(self._by_symbol[name], now))
        try:
            return parse.tops_of(await self._api.tops(listed)) if listed else {}
        except WireError as error:
            if error.code == errors.BAD_SYMBOL:
                # One that has gone makes the whole question fail.
                self._unlisted()
            raise

    async def _ask_coins(self) -> None:
        found: dict[str, float] = {}
        asked = self._wall()
        for row in await self._api.coin_indexes():
            with contextlib.suppress(parse.ParseError, BadNumber):
                index = parse.index_of(row.symbol, row.index)
                found[index.coin] = index.index
        for spec in self._by_symbol.values():
            row_here, usd = self._quotes.get(spec.id), found.get(spec.quote)
            if spec.underlying not in found and usd is not None and row_here is not None and row_here.bid > 0:
                found[spec.underlying] = (row_here.bid + row_here.ask) / 2 * usd
        self._asked = asked
        self._indexes = {coin: IndexRow(coin, price) for coin, price in found.items()}

    async def _ask_averages(self) -> None:
        for symbol, spec in tuple(self._by_symbol.items()):
            at = self._wall()
            if ended(spec, at):
                continue
            found = await self._api.average_price(symbol)
            self._averages[symbol] = (wire_positive(found.price, f"{symbol} average price"), at)
