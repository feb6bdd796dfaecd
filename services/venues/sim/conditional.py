"""Conditional orders: reduce-only stops that rest at the venue until the mark reaches their trigger.

A sell is released when the mark is at or below its trigger, a buy when it is at or above it, also when the
mark jumps over it. A trigger that the mark has already reached is refused, not released: FTX says `Trigger
price too high`, Binance -2021 (would trigger at once), and a desk that asks for it has wrong figures. The
quantity holds nothing back and is cut to the position only on release, as those venues do it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.sim.book import Book, SimOrder
from services.venues.sim.matching import LARGEST


def trigger_refusal(order: OrderRequest, instrument: Instrument, mark: Decimal) -> str | None:
    """Why a conditional order is none. None = it may wait, or it is an ordinary order."""
    trigger = order.trigger
    if trigger is None:
        return None
    if not order.reduce_only:
        return "a conditional order must be reduce-only"
    if order.post_only:
        return "a conditional order cannot be post-only"
    if not trigger.is_finite() or trigger <= 0 or trigger > LARGEST:
        return "a conditional order needs a trigger price above zero"
    if trigger % instrument.price_increment != 0:
        return f"trigger price is not a multiple of {instrument.price_increment}"
    if mark <= 0:
        return "no mark yet"
    if order.side is Side.SELL and trigger >= mark:
        return f"trigger price too high: the mark {mark} is already at or below it"
    if order.side is Side.BUY and trigger <= mark:
        return f"trigger price too low: the mark {mark} is already at or above it"
    return None


class Conditionals:
    """Those of one venue that wait, oldest first."""

    def __init__(self) -> None:
        self._orders: dict[str, SimOrder] = {}

    def __bool__(self) -> bool:
        return bool(self._orders)

    def add(self, order: SimOrder) -> None:
        self._orders[order.venue_order_id] = order

    def drop(self, order: SimOrder) -> None:
        self._orders.pop(order.venue_order_id, None)

    def of(self, instrument: str) -> list[SimOrder]:
        return [order for order in self._orders.values() if order.instrument == instrument]

    def reached(self, books: Mapping[str, Book]) -> Iterable[SimOrder]:
        """Those whose trigger the present mark has reached; what ends meanwhile is left out."""
        for order in list(self._orders.values()):
            mark = books[order.instrument].cell.mark_ticks
            if order.trigger is None or mark <= 0 or order.venue_order_id not in self._orders:
                continue
            if (mark - order.trigger) * order.side.sign >= 0:
                yield order
