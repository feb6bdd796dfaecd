"""A spot symbol's filters, held against an order before it is sent (binance.md 4). Pure.

Unlike futures: a limit's distance is measured from the average price, buys and sells may have bands of their
own, and an order that gives up a coin is spared no minimum.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from services.domain.enums import OrderType, Side
from services.domain.orders import OrderRequest
from services.venues.binance import schemas as wire
from services.venues.binance.filters import ZERO, FilterError, Filters, Read


class SpotFilters(Filters, frozen=True, kw_only=True):
    """0 = no such bound."""

    reference: ClassVar[str] = "average price"

    sell_up: Decimal
    sell_down: Decimal
    """`up` and `down` of `Filters` are a buy's."""
    max_notional: Decimal
    min_on_market: bool
    max_on_market: bool
    most_held: Decimal
    """Of the base coin, in all."""

    def refusal(self, order: OrderRequest, mark: Decimal | None) -> str:
        if order.trigger is not None:
            return "this venue is given no conditional orders"
        if order.reduce_only and order.side is Side.BUY:
            return "a spot account owes no coin: a buy reduces nothing"
        if order.side is Side.BUY and self.most_held and order.quantity > self.most_held:
            return f"MAX_POSITION: {order.quantity} is above {self.most_held}"
        return super().refusal(order, mark)

    def _band(self, order: OrderRequest) -> tuple[Decimal, Decimal]:
        return (self.up, self.down) if order.side is Side.BUY else (self.sell_up, self.sell_down)

    def _notional(self, order: OrderRequest, mark: Decimal | None) -> str:
        market = order.type is OrderType.MARKET
        least = self.min_notional if not market or self.min_on_market else ZERO
        most = self.max_notional if not market or self.max_on_market else ZERO
        if not least and not most:
            return ""
        price = order.price if order.price is not None else mark
        if price is None:
            return f"NOTIONAL: the {self.reference} is not known"
        worth = order.quantity * price
        if worth < least:
            return f"NOTIONAL: {worth} is below {least}"
        if most and worth > most:
            return f"NOTIONAL: {worth} is above {most}"
        return ""


def spot_filters_of(row: wire.Symbol) -> SpotFilters:
    """Raises FilterError, BadNumber."""
    read = Read(row)
    one = read.rows.get("NOTIONAL") or read.rows.get("MIN_NOTIONAL")
    if one is None:
        raise FilterError(f"{row.symbol}: no NOTIONAL minNotional")
    both = "PERCENT_PRICE"
    up, down = read.optional(both, "multiplierUp", ZERO), read.optional(both, "multiplierDown", ZERO)
    sided = "PERCENT_PRICE_BY_SIDE"
    whole = one.filterType == "NOTIONAL"
    return SpotFilters(
        min_notional=read.figure(one.filterType, "minNotional"),
        max_notional=read.figure("NOTIONAL", "maxNotional") if whole else ZERO,
        min_on_market=one.applyMinToMarket if whole else one.applyToMarket,
        max_on_market=one.applyMaxToMarket,
        up=read.optional(sided, "bidMultiplierUp", up),
        down=read.optional(sided, "bidMultiplierDown", down),
        sell_up=read.optional(sided, "askMultiplierUp", up),
        sell_down=read.optional(sided, "askMultiplierDown", down),
        most_held=read.optional("MAX_POSITION", "maxPosition", ZERO),
        **read.grid(),
    )
