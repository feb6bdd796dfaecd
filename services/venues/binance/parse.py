"""From Binance's rows to ours, pure. What cannot be understood raises ParseError with its name.

Funding rates come for their own interval and are kept so (market.md 1). A settlement is stamped some
milliseconds after its hour; it is booked at the hour, else it would match nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from decimal import Decimal

from services.domain.enums import InstrumentKind, OrderState, RateKind, Side
from services.domain.events import IndexRow, MarkRow, RateRow
from services.domain.instrument import Instrument, MarginTier
from services.venues.binance import frames
from services.venues.binance import schemas as wire
from services.venues.binance.filters import FilterError, filters_of
from services.venues.hours import HOUR_MS, hour_of
from services.venues.wire.numbers import (
    LATEST_MS,
    BadNumber,
    wire_count,
    wire_decimal,
    wire_int,
    wire_positive,
)

MS = 1_000_000
ZERO = Decimal(0)
ONE = Decimal(1)

DEFAULT_INTERVAL_H = 8
"""Of a symbol that `fundingInfo` does not list (binance.md 4)."""
INTERVALS_H = (1, 2, 4, 8)
NEVER_MS = 4_133_404_800_000
"""`deliveryDate` of a perpetual without an end: Christmas 2100."""
OPEN = "TRADING"
"""The status of a market that is traded."""
HIGHEST_LEVERAGE = 1_000
QUOTES = ("USDT", "USDC", "USD1", "U", "FDUSD", "BUSD", "USD")
"""Quote coins in which a notional may be taken for one in USD."""
COLLATERAL = ("USDT", "USDC")
"""Coins that may weigh: others were seen to fall while they were margin (binance.md 6.1)."""

STATES = {
    "NEW": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "EXPIRED": OrderState.CANCELED,
    "EXPIRED_IN_MATCH": OrderState.CANCELED,
    "REJECTED": OrderState.REJECTED,
}
ENDED = ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH")


PERPETUAL = "PERPETUAL"


class ParseError(ValueError):
    """One line: which row, which field, what was there."""


def time_ns(ms: object, field: str) -> int:
    """Milliseconds since the epoch; zero is no time."""
    return wire_int(ms, field, least=1, most=LATEST_MS) * MS


def on_the_hour(ms: int, field: str) -> int:
    """The hour that a settlement belongs to, ns. Raises ParseError when it lies at none."""
    wire_int(ms, field, least=1, most=LATEST_MS)
    hour = hour_of(ms)
    if hour is None:
        raise ParseError(f"{field}: {ms} lies at no hour")
    return hour * MS


def side_of(text: str) -> Side:
    if text not in ("BUY", "SELL"):
        raise ParseError(f"side: {text!r:.20} is neither BUY nor SELL")
    return Side(text.lower())


def state_of(row: wire.Order) -> OrderState:
    found = STATES.get(row.status)
    if found is None:
        raise ParseError(f"order {row.orderId}: status {row.status!r:.30}")
    return found


def interval_of(row: wire.FundingInfo | None) -> int:
    """Hours between settlements; a symbol that is not listed has the default."""
    return DEFAULT_INTERVAL_H if row is None else row.fundingIntervalHours


def cap_of(row: wire.FundingInfo | None) -> Decimal | None:
    """The larger of cap and floor, per interval; None where the venue does not state both as numbers."""
    if row is None or row.adjustedFundingRateCap is None or row.adjustedFundingRateFloor is None:
        return None
    try:
        bounds = (
            wire_decimal(row.adjustedFundingRateCap, f"{row.symbol} funding cap"),
            wire_decimal(row.adjustedFundingRateFloor, f"{row.symbol} funding floor"),
        )
    except BadNumber:
        return None
    return max(map(abs, bounds)) or None


def instrument_of(
    venue: str,
    row: wire.Symbol,
    *,
    fees: wire.Commission | None,
    brackets: wire.Brackets | None,
    leverage: int | None,
    interval_h: int,
) -> Instrument:
    """The static facts of an open perpetual. Fees, brackets, leverage: None = unknown, untradable."""
    name = row.symbol
    if row.contractType != PERPETUAL:
        raise ParseError(f"{name}: a {row.contractType or 'contract without a type'} is no perpetual")
    if row.status != OPEN:
        raise ParseError(f"{name}: {row.status}")
    if row.marginAsset != row.quoteAsset:
        raise ParseError(f"{name}: settles in {row.marginAsset!r:.20}, quoted in {row.quoteAsset!r:.20}")
    if row.quoteAsset not in QUOTES:
        raise ParseError(f"{name}: quoted in {row.quoteAsset!r:.20}, whose minimum notional is none in USD")
    if interval_h not in INTERVALS_H:
        raise ParseError(f"{name}: funding every {interval_h} hours")
    try:
        limits = filters_of(row)
    except FilterError as error:
        raise ParseError(str(error)) from None
    return Instrument(
        id=f"{name}.{venue}",
        venue=venue,
        symbol=name,
        kind=InstrumentKind.PERP,
        underlying=row.baseAsset,
        quote=row.quoteAsset,
        settle=row.marginAsset,
        price_increment=limits.tick,
        # Also what a market order may be: the coarser of the two grids.
        size_increment=max(limits.step, limits.market_step),
        min_size=max(limits.least, limits.market_least, limits.step),
        max_size=limits.largest,
        min_notional=limits.min_notional,
        # -4164: "unless you choose reduce only".
        reduces_any_notional=True,
        maker_fee=None if fees is None else fee_of(fees.makerCommissionRate, f"{name} maker"),
        taker_fee=None if fees is None else fee_of(fees.takerCommissionRate, f"{name} taker"),
        tiers=tiers_of(brackets, leverage),
        funding_interval_h=Decimal(interval_h),
        delisting_ts=None
        if row.deliveryDate in (0, NEVER_MS)
        else time_ns(row.deliveryDate, f"{name} deliveryDate"),
    )


def tops_of(rows: Iterable[wire.BookTicker]) -> dict[str, tuple[Decimal, Decimal]]:
    """Best bid and ask by symbol, of those that have both: an empty side keeps no other from being told."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for row in rows:
        with contextlib.suppress(BadNumber):
            found[row.symbol] = wire_positive(row.bidPrice, "bid"), wire_positive(row.askPrice, "ask")
    return found


