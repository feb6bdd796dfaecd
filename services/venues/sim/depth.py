"""A book of the simulated exchange as it shows it to anybody: levels a side, best first."""

from __future__ import annotations

from decimal import Decimal

from services.venues.sim.floor import TradingFloor

Level = tuple[Decimal, Decimal]
"""(price, base quantity)."""


def levels(floor: TradingFloor, name: str, depth: int) -> tuple[list[Level], list[Level]]:
    """Bids and asks: the background with our resting orders in it; empty before the first price."""
    book, spec = floor.books[name], floor.listed[name]
    out: list[list[Level]] = []
    for asks in (False, True):
        sizes = dict(book.levels(asks)) if book.priced else {}
        for order in book.asks if asks else book.bids:
            if order.ticks is not None:
                sizes[order.ticks] = sizes.get(order.ticks, 0) + order.leaves
        ordered = [row for row in sorted(sizes.items(), reverse=not asks) if row[1] > 0][:depth]
        out.append([(ticks * spec.price_increment, lots * spec.size_increment) for ticks, lots in ordered])
    return out[0], out[1]
