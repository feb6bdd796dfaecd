"""A book of live quotes: what a venue shows at the top and within 5 bps, and nothing that it does not show.

The simulated exchange's floor matches against it as it matches against its own. Where a quote leaves room the
worse reading is taken: depth behind the top stands at the edge of the 5 bps, an order of ours that rests is
met only when the other side of the market comes to its price, and what was taken is gone until the venue
shows something else there.
"""

from __future__ import annotations

import math
from random import Random

from services.domain.enums import Side
from services.domain.events import MarkRow, QuoteRow
from services.domain.instrument import Instrument
from services.venues.sim.book import Book, SimOrder, Take
from services.venues.sim.source import Cell

DEPTH = 5e-4
_SLACK = 1e-9
"""Of a lot: sizes come as floats."""


class QuoteBook(Book):
    """One instrument's live market, and our resting orders against it."""

    __slots__ = ("_asks", "_bids")

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self._bids: list[Take] = []
        self._asks: list[Take] = []

    @property
    def priced(self) -> bool:
        """Both sides are known, and for a perpetual the mark: without it no margin can be told."""
        known = bool(self._bids and self._asks)
        return known and (self.cell.mark_ticks > 0 or not self.cell.instrument.is_perp)

    def show(self, row: QuoteRow) -> None:
        """A quote of the venue. One that cannot be trusted (zeros) takes the market away."""
        figures = (row.bid, row.bid_size, row.ask, row.ask_size, row.bid_depth, row.ask_depth)
        if not all(map(math.isfinite, figures)) or min(figures[:4]) <= 0 or row.bid >= row.ask:
            self.hide()
            return
        mid = (row.bid + row.ask) / 2
        cell = self.cell
        cell.fair, cell.level_lots = mid, 1
        low, high = mid * (1 - DEPTH) * cell.inv_tick, mid * (1 + DEPTH) * cell.inv_tick
        bids = _side(cell, row.bid, row.bid_size, row.bid_depth, math.ceil(low), -1)
        asks = _side(cell, row.ask, row.ask_size, row.ask_depth, math.floor(high), 1)
        taken: dict[tuple[bool, int], int] = {}
        for asked, old, new in ((False, self._bids, bids), (True, self._asks, asks)):
            for place, (before, now) in enumerate(zip(old, new, strict=False)):
                # The top is the same while price and size are; what lies behind moves with the mid.
                if before == now or (place == 1 and before[1] == now[1]):
                    taken[asked, now[0]] = self.taken.get((asked, before[0]), 0)
        self.taken = taken
        self._bids, self._asks = bids, asks

    def hide(self) -> None:
        """Nobody knows the market: nothing is matched until a quote comes."""
        self._bids, self._asks = [], []

    def inherit(self, other: QuoteBook) -> None:
        """The same live market, as another book of it showed it."""
        self._bids, self._asks, self.taken = other._bids, other._asks, other.taken

    def mark(self, row: MarkRow) -> None:
        """A mark of the venue; one that is no number leaves the last one."""
        if math.isfinite(row.mark) and row.mark > 0:
            self.cell.mark_ticks = round(row.mark * self.cell.inv_tick)

    def levels(self, asks: bool) -> list[Take]:
        """What is left of the live market on one side, best first."""
        shown = self._asks if asks else self._bids
        left = [(ticks, lots - self.taken.get((asks, ticks), 0)) for ticks, lots in shown]
        return [(ticks, lots) for ticks, lots in left if lots > 0]

    def traded_through(self, rng: Random) -> list[tuple[SimOrder, int]]:
        """Our resting orders that the other side of the market has come to, with the lots that it brings."""
        fills = []
        for own, side in ((self.bids, Side.BUY), (self.asks, Side.SELL)):
            for order in own:
                lots = sum(lots for _, lots in self.take(side, order.ticks, order.leaves))
                if lots == 0:
                    break
                fills.append((order, lots))
        return fills


def _side(cell: Cell, price: float, size: float, depth: float, edge: int, away: int) -> list[Take]:
    """The top, and what lies behind it at the edge. `away`: +1 for asks, -1 for bids."""
    best = _ticks(cell.instrument, price)
    top, whole = int(size * cell.inv_lot + _SLACK), int(depth * cell.inv_lot + _SLACK)
    if best <= 0 or top <= 0:
        return []
    behind = whole - top
    return [(best, top)] if behind <= 0 or (edge - best) * away <= 0 else [(best, top), (edge, behind)]


def _ticks(instrument: Instrument, price: float) -> int:
    return int(instrument.price_of(price) / instrument.price_increment)
