"""A book of the simulated exchange as it shows it to anybody: levels a side, best first."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from services.venues.sim.floor import TradingFloor

Level = tuple[Decimal, Decimal]
"""(price, base quantity)."""


def levels(floor: TradingFloor, name: str, depth: int) -> tuple[list[Level], list[Level]]:
    """Bids and asks: the background with our resting orders in it; empty before the first price."""
    book, spec = floor.books[name], floor.listed[name]
    shown: list[list[Level]] = [
        [(ticks * spec.price_increment, lots * spec.size_increment) for ticks, lots in book.levels(asks)]
        if book.priced
        else []
        for asks in (False, True)
    ]
    return with_ours(floor, name, (shown[0], shown[1]), depth)


def with_ours(
    floor: TradingFloor, name: str, shown: tuple[Iterable[Level], Iterable[Level]], depth: int
) -> tuple[list[Level], list[Level]]:
    """Bids and asks as `shown`, with our resting orders among them."""
    book, spec = floor.books[name], floor.listed[name]
    out: list[list[Level]] = []
    for asks, side in enumerate(shown):
        sizes = dict(side)
        for order in book.asks if asks else book.bids:
            if order.ticks is not None:
                price = order.ticks * spec.price_increment
                sizes[price] = sizes.get(price, Decimal(0)) + order.leaves * spec.size_increment
        rows = sorted(sizes.items(), reverse=not asks)
        out.append([row for row in rows if row[1] > 0][:depth])
    return out[0], out[1]