def fee_of(value: Decimal, field: str) -> Decimal:
    fee = wire_decimal(value, field)
    if abs(fee) > Decimal("0.05"):
        raise ParseError(f"{field}: a fee of {fee}")
    return fee


def tiers_of(found: wire.Brackets | None, leverage: int | None) -> tuple[MarginTier, ...] | None:
    """Initial margin by the leverage that is set, never more than the bracket allows; None = unknown."""
    if found is None or leverage is None or not found.brackets:
        return None
    name = found.symbol
    lever = wire_int(leverage, f"{name} leverage", least=1, most=HIGHEST_LEVERAGE)
    tiers: list[MarginTier] = []
    for row in sorted(found.brackets, key=lambda bracket: wire_count(bracket.notionalFloor, "notionalFloor")):
        most = wire_int(row.initialLeverage, f"{name} initialLeverage", least=1, most=HIGHEST_LEVERAGE)
        cap = wire_positive(row.notionalCap, f"{name} notionalCap")
        ratio = wire_positive(row.maintMarginRatio, f"{name} maintMarginRatio")
        if ratio > ONE or (tiers and cap <= (tiers[-1].cap or ZERO)):
            raise ParseError(f"{name}: a bracket to {cap} at {ratio}")
        tiers.append(
            MarginTier(
                cap=cap,
                initial=ONE / min(lever, most),
                maintenance=ratio,
                cum=wire_count(row.cum, f"{name} cum"),
            )
        )
    # The venue takes no position beyond the last bracket: full margin.
    tiers.append(MarginTier(cap=None, initial=ONE, maintenance=ONE))
    return tuple(tiers)


