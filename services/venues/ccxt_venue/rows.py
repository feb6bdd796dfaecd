"""What a manner reads out of a venue's own rows, in base units and the desk's signs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from services.domain.enums import Flow, OrderState, Side
from services.domain.events import OrderFilled, PositionRow, WorkingRow
from services.venues.ccxt_venue.facts import Listed
from services.venues.wire.numbers import BadNumber, wire_count, wire_decimal, wire_ms, wire_positive

MS = 1_000_000
SIDES = {"buy": Side.BUY, "sell": Side.SELL, "Buy": Side.BUY, "Sell": Side.SELL}


class Stranger(Struct, frozen=True):
    """A market that the profile does not name. Nothing is traded there, but what the account holds of it has
    its margin out of the same pot: the desk must know that there is something it does not know."""

    id: str
    contract: Decimal
    """1 where the row does not say: its size is nobody's figure, that it is there is what counts."""
    instrument: str


def stranger_of(row: Mapping[str, Any], venue: str) -> Stranger:
    """Of a position's or an order's row. Raises BadNumber."""
    name = text_of(row.get("symbol"), "symbol")
    told = row.get("contractSize")
    size = Decimal(1) if told is None else wire_positive(told, f"{name} contract size")
    return Stranger(name, size, f"{name}.{venue}")


class TradeRow(Struct, frozen=True, kw_only=True):
    """One trade of ours, as the venue writes it."""

    market: str
    id: str
    order: str
    name: str
    """Client order id; "" = none."""
    side: str
    contracts: object
    price: object
    fee: object
    """Paid > 0."""
    coin: str
    maker: bool
    ms: object
    liquidation: bool = False
    adl: bool = False


class Moved(Struct, frozen=True, kw_only=True):
    """A row of the venue's ledger that moved a balance and is no trade."""

    id: str
    coin: str
    amount: Decimal
    """Received > 0."""
    ms: int
    kind: Flow = Flow.OTHER
    """Of what is no funding payment."""
    market: str = ""
    """Of a funding payment."""
    size: Decimal = Decimal(0)
    """Contracts that the payment was for, unsigned."""
    price: Decimal = Decimal(0)
    rate: Decimal = Decimal(0)


class OrderRow(Struct, frozen=True, kw_only=True):
    name: str
    id: str
    state: OrderState
    filled: Decimal
    """Base units."""
    crossed: bool
    """Ended because it was post-only and would have traded."""


class Account(Struct, frozen=True, kw_only=True):
    """How the account stands; None = the venue does not say."""

    withdraws: bool | None
    hedged: bool | None
    margin: str
    wrong: tuple[str, ...] = ()
    """Why nothing that adds risk may be sent."""
    apart: bool = False
    """Each coin is margin of the contracts that settle in it, and of no others."""


def margined_apart(account: Account, markets: Iterable[Listed]) -> tuple[str, ...]:
    """Why nothing that adds risk may be sent: one leg's winnings would not carry the other's losses."""
    settles = sorted({each.spec.settle for each in markets})
    if not account.apart or len(settles) < 2:
        return ()
    return (
        f"the account margins {' and '.join(settles)} apart: set one pool for all coins, or trade contracts"
        " of one of them",
    )


def weight_of(coin: str) -> Decimal | None:
    """As collateral: the coins that contracts settle in count in full, of others nobody has told us."""
    return Decimal(1) if coin in ("USD", "USDT", "USDC") else None


def side_of(value: object) -> Side:
    found = SIDES.get(str(value))
    if found is None:
        raise BadNumber(f"side {value!r:.20}")
    return found


