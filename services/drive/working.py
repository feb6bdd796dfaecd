"""The venue clients' own list of orders that may still live: what a fatal halt cancels (RUNTIME 3).

Kept by the driver from what it sent and what the venues said, so that it needs nothing of a desk that has
just failed. Conditional orders are left out: they only reduce, and guard a position that nobody watches.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.enums import OrderState
from services.domain.events import (
    AccountReport,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
)
from services.domain.instrument import venue_of
from services.domain.orders import OrderRequest

_ENDED = (OrderState.REJECTED, OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED)

_HEARD: frozenset[type] = frozenset(
    {OrderAccepted, OrderRejected, OrderCanceled, OrderFilled, OrderReport, AccountReport}
)


class Working(Struct):
    """One order that was sent and has not ended as far as the venue has said."""

    venue: str
    instrument: str
    client_order_id: str
    leaves: Decimal
    venue_order_id: str = ""


class WorkingOrders:
    """By client order id, or by the venue's where an order has none of ours."""

    def __init__(self) -> None:
        self._orders: dict[str, Working] = {}

    def sent(self, order: OrderRequest) -> None:
        if order.trigger is not None:
            return
        name = order.client_order_id
        self._orders[name] = Working(venue_of(order.instrument), order.instrument, name, order.quantity)

    def heard(self, event: Event) -> None:
        """Any word of a venue; what is no order's is ignored."""
        if event.__class__ not in _HEARD:
            return
        match event:
            case OrderAccepted():
                found = self._orders.get(event.client_order_id)
                if found is not None:
                    found.venue_order_id = event.venue_order_id
            case OrderRejected() | OrderCanceled():
                self._orders.pop(event.client_order_id, None)
            case OrderFilled():
                found = self._orders.get(event.client_order_id)
                if found is not None and event.quantity.is_finite():  # the desk keeps out what is not, too
                    found.leaves -= event.quantity
                    if found.leaves <= 0:
                        del self._orders[event.client_order_id]
            case OrderReport():
                if event.found and event.state in _ENDED:
                    self._orders.pop(event.client_order_id, None)
            case AccountReport():
                for row in event.orders:
                    if row.trigger is not None:
                        continue
                    name = row.client_order_id or row.venue_order_id
                    self._orders[name] = Working(
                        event.venue,
                        row.instrument,
                        row.client_order_id,
                        row.quantity - row.filled,
                        row.venue_order_id,
                    )
            case _:
                return

    def all(self) -> tuple[Working, ...]:
        """In the order in which they became known."""
        return tuple(self._orders.values())
