"""From spot's rows to ours, pure. What cannot be understood raises ParseError with its name."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import InstrumentKind, OrderType, TimeInForce
from services.domain.instrument import Instrument
from services.domain.money import COIN_INCREMENT
from services.domain.orders import OrderRequest
from services.venues.binance.api import plain
from services.venues.binance.filters import FilterError
from services.venues.binance.parse import OPEN, QUOTES, ParseError, fee_of
from services.venues.binance.spot import schemas as spot
from services.venues.binance.spot.filters import spot_filters_of


def instrument_of(venue: str, row: spot.Symbol, rates: spot.Rates | None) -> Instrument:
    """The static facts of an open pair. `rates`: None = unknown, untradable."""
    name = row.symbol
    if row.status != OPEN or not row.isSpotTradingAllowed:
        raise ParseError(f"{name}: {row.status}, not open for spot")
    if row.quoteAsset not in QUOTES:
        raise ParseError(f"{name}: quoted in {row.quoteAsset!r:.20}, whose minimum notional is none in USD")
    try:
        limits = spot_filters_of(row)
    except FilterError as error:
        raise ParseError(str(error)) from None
    size = max(limits.step, limits.market_step)
    if (limits.tick * size) % COIN_INCREMENT:
        # The venue rounds what a fill pays to eight places; ours has to be the same to the last of them.
        raise ParseError(f"{name}: a tick of {limits.tick} times a lot of {size} is finer than the books")
    maker, taker = (None, None) if rates is None else fees_of(rates, name)
    return Instrument(
        id=f"{name}.{venue}",
        venue=venue,
        symbol=name,
        kind=InstrumentKind.SPOT,
        underlying=row.baseAsset,
        quote=row.quoteAsset,
        settle=row.quoteAsset,
        price_increment=limits.tick,
        size_increment=size,
        min_size=max(limits.least, limits.market_least, limits.step),
        max_size=limits.largest,
        min_notional=limits.min_notional,
        maker_fee=maker,
        taker_fee=taker,
        reduce_only_supported=False,
    )


def fees_of(rates: spot.Rates, name: str) -> tuple[Decimal, Decimal]:
    """Of maker and taker, without what paying in BNB takes off, and without promotions: a fee is never less
    than this. Raises ParseError, BadNumber."""
    extra = max(fee_of(rates.buyer, f"{name} buyer"), fee_of(rates.seller, f"{name} seller"))
    maker, taker = fee_of(rates.maker, f"{name} maker"), fee_of(rates.taker, f"{name} taker")
    return fee_of(maker + extra, f"{name} maker"), fee_of(taker + extra, f"{name} taker")


def order_query(order: OrderRequest, symbol: str) -> dict[str, str]:
    """`POST /order`. The final state is asked for; fills never come from it, they have no time there."""
    query = {
        "symbol": symbol,
        "side": order.side.value.upper(),
        "quantity": plain(order.quantity),
        "newOrderRespType": "RESULT",
        "newClientOrderId": order.client_order_id,
    }
    if order.type is OrderType.MARKET:
        return query | {"type": "MARKET"}
    if order.price is None:
        raise ParseError("a limit order without a price")
    if order.post_only:
        return query | {"type": "LIMIT_MAKER", "price": plain(order.price)}
    tif = "IOC" if order.tif is TimeInForce.IOC else "GTC"
    return query | {"type": "LIMIT", "timeInForce": tif, "price": plain(order.price)}