def text_of(value: object, field: str) -> str:
    """An id. Raises BadNumber."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value):
        raise BadNumber(f"{field}: {value!r:.40} is no id")
    return str(value)


def fill_of(venue: str, row: TradeRow, market: Listed, now: int) -> OrderFilled:
    """A contract's fee is paid in what it settles in, also where the row names no coin. Raises BadNumber."""
    fee = wire_decimal(row.fee, f"{row.market} fee")
    if fee and not row.coin and not market.spec.is_perp:
        raise BadNumber(f"{row.market}: a fee of {fee} in no coin")
    return OrderFilled(
        venue=venue,
        instrument=market.spec.id,
        client_order_id=row.name,
        venue_order_id=row.order,
        trade_id=text_of(row.id, "trade id"),
        side=side_of(row.side),
        quantity=wire_positive(row.contracts, f"{row.market} fill size") * market.contract,
        price=wire_positive(row.price, f"{row.market} fill price"),
        fee=fee,
        fee_coin=row.coin or market.spec.settle,
        maker=row.maker,
        liquidation=row.liquidation,
        adl=row.adl,
        ts_event=wire_ms(row.ms, "trade time") * MS,
        ts=now,
    )


def sized(rows: Iterable[Mapping[str, Any]], field: str) -> list[Mapping[str, Any]]:
    """Positions whose size is a number in the venue's own words, too: the library's arithmetic takes `1_000`
    for one. Raises BadNumber."""
    found = list(rows)
    for row in found:
        wire_decimal((row.get("info") or {}).get(field), f"{row.get('symbol')} {field}")
    return found


def position_of(row: Mapping[str, Any], market: Listed | Stranger, adl: int | None) -> PositionRow | None:
    """None = flat. Missing contracts are no zero (fact sheet 4). Raises BadNumber."""
    contracts = wire_count(row.get("contracts"), f"{market.id} contracts")
    if contracts == 0:
        return None
    if row.get("hedged") is True:
        raise BadNumber(f"{market.id}: a position with a side of its own: the account is in hedge mode")
    if row.get("side") not in ("long", "short"):
        raise BadNumber(f"{market.id}: a position without a side")
    sign = 1 if row["side"] == "long" else -1
    leverage = row.get("leverage")
    return PositionRow(
        market.instrument,
        sign * contracts * market.contract,
        wire_positive(row.get("entryPrice"), f"{market.id} entry price"),
        None if leverage is None else wire_positive(leverage, f"{market.id} leverage"),
        adl,
    )


_STATES = {
    "open": OrderState.ACCEPTED,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "rejected": OrderState.REJECTED,
    "expired": OrderState.CANCELED,
}


def order_of(row: Mapping[str, Any], market: Listed, *, crossed: bool) -> OrderRow:
    """Raises BadNumber."""
    state = _STATES.get(str(row.get("status")))
    if state is None:
        raise BadNumber(f"{market.id}: order status {row.get('status')!r:.30}")
    filled = wire_count(row.get("filled"), f"{market.id} filled") * market.contract
    if state is OrderState.ACCEPTED and filled:
        state = OrderState.PARTIALLY_FILLED
    if state is OrderState.FILLED and filled < wire_positive(row.get("amount"), "amount") * market.contract:
        state = OrderState.CANCELED
    return OrderRow(
        name=str(row.get("clientOrderId") or ""),
        id=text_of(row.get("id"), "order id"),
        state=state,
        filled=filled,
        crossed=crossed,
    )


def working_of(row: Mapping[str, Any], market: Listed | Stranger) -> WorkingRow:
    """Raises BadNumber."""
    price = row.get("price")
    trigger = row.get("triggerPrice")
    return WorkingRow(
        client_order_id=str(row.get("clientOrderId") or ""),
        venue_order_id=text_of(row.get("id"), "order id"),
        instrument=market.instrument,
        side=side_of(row.get("side")),
        quantity=wire_positive(row.get("amount"), f"{market.id} amount") * market.contract,
        filled=wire_count(row.get("filled"), f"{market.id} filled") * market.contract,
        price=None if price is None else wire_positive(price, f"{market.id} price"),
        reduce_only=row.get("reduceOnly") is True,
        trigger=None if trigger is None else wire_positive(trigger, f"{market.id} trigger"),
    )
