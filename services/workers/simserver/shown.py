"""Markets, orders and fills of the exchange as rows of the FTX dialect: plain dicts, money exact.

Times are ISO with microseconds. Fields beyond the dialect are marked extensions: settleCoin, fundingHours,
marginTiers, minNotional, initialWeight, size and price of a funding payment, clientId of a conditional order.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from services.domain.enums import OrderState, OrderType, Side, TimeInForce
from services.domain.events import FundingSettled, OrderFilled, RateRow
from services.domain.instrument import Instrument
from services.venues.sim.book import SimOrder
from services.venues.sim.facts import WEIGHTS
from services.venues.sim.floor import TradingFloor
from services.workers.simserver.tape import Print, Traded

Row = dict[str, Any]
"""(price, size)."""
ZERO = Decimal(0)
CENTS = Decimal("0.00000001")
_DIGITS = re.compile(r"(?<!-l)(?<!-adl)(?<!\d)(\d+)$")
"""Liquidations and deleveragings are counted apart from orders: a number of theirs would be some order's."""


def iso(ts: int) -> str:
    """ns since the epoch."""
    moment = datetime.fromtimestamp(ts // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{ts % 1_000_000_000 // 1_000:06d}+00:00"


def number(text: str) -> int:
    """The number in one of the exchange's ids (`alpha-o17`); other ids get one of their own."""
    found = _DIGITS.search(text)
    if found is not None and len(found[1]) < 16 and ":" not in text:
        return int(found[1])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def own_name(client_order_id: str) -> str | None:
    """Ids that the server drew itself are nobody's."""
    return None if not client_order_id or client_order_id.startswith("~") else client_order_id


def client_id(order: SimOrder) -> str | None:
    return own_name(order.client_order_id)


def fresh(row: Row) -> Row:
    """An order as it was taken: `new`, whatever has become of it since (ftx.md 3.2)."""
    return row | {"status": "new", "filledSize": ZERO, "remainingSize": row["size"], "avgFillPrice": None}


def top_of(floor: TradingFloor, name: str) -> tuple[Decimal | None, Decimal | None, Decimal, Decimal]:
    """Bid, ask and their sizes; None before the first price."""
    book, spec = floor.books[name], floor.listed[name]
    if not book.priced:
        return None, None, ZERO, ZERO
    bid, bid_lots, ask, ask_lots, _, _ = book.top()
    tick, lot = spec.price_increment, spec.size_increment
    return bid * tick, ask * tick, bid_lots * lot, ask_lots * lot


def market(floor: TradingFloor, spec: Instrument, traded: Traded) -> Row:
    bid, ask, _, _ = top_of(floor, spec.id)
    mid = None if bid is None or ask is None else spec.round_price(Side.BUY, (bid + ask) / 2)
    last = mid if traded.last is None else traded.last
    return {
        "name": spec.symbol,
        "type": "future" if spec.is_perp else "spot",
        "baseCurrency": None if spec.is_perp else spec.underlying,
        "quoteCurrency": None if spec.is_perp else spec.quote,
        "underlying": spec.underlying if spec.is_perp else None,
        "enabled": True,
        "restricted": False,
        "postOnly": False,
        "bid": bid,
        "ask": ask,
        "last": last,
        "price": last if bid is None or ask is None or last is None else sorted((bid, ask, last))[1],
        "priceIncrement": spec.price_increment,
        "sizeIncrement": spec.size_increment,
        "minProvideSize": spec.min_size,
        "largeOrderThreshold": Decimal(3_000),
        "isEtfMarket": False,
        "highLeverageFeeExempt": True,
        "change1h": traded.change_1h,
        "change24h": traded.change_24h,
        "changeBod": traded.change_day,
        "quoteVolume24h": traded.quote,
        "volumeUsd24h": (traded.quote * floor.index(spec.quote)).quantize(CENTS),
    }


def band(floor: TradingFloor, spec: Instrument) -> tuple[Decimal, Decimal] | None:
    """Usual prices: 10 % around the mark, of spot 20 % around the mid (ftx.md 3.2). None = no market yet."""
    bid, ask, _, _ = top_of(floor, spec.id)
    if bid is None or ask is None:
        return None
    middle, width = (
        (floor.mark(spec.id), Decimal("0.1")) if spec.is_perp else ((bid + ask) / 2, Decimal("0.2"))
    )
    low, high = (spec.round_price(Side.BUY, middle * (1 + sign * width)) for sign in (-1, 1))
    return low, high


def future(floor: TradingFloor, spec: Instrument, traded: Traded, open_interest: Decimal) -> Row:
    bid, ask, _, _ = top_of(floor, spec.id)
    mark = floor.mark(spec.id)
    known = mark if mark > 0 else None
    low, high = band(floor, spec) or (None, None)
    cell = floor.books[spec.id].cell
    return {
        "name": spec.symbol,
        "underlying": spec.underlying,
        "underlyingDescription": spec.underlying,
        "description": f"{spec.underlying} perpetual, simulated",
        "type": "perpetual",
        "perpetual": True,
        "expired": False,
        "enabled": True,
        "postOnly": False,
        "closeOnly": False,
        "expiry": None,
        "expiryDescription": "Perpetual",
        "group": "perpetual",
        "bid": bid,
        "ask": ask,
        "last": known if traded.last is None else traded.last,
        "mark": known,
        "index": spec.price_of(cell.index) if cell.index > 0 else None,
        "marginPrice": known,
        "imfFactor": Decimal("0.00001"),
        "positionLimitWeight": Decimal(1),
        "lowerBound": low,
        "upperBound": high,
        "openInterest": open_interest,
        "openInterestUsd": (open_interest * mark * floor.index(spec.quote)).quantize(CENTS),
        "priceIncrement": spec.price_increment,
        "sizeIncrement": spec.size_increment,
        "change1h": traded.change_1h,
        "change24h": traded.change_24h,
        "changeBod": traded.change_day,
        "volume": traded.base,
        "volumeUsd24h": (traded.quote * floor.index(spec.quote)).quantize(CENTS),
        "moveStart": None,
        "settleCoin": spec.settle,
        "fundingHours": spec.funding_interval_h,
        "minNotional": spec.min_notional,
        "marginTiers": [
            {"cap": t.cap, "initial": t.initial, "maintenance": t.maintenance, "cum": t.cum}
            for t in spec.tiers or ()
        ],
    }


def stats(predicted: RateRow | None, traded: Traded, open_interest: Decimal) -> Row:
    due = None if predicted is None else predicted.next_ts
    return {
        "volume": traded.base,
        "openInterest": open_interest,
        "nextFundingRate": None if predicted is None else predicted.rate,
        "nextFundingTime": None if due is None else iso(due),
    }


def coin(name: str, floor: TradingFloor) -> Row:
    total, initial = WEIGHTS[name]
    return {
        "id": name,
        "name": name,
        "collateral": True,
        "collateralWeight": total,
        "initialWeight": initial,
        "usdFungible": False,
        "fiat": name == "USD",
        "spotMargin": False,
        "canDeposit": False,
        "canWithdraw": True,
        "indexPrice": floor.index(name),
    }


def order(spec: Instrument, sim: SimOrder, filled: list[OrderFilled]) -> Row:
    """`closed` once it is filled or gone; then nothing remains."""
    lot = spec.size_increment
    return {
        "id": number(sim.venue_order_id),
        "clientId": client_id(sim),
        "market": spec.symbol,
        "future": spec.symbol if spec.is_perp else None,
        "side": sim.side.value,
        "type": sim.type.value,
        "price": None if sim.ticks is None else sim.ticks * spec.price_increment,
        "size": sim.asked_lots * lot,
        "filledSize": sim.filled * lot,
        "remainingSize": sim.leaves * lot if sim.live else ZERO,
        "avgFillPrice": average(filled, spec),
        "status": "open" if sim.live else "closed",
        "reduceOnly": sim.reduce_only,
        "ioc": sim.tif is TimeInForce.IOC,
        "postOnly": sim.post_only,
        "createdAt": iso(sim.ts),
        "liquidation": False,
    }


def average(filled: list[OrderFilled], spec: Instrument) -> Decimal | None:
    """Of the fills; it lies between two ticks, so two digits more than the grid."""
    done = sum((fill.quantity for fill in filled), ZERO)
    paid = sum((fill.quantity * fill.price for fill in filled), ZERO)
    return (paid / done).quantize(spec.price_increment / 100) if done else None


def conditional(spec: Instrument, sim: SimOrder, trigger: Decimal, filled: list[OrderFilled]) -> Row:
    """A stop that waits, that was released, or that is gone. `trigger`: as it was asked for."""
    lot = spec.size_increment
    waits = sim.trigger is not None
    status = "open" if waits and sim.live else "cancelled" if waits else "triggered"
    released = status == "triggered"
    return {
        "id": number(sim.venue_order_id),
        "clientId": client_id(sim),
        "market": spec.symbol,
        "future": spec.symbol if spec.is_perp else None,
        "side": sim.side.value,
        "type": "stop",
        "size": sim.asked_lots * lot,
        "triggerPrice": trigger,
        "orderPrice": None if sim.ticks is None else sim.ticks * spec.price_increment,
        "orderType": "limit" if sim.type is OrderType.LIMIT else "market",
        "status": status,
        "reduceOnly": sim.reduce_only,
        "retryUntilFilled": False,
        "trailStart": None,
        "trailValue": None,
        "triggeredAt": iso(sim.ts) if released else None,
        "orderId": number(sim.venue_order_id) if released else None,
        "error": None,
        "filledSize": sim.filled * lot,
        "avgFillPrice": average(filled, spec),
        "orderStatus": ("open" if sim.live else "closed") if released else None,
        "createdAt": iso(sim.ts),
        "cancelledAt": iso(sim.closed_ts) if status == "cancelled" else None,
        "cancelReason": None,
    }


def is_released(sim: SimOrder) -> bool:
    """A conditional order that has become an ordinary one."""
    return sim.trigger is None and sim.state is not OrderState.REJECTED


def fill(spec: Instrument, row: OrderFilled) -> Row:
    notional = row.quantity * row.price
    return {
        "id": number(row.trade_id),
        "tradeId": number(row.trade_id),
        "orderId": number(row.venue_order_id),
        "market": spec.symbol,
        "future": spec.symbol if spec.is_perp else None,
        "baseCurrency": None if spec.is_perp else spec.underlying,
        "quoteCurrency": None if spec.is_perp else spec.quote,
        "side": row.side.value,
        "price": row.price,
        "size": row.quantity,
        "liquidity": "maker" if row.maker else "taker",
        "fee": row.fee,
        "feeCurrency": row.fee_coin,
        "feeRate": (row.fee / notional).quantize(Decimal("0.00000001")) if notional else ZERO,
        "type": "liquidation" if row.liquidation else "adl" if row.adl else "order",
        "time": iso(row.ts_event),
    }


def trade(row: OrderFilled) -> Row:
    """A fill as everybody hears of it."""
    return {
        "id": number(row.trade_id),
        "price": row.price,
        "size": row.quantity,
        "side": row.side.value,
        "liquidation": row.liquidation,
        "time": iso(row.ts_event),
    }


def printed(spec: Instrument, one: Print) -> Row:
    """A trade of the background with itself."""
    return {
        "id": one.number,
        "price": one.ticks * spec.price_increment,
        "size": one.lots * spec.size_increment,
        "side": one.side.value,
        "liquidation": False,
        "time": iso(one.ts),
    }


def payment(spec: Instrument, row: FundingSettled) -> Row:
    """Positive = the account paid."""
    return {
        "id": number(row.payment_id),
        "future": spec.symbol,
        "payment": -row.amount,
        "rate": row.rate,
        "time": iso(row.ts_event),
        "size": row.size,
        "price": row.price,
    }
