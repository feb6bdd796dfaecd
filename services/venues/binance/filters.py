"""A symbol's filters, held against an order before it is sent (binance.md 4). Pure.

What the venue would refuse anyway costs a request, an error and half a second of an unhedged leg.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from services.domain.enums import OrderType, Side, TimeInForce
from services.domain.money import ceil_to, floor_to
from services.domain.orders import OrderRequest
from services.venues.binance import schemas as wire
from services.venues.wire.numbers import wire_count, wire_step

ZERO = Decimal(0)


class FilterError(ValueError):
    """One line: which filter is missing or cannot be read."""


class Filters(Struct, frozen=True, kw_only=True):
    """0 = no such bound, as the venue writes it."""

    reference: ClassVar[str] = "mark"
    """What a limit's distance is measured from."""

    tick: Decimal
    least_price: Decimal
    most_price: Decimal
    step: Decimal
    least: Decimal
    most: Decimal
    market_step: Decimal
    market_least: Decimal
    market_most: Decimal
    min_notional: Decimal
    """In the quote coin; reducing orders are exempt."""
    up: Decimal
    """A limit price lies at or below mark x up."""
    down: Decimal

    @property
    def largest(self) -> Decimal | UnsetType:
        """The most that one order may be, of either type, on the grid; unset where there is no bound."""
        bounds = [most for most in (self.most, self.market_most) if most]
        # Spot states the bound of market orders in finer figures than its lots.
        return floor_to(min(bounds), max(self.step, self.market_step)) or UNSET if bounds else UNSET

    def refusal(self, order: OrderRequest, mark: Decimal | None) -> str:
        """Why the venue would refuse it; "" = it would not."""
        return self._quantity(order) or self._price(order, mark) or self._notional(order, mark)

    def _quantity(self, order: OrderRequest) -> str:
        size = order.quantity
        bounds = [("LOT_SIZE", self.step, self.least, self.most)]
        if order.type is OrderType.MARKET:
            # Of its own bounds only those that are stated: on spot its step is zero, and every lot's holds.
            bounds.insert(0, ("MARKET_LOT_SIZE", self.market_step, self.market_least, self.market_most))
        if not size.is_finite() or size <= 0:
            return f"{bounds[0][0]}: quantity {size}"
        for name, step, least, most in bounds:
            if step and size % step:
                return f"{name}: {size} is not on the step {step}"
            if size < least:
                return f"{name}: {size} is below {least}"
            if most and size > most:
                return f"{name}: {size} is above {most}"
        return ""

    def _price(self, order: OrderRequest, mark: Decimal | None) -> str:
        for price in (order.price, order.trigger):
            if price is None:
                continue
            if not price.is_finite() or price <= 0:
                return f"PRICE_FILTER: price {price}"
            if price % self.tick:
                return f"PRICE_FILTER: {price} is not on the tick {self.tick}"
            if self.least_price and price < self.least_price:
                return f"PRICE_FILTER: {price} is below {self.least_price}"
            if self.most_price and price > self.most_price:
                return f"PRICE_FILTER: {price} is above {self.most_price}"
        if order.price is None or order.trigger is not None:
            # A conditional order's limit is judged when it is released.
            return ""
        up, down = self._band(order)
        if not up and not down:
            return ""
        if mark is None:
            return "" if order.closing else f"PERCENT_PRICE: the {self.reference} is not known"
        if up and order.price > mark * up:
            return f"PERCENT_PRICE: {order.price} is above the {self.reference} {mark} x {up}"
        if down and order.price < mark * down:
            return f"PERCENT_PRICE: {order.price} is below the {self.reference} {mark} x {down}"
        return ""

    def within(self, order: OrderRequest, mark: Decimal | None) -> OrderRequest:
        """What has to be closed or hedged now is offered at the edge of the venue's band where its limit lies
        beyond: there the whole would be refused, and the widest band of the desk is as wide as theirs. The
        limit only becomes the better one."""
        price = order.price
        if price is None or mark is None or order.trigger is not None or not price.is_finite():
            return order
        if not order.urgent or order.tif is not TimeInForce.IOC:
            return order
        up, down = self._band(order)
        if up and order.side is Side.BUY and price > mark * up:
            return replace(order, price=floor_to(mark * up, self.tick))
        if down and order.side is Side.SELL and price < mark * down:
            return replace(order, price=ceil_to(mark * down, self.tick))
        return order

    def _band(self, order: OrderRequest) -> tuple[Decimal, Decimal]:
        return self.up, self.down

    def _notional(self, order: OrderRequest, mark: Decimal | None) -> str:
        if order.reduce_only or order.trigger is not None:
            return ""
        price = order.price if order.price is not None else mark
        if price is None:
            return "MIN_NOTIONAL: the mark is not known"
        if order.quantity * price < self.min_notional:
            return f"MIN_NOTIONAL: {order.quantity * price} is below {self.min_notional}"
        return ""


def filters_of(row: wire.Symbol) -> Filters:
    """Raises FilterError, BadNumber. Tick and step come from the filters, never from the precisions."""
    read = Read(row)
    return Filters(
        **read.grid(),
        min_notional=read.figure("MIN_NOTIONAL", "notional"),
        up=read.optional("PERCENT_PRICE", "multiplierUp", ZERO),
        down=read.optional("PERCENT_PRICE", "multiplierDown", ZERO),
    )


class Read:
    """A symbol's filter rows by their types. Raises FilterError, BadNumber."""

    def __init__(self, row: wire.Symbol) -> None:
        self._symbol = row.symbol
        self.rows = {found.filterType: found for found in row.filters}

    def figure(self, kind: str, field: str) -> Decimal:
        found = self.rows.get(kind)
        value = getattr(found, field) if found is not None else None
        if value is None:
            raise FilterError(f"{self._symbol}: no {kind} {field}")
        return wire_count(value, f"{self._symbol} {kind} {field}")

    def optional(self, kind: str, field: str, otherwise: Decimal) -> Decimal:
        return self.figure(kind, field) if kind in self.rows else otherwise

    def grid(self) -> dict[str, Decimal]:
        """What prices and sizes have to lie on and within."""
        step = wire_step(self.figure("LOT_SIZE", "stepSize"), f"{self._symbol} stepSize")
        market_step = self.optional("MARKET_LOT_SIZE", "stepSize", step)
        least, most = self.figure("LOT_SIZE", "minQty"), self.figure("LOT_SIZE", "maxQty")
        return {
            "tick": wire_step(self.figure("PRICE_FILTER", "tickSize"), f"{self._symbol} tickSize"),
            "least_price": self.figure("PRICE_FILTER", "minPrice"),
            "most_price": self.figure("PRICE_FILTER", "maxPrice"),
            "step": step,
            "least": least,
            "most": most,
            "market_step": wire_step(market_step, "MARKET_LOT_SIZE stepSize") if market_step else market_step,
            "market_least": self.optional("MARKET_LOT_SIZE", "minQty", least),
            "market_most": self.optional("MARKET_LOT_SIZE", "maxQty", most),
        }
