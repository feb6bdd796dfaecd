"""What the background trades with itself, print by print, and a served market's last day.

The generated market has prices and depth, and no other traders. So that a client of the dialect finds trades,
volumes and changes, each frame of the market prints at most one trade a market, at the side that the price
moved through, of a size out of the first level. Seeded: the same market prints the same tape. It reaches no
book and no account; an account's own fills are its own, and stand beside it on its streams (ftx.md 2, 4).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from msgspec import Struct

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.venues.sim.floor import TradingFloor
from services.venues.sim.source import Cell
from services.venues.sim.world import stream

ZERO = Decimal(0)
KEEP = 5_000
"""Prints kept of each market: a page."""
FIRST = 7_000_000_000
"""The first number; fills of the accounts count from one."""
MINUTE_NS = 60 * 1_000_000_000
DAY_MIN = 1_440
QUIET = 0.4
"""Share of the frames that print nothing in a market."""


class Print(Struct, frozen=True):
    number: int
    ts: int
    side: Side
    """The taker's."""
    ticks: int
    lots: int


class Traded(Struct, frozen=True, kw_only=True):
    """A market's last day, or what there is of it since the server's start."""

    last: Decimal | None = None
    base: Decimal = ZERO
    quote: Decimal = ZERO
    change_1h: Decimal = ZERO
    change_24h: Decimal = ZERO
    change_day: Decimal = ZERO
    """Since 00:00 UTC."""


@dataclass(slots=True)
class _Minute:
    at: int
    """Minutes since 1970."""
    first: int
    """Ticks."""
    lots: int = 0
    units: int = 0
    """Ticks times lots."""


@dataclass(slots=True)
class _Market:
    fair: float = 0.0
    prints: deque[Print] = field(default_factory=lambda: deque(maxlen=KEEP))
    minutes: deque[_Minute] = field(default_factory=deque)
    lots: int = 0
    units: int = 0
    turned: int = 0
    """Units since the start."""


class Tape:
    """Of one venue."""

    def __init__(self, digest: str, venue: str) -> None:
        self._draw: Random = stream(digest, f"tape:{venue}")
        self._markets: dict[str, _Market] = {}
        self._next = FIRST

    def frame(self, floor: TradingFloor, ts: int) -> None:
        """The market has moved."""
        for name, book in floor.books.items():
            market = self._markets.get(name)
            if market is None:
                market = self._markets[name] = _Market()
            if book.priced and self._draw.random() >= QUIET:
                self._print(market, book.cell, ts)

    def _print(self, market: _Market, cell: Cell, ts: int) -> None:
        moved, market.fair = cell.fair - market.fair, cell.fair
        up = self._draw.random() < 0.5 if moved == 0 else moved > 0
        ticks = math.ceil(cell.fair * cell.up) if up else math.floor(cell.fair * cell.down)
        lots = max(1, int(cell.level_lots * self._draw.random() * 0.5))
        if ticks <= 0:
            return
        market.prints.append(Print(self._next, ts, Side.BUY if up else Side.SELL, ticks, lots))
        self._next += 1
        minute = ts // MINUTE_NS
        if not market.minutes or market.minutes[-1].at != minute:
            market.minutes.append(_Minute(minute, ticks))
            while market.minutes[0].at <= minute - DAY_MIN:
                gone = market.minutes.popleft()
                market.lots -= gone.lots
                market.units -= gone.units
        last = market.minutes[-1]
        last.lots += lots
        last.units += ticks * lots
        market.lots += lots
        market.units += ticks * lots
        market.turned += ticks * lots

    def turned(self, name: str) -> int:
        """All that was traded since the start, ticks times lots."""
        market = self._markets.get(name)
        return 0 if market is None else market.turned

    def since(self, name: str, number: int) -> Iterator[Print]:
        """Prints after one of them, newest first; 0 = all."""
        market = self._markets.get(name)
        for each in reversed(market.prints if market is not None else ()):
            if each.number <= number:
                return
            yield each

    def traded(self, spec: Instrument, now: int) -> Traded:
        market = self._markets.get(spec.id)
        if market is None or not market.prints:
            return Traded()
        last, minute = market.prints[-1].ticks, now // MINUTE_NS
        starts = [each.at for each in market.minutes]

        def change(since: int) -> Decimal:
            first = market.minutes[min(bisect_left(starts, since), len(starts) - 1)].first
            return (Decimal(last) / first - 1).quantize(Decimal("0.00000001"))

        return Traded(
            last=last * spec.price_increment,
            base=market.lots * spec.size_increment,
            quote=market.units * spec.price_increment * spec.size_increment,
            change_1h=change(minute - 60),
            change_24h=change(minute - DAY_MIN),
            change_day=change(minute // DAY_MIN * DAY_MIN),
        )
