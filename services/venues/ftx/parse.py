"""From the FTX dialect's rows to ours, pure. What cannot be understood raises ParseError with its name.

Signs are turned once, here: a payment is positive on the wire when the account *paid* (ftx.md 3.4). A
position's `size` there is a magnitude, so only `netSize` is read, and `entryPrice` is re-marked by the
exchange, so the average since flat is read instead (bug rows G3, G4).
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from msgspec import structs

from services.domain.enums import InstrumentKind, OrderState, RateKind, Side
from services.domain.events import (
    BalanceRow,
    FundingSettled,
    OrderFilled,
    PositionRow,
    RateRow,
    WorkingRow,
)
from services.domain.instrument import Instrument, MarginTier
from services.venues.ftx import schemas as wire
from services.venues.wire.numbers import BadNumber, wire_count, wire_decimal, wire_positive, wire_step

NS = 1_000_000_000
HOUR_NS = 3_600 * NS
ZERO = Decimal(0)
_SIDES: dict[str, Side] = {"buy": Side.BUY, "sell": Side.SELL}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 2000, 2200
"""Beyond them ns since 1970 would not fit the store, and no exchange has traded."""

MAINTENANCE_FLOOR = Decimal("0.03")
MAINTENANCE_FACTOR = Decimal("0.6")
"""Of imfFactor x sqrt(size), in the exchange's maintenance formula (ftx.md 6)."""
HIGHEST_FEE = Decimal("0.05")
HIGHEST_LEVERAGE = 1_000
LONGEST_INTERVAL_H = 24
"""Beyond them a figure is of another unit, or none."""
BRACKETS = tuple(Decimal(usd) for usd in (50_000, 250_000, 1_000_000, 5_000_000, 25_000_000))
"""USD notional at which the square-root formula is cut into steps, each with the figure of its upper end."""


class ParseError(ValueError):
    """One line: which row, which field, what was there."""


