"""Public data by polling, as market frames dated by the question, never by the answer.

What could not be asked is not told and grows old by itself; a book that cannot be trusted is a row of zeros.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from services.domain.events import Event, IndexRow, MarketFrame, MarkRow, RateRow
from services.venues.ccxt_venue import funding
from services.venues.ccxt_venue.books import Books
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.errors import READING, told
from services.venues.ccxt_venue.facts import Listed, coins_of
from services.venues.ccxt_venue.followed import Habits
from services.venues.ccxt_venue.indexes import implied, okx_indexes
from services.venues.ccxt_venue.line import MARKET, Line
from services.venues.ccxt_venue.settled import Settled
from services.venues.live import Levels
from services.venues.payouts import EVERY_S
from services.venues.tries import Tries
from services.venues.wire.numbers import wire_positive

MS = 1_000_000
LATE_NS = 1_000_000_000


class Pace(Struct, frozen=True, kw_only=True):
    """Seconds between two questions of a kind."""

    books_s: float = 1.0
    """Of books that are not followed, or not at present."""
    flush_s: float = 0.1
    """Between two frames of followed books."""
    check_s: float = 20.0
    """Followed books are held against the venue's answer; their quotes are stated anew."""
    marks_s: float = 3.0
    coins_s: float = 4.0
    rates_s: float = 30.0
    payouts_s: float = EVERY_S
    """Which withdrawals are suspended."""
    markets_s: float = 3_600.0
    """The list of markets: what was closed, what has other steps."""
    clock_s: float = 60.0
    look_s: float = 2.0
    hasty_s: float = 0.5
    """Between two looks at the account while something was sent."""
    silence_s: float = 6.0


