"""Cuts one venue's market frames out of the board: only what changed, everything after a (re)connect.

The hot path of every simulated run. Comparison happens on integer ticks and lots; floats are made only for
rows that go out, as exact decimal neighbours (ticks divided by whole ticks per unit).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.domain.events import IndexRow, MarketFrame, MarkRow, QuoteRow, RateRow
from services.venues.sim.book import Book
from services.venues.sim.source import Board


class FrameCutter:
    """One venue's public feed."""

    def __init__(self, venue: str, books: Mapping[str, Book], board: Board) -> None:
        self.venue = venue
        self._board = board
        self._rows = [(book, book.cell, book.cell.instrument.id) for book in books.values()]
        self._perps = [(book.cell, name) for name, book in books.items() if book.cell.instrument.is_perp]
        self.names = frozenset(books)
        self._quotes: list[tuple[int, ...]] = []
        self._marks: list[tuple[int, int]] = []
        self._indexes: dict[str, float] = {}
        self.forget()

    def forget(self) -> None:
        """The next frame is complete."""
        self._quotes = [()] * len(self._rows)
        self._marks = [(-1, -1)] * len(self._perps)
        self._indexes = {}

    def cut(self, ts_event: int, ts: int, seq: int, rates: tuple[RateRow, ...]) -> MarketFrame:
        return MarketFrame(
            self.venue, ts_event, ts, seq, self._quote_rows(), self._mark_rows(), rates, self._index_rows()
        )

    def _quote_rows(self) -> tuple[QuoteRow, ...]:
        out: list[QuoteRow] = []
        seen = self._quotes
        floor, ceil = math.floor, math.ceil
        for at, (book, cell, name) in enumerate(self._rows):
            level = cell.level_lots
            if level == 0:
                continue
            if book.bids or book.asks:
                key = book.top()
                if key != seen[at]:
                    seen[at] = key
                    tick, lot = cell.inv_tick, cell.inv_lot
                    bid, bid_lots, ask, ask_lots, bid_depth, ask_depth = key
                    out.append(
                        QuoteRow(
                            name, bid / tick, bid_lots / lot, ask / tick, ask_lots / lot,
                            bid_depth / lot, ask_depth / lot,
                        )
                    )  # fmt: skip
                continue
            fair = cell.fair
            plain = (floor(fair * cell.down), ceil(fair * cell.up), level)
            if plain != seen[at]:
                seen[at] = plain
                tick, lot = cell.inv_tick, cell.inv_lot
                top = cell.top_lots / lot
                depth = cell.depth_lots / lot
                out.append(QuoteRow(name, plain[0] / tick, top, plain[1] / tick, top, depth, depth))
        return tuple(out)

    def _mark_rows(self) -> tuple[MarkRow, ...]:
        out: list[MarkRow] = []
        seen = self._marks
        for at, (cell, name) in enumerate(self._perps):
            tick = cell.inv_tick
            key = (cell.mark_ticks, round(cell.index * tick))
            if key != seen[at] and cell.mark_ticks > 0:
                seen[at] = key
                out.append(MarkRow(name, key[0] / tick, key[1] / tick))
        return tuple(out)

    def _index_rows(self) -> tuple[IndexRow, ...]:
        now = self._board.indexes[self.venue]
        seen = self._indexes
        if now == seen:
            return ()
        out = tuple(IndexRow(coin, level) for coin, level in now.items() if seen.get(coin) != level)
        self._indexes = dict(now)
        return out
