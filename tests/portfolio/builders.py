"""Small worlds for the portfolio tests: instruments, positions and accounts in a line each."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import InstrumentKind, Side
from services.domain.events import OrderFilled
from services.domain.instrument import Instrument, MarginTier
from services.portfolio.inputs import AccountInput, PositionInput

TIERS = (
    MarginTier(cap=Decimal(250_000), initial=Decimal("0.10"), maintenance=Decimal("0.03")),
    MarginTier(cap=None, initial=Decimal("0.10"), maintenance=Decimal("0.05"), cum=Decimal(5_000)),
)
FLAT_TIER = (MarginTier(cap=None, initial=Decimal("0.10"), maintenance=Decimal("0.03")),)
WEIGHTS = {
    "USD": Decimal(1),
    "USDT": Decimal("0.975"),
    "USDC": Decimal("0.975"),
    "BUSD": Decimal("0.90"),
    "BTC": Decimal("0.975"),
}
WEIGHTS_INITIAL = {
    "USD": Decimal(1),
    "USDT": Decimal("0.95"),
    "USDC": Decimal("0.95"),
    "BUSD": Decimal("0.85"),
    "BTC": Decimal("0.95"),
}
INDEXES: dict[str, Decimal | None] = {
    "USD": Decimal(1),
    "USDT": Decimal("1.0002"),
    "USDC": Decimal("0.9998"),
    "BUSD": Decimal("0.9995"),
    "BTC": Decimal("23100"),
}


def d(text: str | int) -> Decimal:
    return Decimal(text)


def perp(
    underlying: str,
    quote: str = "USD",
    *,
    venue: str = "alpha",
    settle: str | None = None,
    tiers: tuple[MarginTier, ...] | None = TIERS,
    taker_fee: Decimal | None = Decimal("0.0005"),
) -> Instrument:
    pegged = underlying in ("USDT", "USDC", "BUSD")
    symbol = f"{underlying}-PERP" if quote == "USD" else f"{underlying}-{quote}-PERP"
    return Instrument(
        id=f"{symbol}.{venue}",
        venue=venue,
        symbol=symbol,
        kind=InstrumentKind.PERP,
        underlying=underlying,
        quote=quote,
        settle=settle if settle is not None else quote,
        price_increment=Decimal("0.0001") if pegged else Decimal("0.1"),
        size_increment=Decimal(1) if pegged else Decimal("0.001"),
        min_size=Decimal(1) if pegged else Decimal("0.001"),
        maker_fee=Decimal("0.0002"),
        taker_fee=taker_fee,
        tiers=tiers,
        funding_interval_h=Decimal(8),
    )


def spot(underlying: str, quote: str = "USD", *, venue: str = "alpha") -> Instrument:
    pegged = underlying in ("USDT", "USDC", "BUSD")
    return Instrument(
        id=f"{underlying}/{quote}.{venue}",
        venue=venue,
        symbol=f"{underlying}/{quote}",
        kind=InstrumentKind.SPOT,
        underlying=underlying,
        quote=quote,
        settle=quote,
        price_increment=Decimal("0.0001") if pegged else Decimal("0.1"),
        size_increment=Decimal(1) if pegged else Decimal("0.001"),
        min_size=Decimal(1) if pegged else Decimal("0.001"),
        taker_fee=Decimal("0.0005"),
        reduce_only_supported=False,
    )


def position(
    instrument: Instrument,
    size: str | int | Decimal,
    entry: str | int | Decimal,
    mark: str | int | Decimal | None,
    indexes: dict[str, Decimal | None] = INDEXES,
) -> PositionInput:
    return PositionInput(
        instrument=instrument,
        size=Decimal(size),
        entry=Decimal(entry),
        mark=None if mark is None else Decimal(mark),
        quote_usd=indexes.get(instrument.quote),
        settle_usd=indexes.get(instrument.settle),
    )


def account(
    balances: dict[str, Decimal] | None = None,
    positions: tuple[PositionInput, ...] = (),
    *,
    venue: str = "alpha",
    indexes: dict[str, Decimal | None] = INDEXES,
    weights: dict[str, Decimal | None] | None = None,
    leverage: dict[str, Decimal | None] | None = None,
    marks: dict[str, Decimal | None] | None = None,
    balances_known: bool = True,
) -> AccountInput:
    default: dict[str, Decimal] = {
        "USD": Decimal(12_500),
        "USDT": Decimal(15_000),
        "USDC": Decimal(15_000),
        "BUSD": Decimal(7_500),
    }
    return AccountInput(
        venue=venue,
        balances=default if balances is None else balances,
        weights_total=dict(WEIGHTS) if weights is None else weights,
        weights_initial=dict(WEIGHTS_INITIAL),
        indexes=dict(indexes),
        positions=positions,
        leverage_settings={} if leverage is None else leverage,
        marks={} if marks is None else marks,
        balances_known=balances_known,
    )


def fill(
    instrument: Instrument,
    side: Side,
    quantity: str | int | Decimal,
    price: str | int | Decimal,
    *,
    fee: str | int | Decimal = 0,
    trade_id: str = "t1",
    ts: int = 1_000,
    fee_coin: str | None = None,
) -> OrderFilled:
    return OrderFilled(
        venue=instrument.venue,
        instrument=instrument.id,
        client_order_id="c1",
        venue_order_id="v1",
        trade_id=trade_id,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_coin=fee_coin if fee_coin is not None else instrument.settle,
        ts_event=ts,
        ts=ts,
    )
