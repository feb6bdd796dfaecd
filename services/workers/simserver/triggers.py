"""Conditional orders that the exchange itself does not know: take-profit, trailing, stops that add risk.

A service beside the matching, as venues have it: an order waits here, holds nothing back, and becomes an
ordinary one of another number when the mark has reached its trigger. Reduce-only stops, which guard a desk,
are the exchange's own and never come here. What waits is written down with the account's books.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from services.domain.enums import OrderType, Purpose, Side
from services.domain.events import (
    Event,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
)
from services.domain.orders import OrderRequest

FIRST = 9_000_000_000
"""The first number; the exchange's own count from one."""
KEEP = 5_000
ZERO = Decimal(0)


class Kind(StrEnum):
    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"


class Status(StrEnum):
    OPEN = "open"
    TRIGGERED = "triggered"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Waiting:
    """Money and sizes exact; times ns of the market."""

    number: int
    venue: str
    instrument: str
    kind: Kind
    side: Side
    size: Decimal
    trigger: Decimal
    """Of a trailing one where it stands now."""
    created: int
    price: Decimal | None = None
    """Limit of the order that it becomes; None = market."""
    trail: Decimal | None = None
    """Distance to the best mark since it was placed: below zero for a sell, above for a buy."""
    start: Decimal | None = None
    """The mark at which a trailing one was placed."""
    reduce_only: bool = False
    retry: bool = False
    """Sent again until its size is filled."""
    client_id: str | None = None
    status: Status = Status.OPEN
    ended: int = 0
    """When it was triggered or cancelled."""
    became: str = ""
    """The exchange's number of the order that it became last; "" = not known yet."""
    orders: int = 0
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    """Sum of price times quantity of its fills."""
    working: bool = False
    """The order that it became is under way or works."""
    error: str = ""


def follow(order: Waiting, mark: Decimal) -> Decimal:
    """The trigger of a trailing order after a mark: it never moves away from the market."""
    if order.trail is None:
        return order.trigger
    best = max if order.side is Side.SELL else min
    return best(order.trigger, mark + order.trail)


def reached(kind: Kind, side: Side, trigger: Decimal, mark: Decimal) -> bool:
    """Stops fire against the position, take-profit the other way round (ftx.md 3.3)."""
    beyond = (mark - trigger) * side.sign
    return beyond <= 0 if kind is Kind.TAKE_PROFIT else beyond >= 0


class Triggers:
    """Of one account."""

    def __init__(
        self,
        send: Callable[[str, OrderRequest], None],
        draw: Callable[[], str],
        mark: Callable[[str, str], Decimal],
        now: Callable[[], int],
        path: Path | None,
    ) -> None:
        """`send`: venue and order, answered by events; `draw`: a client id; `mark`: of venue and instrument,
        0 = unknown. Raises ValueError, OSError: what was written down cannot be read."""
        self._send = send
        self._draw = draw
        self._mark = mark
        self._now = now
        self._path = path
        self._orders: dict[int, Waiting] = {}
        self._names: dict[str, Waiting] = {}
        """Client ids of what was sent -> whose it is."""
        self._next = FIRST
        if path is not None and path.exists():
            self._read(path)

    def of(self, venue: str) -> list[Waiting]:
        """Oldest first, those that have ended too."""
        return [order for order in self._orders.values() if order.venue == venue]

    def find(self, venue: str, number: str) -> Waiting | None:
        plain = number.isascii() and number.isdigit() and len(number) < 19
        found = self._orders.get(int(number)) if plain else None
        return found if found is not None and found.venue == venue else None

    def add(self, **facts: Any) -> Waiting:
        """What was checked by whoever took it."""
        order = Waiting(number=self._next, created=self._now(), **facts)
        self._next += 1
        self._orders[order.number] = order
        while len(self._orders) > KEEP:
            over = next((n for n, each in self._orders.items() if each.status is not Status.OPEN), None)
            if over is None:
                break
            del self._orders[over]
        self._write()
        return order

    def cancel(self, order: Waiting) -> None:
        order.status, order.ended, order.retry = Status.CANCELLED, self._now(), False
        self._write()

    def hear(self, venue: str, event: Event) -> None:
        """Everything that the account is told."""
        match event:
            case MarketFrame():
                self._look(venue)
            case OrderAccepted() | OrderRejected() | OrderCanceled() | OrderFilled():
                order = self._names.get(event.client_order_id)
                if order is not None:
                    self._hear(order, event)

    # --- inside ------------------------------------------------------------------------------------------

    def _look(self, venue: str) -> None:
        for order in [each for each in self._orders.values() if each.venue == venue]:
            if order.status is Status.TRIGGERED:
                if order.retry and not order.working and order.filled < order.size and not order.error:
                    self._release(order)
                continue
            mark = self._mark(venue, order.instrument) if order.status is Status.OPEN else ZERO
            if mark <= 0:
                continue
            order.trigger = follow(order, mark)
            if reached(order.kind, order.side, order.trigger, mark):
                order.status, order.ended = Status.TRIGGERED, self._now()
                self._release(order)

    def _release(self, order: Waiting) -> None:
        name = self._draw()
        order.orders, order.working = order.orders + 1, True
        self._names[name] = order
        while len(self._names) > KEEP:
            del self._names[next(iter(self._names))]
        request = OrderRequest(
            client_order_id=name,
            instrument=order.instrument,
            side=order.side,
            quantity=order.size - order.filled,
            price=order.price,
            type=OrderType.MARKET if order.price is None else OrderType.LIMIT,
            reduce_only=order.reduce_only,
            purpose=Purpose.TICKET,
            origin="operator",
        )
        # First, so that one which dies here sends it never, and not twice.
        self._write()
        self._send(order.venue, request)

    def _hear(
        self, order: Waiting, event: OrderAccepted | OrderRejected | OrderCanceled | OrderFilled
    ) -> None:
        match event:
            case OrderAccepted():
                order.became = event.venue_order_id
            case OrderRejected():
                order.error, order.working = event.reason, False
            case OrderFilled():
                order.became = event.venue_order_id
                order.filled += event.quantity
                order.paid += event.quantity * event.price
                order.working = order.filled < order.size
            case OrderCanceled():
                order.working = False
        self._write()

    # --- on disk -----------------------------------------------------------------------------------------

    def _write(self) -> None:
        if self._path is None:
            return
        rows = [asdict(order) for order in self._orders.values()]
        text = json.dumps({"next": self._next, "orders": rows}, default=str)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, self._path)

    def _read(self, path: Path) -> None:
        found = json.loads(path.read_text(encoding="utf-8"))
        kinds: dict[str, Callable[[Any], Any]] = {"kind": Kind, "side": Side, "status": Status}
        kinds |= dict.fromkeys(("size", "trigger", "price", "trail", "start", "filled", "paid"), Decimal)
        names = {each.name for each in fields(Waiting)}
        for row in found["orders"]:
            values = {
                name: kinds[name](value) if name in kinds and value is not None else value
                for name, value in row.items()
                if name in names
            }
            order = Waiting(**values)
            # What was under way is told no more: it is not sent a second time.
            order.working, order.retry = False, order.retry and order.status is Status.OPEN
            self._orders[order.number] = order
        self._next = int(found["next"])