class Feed:
    def __init__(
        self,
        venue: str,
        exchange: str,
        door: Door,
        listed: Mapping[str, Listed],
        pace: Pace,
        line: Line,
        *,
        tell: Callable[[Event], None],
        venue_ms: Callable[[], int],
        wall: Callable[[], int],
        resync: Callable[[], Awaitable[None]],
        trouble: Callable[[str], None],
        follow: Habits | None,
        capped: Callable[[dict[str, Decimal]], None],
        unlisted: Callable[[], None],
    ) -> None:
        """`follow`: books come by stream where they can, with these habits; None = they are asked for.
        `capped` hears the bounds of funding rates by instrument, before the rates that they bound; `unlisted`
        that one of the markets may have gone."""
        self._venue = venue
        self._exchange = exchange
        self._door = door
        self._listed = listed
        self._spot = any(not each.spec.is_perp for each in listed.values())
        self._pace = pace
        self._line = line
        self._tell = tell
        self._venue_ms = venue_ms
        self._wall = wall
        self._resync = resync
        self._trouble = trouble
        self._capped = capped
        self._seq = 0
        self._stopped = asyncio.Event()
        self._anew = asyncio.Event()
        self._books = Books(
            door,
            listed,
            line.good,
            self._frame,
            follow=follow,
            spot=self._spot,
            venue_ms=venue_ms,
            wall=wall,
            say=trouble,
            unlisted=unlisted,
        )
        self.settled = Settled(exchange, door, listed, venue_ms=venue_ms, trouble=trouble)

    def stop(self) -> None:
        self._stopped.set()
        self._anew.set()

    def restate(self) -> None:
        """The line is new: all that was asked for is asked again at once."""
        self._books.restate()
        anew, self._anew = self._anew, asyncio.Event()
        anew.set()

    def levels(self, market: str, count: int) -> tuple[Levels, Levels] | None:
        """Bids and asks as told last; None = no book, or none to be trusted."""
        return self._books.levels(market, count)

    @property
    def _open(self) -> list[Listed]:
        """Of a market that is closed nothing is asked: one refusal would spoil the answer for all."""
        return [each for each in self._listed.values() if not each.closed]

    @property
    def _symbols(self) -> list[str]:
        return [each.symbol for each in self._open]

    async def run(self) -> None:
        pace = self._pace
        rounds: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (pace.books_s, self._books.ask),
            (pace.flush_s, self._books.flush),
            (pace.check_s, self._books.check),
            (pace.clock_s, self._resync),
            (pace.coins_s, self._on_line(self._ask_coins)),
        ]
        if not self._spot:
            rounds += [
                (pace.marks_s, self._on_line(self._ask_marks)),
                (pace.rates_s, self._on_line(self._ask_rates)),
                (pace.rates_s, self._on_line(self._ask_settled)),
            ]
        try:
            async with asyncio.TaskGroup() as group:
                if self._books.followed is not None:
                    group.create_task(self._books.followed.run(self._stopped))
                for seconds, work in rounds:
                    group.create_task(self._every(seconds, work))
        finally:
            await self._books.end()

    def _on_line(self, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Nothing is told before the line is up, and then all is asked anew: what was asked before it would
        only have taken the books' room in the budget."""

        async def asked() -> None:
            if self._line.is_up:
                await work()

        return asked

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stopped.is_set():
            anew = self._anew
            try:
                await work()
            except READING as error:
                self._trouble(told(error))
                if work == self._books.ask:
                    self._line.bad(MARKET, told(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(anew.wait(), seconds)

    def _frame(self, asked: int, *, alive: bool = False, **rows: tuple[Any, ...]) -> None:
        """Told only on a line that is up; each row is as old as its question. `alive`: also without rows."""
        if not self._line.is_up or not (alive or any(rows.values())):
            return
        self._seq += 1
        self._tell(MarketFrame(self._venue, asked, asked, self._seq, **rows))

    async def _ask_marks(self) -> None:
        asked = self._wall()
        indexes: dict[str, object] = {}
        if self._door.can("fetchMarkPrices"):
            rows = await self._door.ask("fetch_mark_prices", self._symbols)
            if self._exchange == "okx":
                indexes = await okx_indexes(
                    self._door, {each.spec.quote for each in self._open}, lambda row: str(row.get("instId"))
                )
        elif self._door.can("fetchFundingRates"):
            rows = await self._door.ask("fetch_funding_rates", self._symbols)
        else:
            rows = await self._door.ask("fetch_tickers", self._symbols)
        marks, tries = [], Tries(READING)
        for market in tries.of(self._open):
            with tries:
                row = rows.get(market.symbol) or {}
                level = row.get("indexPrice") or indexes.get(market.id.removesuffix("-SWAP"))
                mark = float(wire_positive(row.get("markPrice"), f"{market.id} mark"))
                index = 0.0 if level is None else float(wire_positive(level, f"{market.id} index"))
                marks.append(MarkRow(market.spec.id, mark, index))
        self._frame(asked, marks=tuple(marks))
        tries.end()

    async def _ask_coins(self) -> None:
        """What the settle coins are worth in USD by the venue's own indexes; of some nobody tells, and their
        markets stay without a value in USD."""
        asked, tries = self._wall(), Tries(READING)
        traded = {coin for each in self._listed.values() for coin in (*coins_of(each), each.spec.quote)}
        # The two dollars besides: an account may hold both.
        coins = sorted(traded - {"USD"} | {"USDT", "USDC"})
        listed: dict[str, object] | None = None
        if self._exchange == "okx":
            listed = await okx_indexes(self._door, {"USD"}, lambda row: str(row.get("instId")))
        rows: list[IndexRow] = []
        for coin in tries.of(coins):
            with tries:
                if listed is None:
                    price = await implied(self._door, coin)
                else:
                    name = f"{coin}-USD"
                    price = wire_positive(listed[name], f"{coin} index") if name in listed else None
                if price is not None:
                    rows.append(IndexRow(coin, float(price)))
            if self._wall() - asked > LATE_NS:
                # One that is waited for makes no other older than its own question.
                self._frame(asked, indexes=tuple(rows))
                asked, rows = self._wall(), []
        self._frame(asked, indexes=tuple(rows))
        tries.end()

    async def _ask_rates(self) -> None:
        now, tries = self._venue_ms(), Tries(READING)
        if self._exchange == "dydx":
            await self._door.ask("load_markets", True)
            rows = {
                each.symbol: {"fundingRate": info.get("nextFundingRate"), "info": info}
                for each in self._open
                if (info := self._door.markets.get(each.symbol, {}).get("info")) is not None
            }
        elif self._exchange == "deribit":
            rows = await self._one_by_one("fetch_ticker", tries)
        elif self._door.can("fetchFundingRates"):
            rows = await self._door.ask("fetch_funding_rates", self._symbols)
        else:
            rows = await self._one_by_one("fetch_funding_rate", tries)
        if self._exchange == "binanceusdm":
            hours = await self._door.ask("fetch_funding_intervals", self._symbols)
            rows = {
                name: {**row, "interval": (hours.get(name) or {}).get("interval")}
                for name, row in rows.items()
            }
        asked = self._wall()
        caps: dict[str, Decimal] = {}
        rates, read = [], Tries(READING)
        for each in self._open:
            with read:
                if rows.get(each.symbol) is None:
                    continue
                cap = funding.cap_of(self._exchange, rows[each.symbol])
                rates.append(funding.rate_row(self._exchange, each.spec.id, rows[each.symbol], now))
                if cap is not None:
                    caps[each.spec.id] = cap
        self._capped(caps)
        self._frame(asked, rates=tuple(rates))
        read.end()
        tries.end()

    async def _one_by_one(self, call: str, tries: Tries) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for symbol in tries.of(self._symbols):
            with tries:
                found[symbol] = await self._door.ask(call, symbol)
        return found

    async def _ask_settled(self) -> None:
        if not self.settled.known:
            return
        news: list[RateRow] = []
        tries = Tries(READING)
        for each in tries.of(self._open):
            with tries:
                news += await self.settled.news(each, lambda: self._line.is_up)
        self._frame(self._wall(), rates=tuple(news))
        tries.end()
