"""What an account's streams are told of what happens to it: orders, fills, trades, each in its channel.

An order that is taken is `new`; then it rests, and is `open`, or its fills and its end say what became of it
(ftx.md 3.2, 4). Each frame of an order shows it as it is when the frame leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.domain.events import Event, OrderAccepted, OrderCanceled, OrderFilled, OrderRejected
from services.workers.simserver import orders, shown
from services.workers.simserver.house import Seat
from services.workers.simserver.shown import Row

Word = tuple[str, str, Any]
"""Channel, market ("" = private), data."""


def words_of(seat: Seat, venue: str, event: Event) -> Iterator[Word]:
    floor = seat.venue(venue).floor
    match event:
        case OrderFilled():
            spec = floor.listed[event.instrument]
            yield "fills", "", shown.fill(spec, event)
            yield "trades", spec.symbol, [shown.trade(event)]
            yield from _order(seat, venue, event.venue_order_id)
        case OrderAccepted():
            yield from _taken(seat, venue, event.venue_order_id)
        case OrderCanceled():
            yield from _order(seat, venue, floor.state.by_client.get(event.client_order_id, ""))
        case OrderRejected():
            yield from _killed(seat, venue, event.client_order_id)
        case _:
            return


def _order(seat: Seat, venue: str, venue_order_id: str) -> Iterator[Word]:
    row = _row(seat, venue, venue_order_id)
    if row is not None:
        yield "orders", "", row


def _taken(seat: Seat, venue: str, venue_order_id: str) -> Iterator[Word]:
    row = _row(seat, venue, venue_order_id)
    if row is not None:
        yield "orders", "", shown.fresh(row)
        if row["status"] == "open" and not row["filledSize"]:
            yield "orders", "", row


def _killed(seat: Seat, venue: str, client_order_id: str) -> Iterator[Word]:
    """A refused order was never there; one that was post-only and would have traded came and went."""
    dead = seat.killed.named(venue, client_order_id)
    if dead is not None:
        row = orders.killed_row(seat.venue(venue).floor, dead)
        yield "orders", "", shown.fresh(row)
        yield "orders", "", row


def _row(seat: Seat, venue: str, venue_order_id: str) -> Row | None:
    """Conditional orders that wait are not told of."""
    floor = seat.venue(venue).floor
    sim = floor.state.orders.get(venue_order_id)
    return None if sim is None or sim.trigger is not None else orders.order_row(floor, sim)