def iso_ns(text: str, field: str = "time") -> int:
    """`2019-03-05T09:56:55.728933+00:00` as ns since the epoch. A time without its offset is refused."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ParseError(f"{field}: {text!r:.40} is no ISO time") from error
    if moment.tzinfo is None:
        raise ParseError(f"{field}: {text!r:.40} names no offset")
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise ParseError(f"{field}: {text!r:.40} is no time of a market")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1_000


def seconds_ns(value: Decimal, field: str = "time") -> int:
    """Seconds with a fraction, as the stream writes them."""
    number = wire_decimal(value, field)
    if not 0 < number < 10**11:
        raise ParseError(f"{field}: {number} are no seconds since 1970")
    return int(number * NS)


def side_of(text: str) -> Side:
    side = _SIDES.get(text)
    if side is None:
        raise ParseError(f"side: {text!r:.20} is neither buy nor sell")
    return side


def instrument_of(
    venue: str,
    market: wire.Market,
    future: wire.Future | None,
    account: wire.Account | None,
    now: int = 0,
) -> Instrument:
    """The static facts of a market. `account`: whose fees and leverage hold; None = unknown, untradable. One
    that takes closing orders alone has ended as far as we know, `now`. Where no taker is let in nothing
    can be hedged at once: what taking costs is unknown there."""
    if not market.enabled or market.restricted:
        raise ParseError(f"{market.name}: not enabled")
    tick = wire_step(market.priceIncrement, f"{market.name} priceIncrement")
    lot = wire_step(market.sizeIncrement, f"{market.name} sizeIncrement")
    maker, taker = (None, None) if account is None else fees_of(account)
    if market.postOnly or (future is not None and future.postOnly):
        taker = None
    if market.type == "spot":
        if not market.baseCurrency or not market.quoteCurrency:
            raise ParseError(f"{market.name}: a spot market without base or quote")
        return Instrument(
            id=f"{market.name}.{venue}",
            venue=venue,
            symbol=market.name,
            kind=InstrumentKind.SPOT,
            underlying=market.baseCurrency,
            quote=market.quoteCurrency,
            settle=market.quoteCurrency,
            price_increment=tick,
            size_increment=lot,
            min_size=lot,
            maker_fee=maker,
            taker_fee=taker,
            reduce_only_supported=False,
        )
    if future is None or not future.perpetual or future.expired:
        raise ParseError(f"{market.name}: a {market.type} that is no perpetual")
    return Instrument(
        id=f"{market.name}.{venue}",
        venue=venue,
        symbol=market.name,
        kind=InstrumentKind.PERP,
        underlying=future.underlying,
        quote=future.settleCoin,
        settle=future.settleCoin,
        price_increment=tick,
        size_increment=lot,
        min_size=lot,
        min_notional=wire_count(future.minNotional, "minNotional")
        if future.minNotional is not None
        else ZERO,
        maker_fee=maker,
        taker_fee=taker,
        tiers=_tiers(future, account),
        funding_interval_h=Decimal(1)
        if future.fundingHours is None
        else _hours(future.fundingHours, future.name),
        delisting_ts=now if future.closeOnly else iso_ns(future.expiry, "expiry") if future.expiry else None,
    )


def fees_of(account: wire.Account) -> tuple[Decimal, Decimal]:
    """Maker, taker; a rebate is below zero. Raises BadNumber."""
    found = wire_decimal(account.makerFee, "makerFee"), wire_decimal(account.takerFee, "takerFee")
    if any(abs(fee) > HIGHEST_FEE for fee in found):
        raise BadNumber(f"fees of {found[0]} and {found[1]} are out of range")
    return found


def leverage_of(account: wire.Account) -> Decimal:
    """Raises BadNumber."""
    found = wire_positive(account.leverage, "leverage")
    if found > HIGHEST_LEVERAGE:
        raise BadNumber(f"leverage: {found} is out of range")
    return found


def _hours(value: Decimal, name: str) -> Decimal:
    hours = wire_positive(value, f"{name} fundingHours")
    if not 1 <= hours <= LONGEST_INTERVAL_H:
        raise ParseError(f"{name}: funding every {hours} hours")
    return hours


def _tiers(future: wire.Future, account: wire.Account | None) -> tuple[MarginTier, ...] | None:
    """Our server says them; the exchange's square-root formula is bounded from above by steps."""
    if future.marginTiers is not None:
        stated = _stated(future.name, future.marginTiers)
        # One over the account's own setting is the least that is asked for, whatever the market would allow.
        least = ZERO if account is None else min(1 / leverage_of(account), Decimal(1))
        return tuple(structs.replace(tier, initial=max(tier.initial, least)) for tier in stated)
    if account is None or future.mark is None:
        return None
    mark = wire_positive(future.mark, f"{future.name} mark")
    base = 1 / leverage_of(account)
    tiers = []
    for cap in BRACKETS:
        # Size at the upper end of the bracket: the requirement is never understated inside it.
        root = wire_count((cap / mark).sqrt() * wire_count(future.imfFactor, "imfFactor"), "imfFactor")
        tiers.append(
            MarginTier(
                cap=cap,
                initial=max(base, root),
                maintenance=max(MAINTENANCE_FLOOR, MAINTENANCE_FACTOR * root),
            )
        )
    # Beyond the last step the position cannot be judged: full margin.
    tiers.append(MarginTier(cap=None, initial=Decimal(1), maintenance=Decimal(1)))
    return tuple(tiers)


def _stated(name: str, rows: tuple[wire.Tier, ...]) -> tuple[MarginTier, ...]:
    tiers: list[MarginTier] = []
    for row in rows:
        cap = None if row.cap is None else wire_positive(row.cap, f"{name} cap")
        initial = wire_positive(row.initial, f"{name} initial")
        maintenance = wire_positive(row.maintenance, f"{name} maintenance")
        last = tiers[-1].cap if tiers else ZERO
        if maintenance > initial or initial > 1 or last is None or (cap is not None and cap <= last):
            raise ParseError(f"{name}: a bracket to {cap} at {initial} and {maintenance}")
        tiers.append(MarginTier(cap, initial, maintenance, wire_count(row.cum, f"{name} cum")))
    if not tiers:
        raise ParseError(f"{name}: a margin table with nothing on it")
    return tuple(tiers)


def predicted(
    venue: str, future: str, stats: wire.FutureStats, interval_h: Decimal, ts: int
) -> RateRow | None:
    """The running estimate for the coming settlement; None where there is none."""
    if stats.nextFundingRate is None or stats.nextFundingTime is None:
        return None
    rate = wire_decimal(stats.nextFundingRate, "nextFundingRate")
    due = iso_ns(stats.nextFundingTime, "nextFundingTime")
    return RateRow(f"{future}.{venue}", rate, interval_h, RateKind.PREDICTED, ts, due)


def settled(venue: str, row: wire.FundingRate, interval_h: Decimal) -> RateRow:
    at = iso_ns(row.time)
    step = int(interval_h * HOUR_NS)
    return RateRow(
        f"{row.future}.{venue}", wire_decimal(row.rate, "rate"), interval_h, RateKind.SETTLED, at, at + step
    )


