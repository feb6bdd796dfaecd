"""A venue that leaves in its book what was to end at once: no IOC, but venues do it."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.domain.enums import OrderType, TimeInForce
from services.domain.orders import OrderRequest
from services.venues.sim.exchange import SimExchange
from tests.adversary.plan import Overstay

S = 1_000_000_000


def leave_alive(exchange: SimExchange, what: Overstay) -> None:
    """From now on, in the time of the plan, an IOC of ours is taken as an order that rests."""
    floor, start = exchange.venues[what.venue].floor, exchange.now
    place = floor.place

    def kept(ts: int, order: OrderRequest, most: Decimal | None = None) -> None:
        ours = order.client_order_id and order.tif is TimeInForce.IOC and order.type is OrderType.LIMIT
        if ours and what.begin <= (ts - start) / S <= what.end:
            order = replace(order, tif=TimeInForce.GTC)
        place(ts, order, most)

    setattr(floor, "place", kept)  # noqa: B010 - a method is taken over, for this one venue