def mark_of(venue: str, row: frames.MarkFrame | wire.PremiumIndex) -> MarkRow:
    name, mark, index = (
        (row.s, row.p, row.i)
        if isinstance(row, frames.MarkFrame)
        else (row.symbol, row.markPrice, row.indexPrice)
    )
    return MarkRow(
        f"{name}.{venue}",
        float(wire_positive(mark, f"{name} mark")),
        float(wire_positive(index, f"{name} index")),
    )


def predicted(venue: str, row: frames.MarkFrame | wire.PremiumIndex, interval_h: int) -> RateRow | None:
    """The running estimate for the coming settlement; None for a contract that pays none, or in an interval
    that no venue has."""
    name, rate, due, at = (
        (row.s, row.r, row.T, row.E)
        if isinstance(row, frames.MarkFrame)
        else (row.symbol, row.lastFundingRate, row.nextFundingTime, row.time)
    )
    if rate == "" or due == 0 or interval_h not in INTERVALS_H:
        return None
    return RateRow(
        f"{name}.{venue}",
        _rate(rate, name),
        Decimal(interval_h),
        RateKind.PREDICTED,
        time_ns(at, f"{name} time"),
        on_the_hour(due, f"{name} next funding"),
    )


def settled(venue: str, rows: Sequence[wire.FundingRate]) -> list[RateRow]:
    """One symbol's settlements, oldest first. The interval is the gap before each: it may change."""
    found = sorted({on_the_hour(row.fundingTime, f"{row.symbol} fundingTime"): row for row in rows}.items())
    out: list[RateRow] = []
    before: int | None = None
    for at, row in found:
        gap = None if before is None else (at - before) // (HOUR_MS * MS)
        hours = gap if gap in INTERVALS_H else None
        out.append(
            RateRow(
                f"{row.symbol}.{venue}",
                _rate(row.fundingRate, row.symbol),
                None if hours is None else Decimal(hours),
                RateKind.SETTLED,
                at,
                None if hours is None else at + hours * HOUR_MS * MS,
            )
        )
        before = at
    return out


def _rate(value: object, name: str) -> Decimal:
    rate = wire_decimal(value, f"{name} funding rate")
    if abs(rate) > Decimal("0.2"):
        raise ParseError(f"{name}: a funding rate of {rate}")
    return rate


def index_of(symbol: str, index: Decimal) -> IndexRow:
    """`USDTUSD`: the coin's USD index."""
    coin = symbol.removesuffix("USD")
    if not coin or coin == symbol:
        raise ParseError(f"asset index {symbol!r:.20}")
    return IndexRow(coin, float(wire_positive(index, f"{symbol} index")))


def weight_of(symbol: str, buffer: Decimal) -> Decimal:
    """What a coin counts for as collateral in multi-assets mode: 1 - bid buffer (binance.md 6.1)."""
    haircut = wire_count(buffer, f"{symbol} bidBuffer")
    if haircut > ONE:
        raise ParseError(f"{symbol}: a bid buffer of {haircut}")
    return ONE - haircut


def closed_candle(frame: frames.CandleFrame) -> frames.Candle | None:
    """None while the candle is unfinished: it would repaint (bug row K2)."""
    k = frame.k
    for field in ("o", "h", "l", "c"):
        wire_positive(getattr(k, field), f"{k.s} candle {field}")
    wire_count(k.v, f"{k.s} candle volume")
    if not (k.l <= min(k.o, k.c) and max(k.o, k.c) <= k.h and 0 < k.t < k.T):
        raise ParseError(f"{k.s}: a candle from {k.l} to {k.h} that holds not its own prices")
    return k if k.x else None


__all__ = ["BadNumber", "ParseError"]