def position_of(venue: str, row: wire.Position, leverage: Decimal | None) -> PositionRow | None:
    """None when flat."""
    size = wire_decimal(row.netSize, f"{row.future} netSize")
    if size == 0:
        return None
    entry = row.recentAverageOpenPrice if row.recentAverageOpenPrice is not None else row.entryPrice
    if entry is None:
        raise ParseError(f"{row.future}: a position without an entry price")
    return PositionRow(f"{row.future}.{venue}", size, wire_positive(entry, "entryPrice"), leverage)


def balance_of(row: wire.Balance, coins: dict[str, wire.Coin]) -> BalanceRow:
    """A coin that the venue does not take as collateral, or does not list, weighs nothing."""
    coin = coins.get(row.coin)
    total: Decimal | None = None
    initial: Decimal | None = None
    if row.coin == "USD":
        total = initial = Decimal(1)
    elif coin is not None and coin.collateral:
        total = wire_count(coin.collateralWeight, f"{row.coin} collateralWeight")
        if total > 1:
            raise BadNumber(f"{row.coin}: a collateral weight of {total}")
        if coin.initialWeight is not None:
            initial = min(total, wire_count(coin.initialWeight, f"{row.coin} initialWeight"))
    return BalanceRow(row.coin, wire_decimal(row.total, f"{row.coin} total"), total, initial)


def working_of(venue: str, row: wire.Order) -> WorkingRow:
    return WorkingRow(
        client_order_id=row.clientId or "",
        venue_order_id=str(row.id),
        instrument=f"{row.market}.{venue}",
        side=side_of(row.side),
        quantity=wire_positive(row.size, "size"),
        filled=wire_count(row.filledSize, "filledSize"),
        price=None if row.price is None else wire_positive(row.price, "price"),
        reduce_only=row.reduceOnly,
    )


def conditional_of(venue: str, row: wire.Conditional) -> WorkingRow:
    """Its venue id is marked `c`: the two kinds are numbered apart."""
    if row.triggerPrice is None:
        raise ParseError(f"conditional order {row.id}: no trigger price")
    return WorkingRow(
        client_order_id=row.clientId or "",
        venue_order_id=f"c{row.id}",
        instrument=f"{row.market}.{venue}",
        side=side_of(row.side),
        quantity=wire_positive(row.size, "size"),
        filled=wire_count(row.filledSize, "filledSize") if row.filledSize is not None else ZERO,
        price=None if row.orderPrice is None else wire_positive(row.orderPrice, "orderPrice"),
        reduce_only=row.reduceOnly,
        trigger=wire_positive(row.triggerPrice, "triggerPrice"),
    )


def state_of(row: wire.Order) -> OrderState:
    """`closed` covers filled and cancelled: the filled size decides (ftx.md 3.2)."""
    filled = wire_count(row.filledSize, "filledSize")
    if row.status == "closed":
        return OrderState.FILLED if filled >= wire_count(row.size, "size") else OrderState.CANCELED
    if row.status in ("new", "open"):
        return OrderState.PARTIALLY_FILLED if filled > 0 else OrderState.ACCEPTED
    raise ParseError(f"order {row.id}: status {row.status!r:.20}")


def fill_of(venue: str, row: wire.Fill, client_order_id: str, settle: str, ts: int) -> OrderFilled:
    """`settle`: the fee's coin where the row names none."""
    return OrderFilled(
        venue=venue,
        instrument=f"{row.market}.{venue}",
        client_order_id=client_order_id,
        venue_order_id=str(row.orderId),
        trade_id=str(row.id),
        side=side_of(row.side),
        quantity=wire_positive(row.size, "size"),
        price=wire_positive(row.price, "price"),
        fee=wire_decimal(row.fee, "fee"),
        fee_coin=row.feeCurrency or settle,
        maker=row.liquidity == "maker",
        liquidation=row.type == "liquidation",
        adl=row.type == "adl",
        ts_event=iso_ns(row.time),
        ts=ts,
    )


def payment_of(venue: str, row: wire.FundingPayment, settle: str, ts: int) -> FundingSettled:
    """Received > 0: the wire's sign is turned here and nowhere else. Size and price are zero where unsaid."""
    return FundingSettled(
        venue=venue,
        payment_id=str(row.id),
        instrument=f"{row.future}.{venue}",
        size=ZERO if row.size is None else wire_decimal(row.size, "size"),
        price=ZERO if row.price is None else wire_count(row.price, "price"),
        rate=wire_decimal(row.rate, "rate"),
        amount=-wire_decimal(row.payment, "payment"),
        coin=settle,
        ts_event=iso_ns(row.time),
        ts=ts,
    )


__all__ = ["BadNumber", "ParseError"]
