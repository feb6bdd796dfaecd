"""The simulator's facts: instruments, fees, margin tiers, collateral weights and opening balances.

One place for every static figure of the simulated venues (design: PARAMETERS, "The simulator's facts").
What PARAMETERS leaves open follows the exchanges' own documentation: collateral weights of BTC and ETH are
FTX's, the minimum notional of an opening order is Binance's 5 USD.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypedDict

from msgspec import Struct

from services.domain.enums import InstrumentKind
from services.domain.instrument import Instrument, MarginTier
from services.domain.money import STABLECOINS

MS = 1_000_000
NS = 1_000_000_000
MINUTE_NS = 60 * NS
HOUR_NS = 3_600 * NS
DAY_NS = 24 * HOUR_NS

VENUES: tuple[str, ...] = ("alpha", "beta")

TAKER_FEE = Decimal("0.0005")
MAKER_FEE = Decimal("0.0002")
MIN_NOTIONAL = Decimal(5)
"""USD, of orders that may open; reducing orders are exempt, as on Binance."""

MAX_WORKING = 200
"""Live orders an account may have on one venue."""


class RateLimits(Struct, frozen=True, kw_only=True):
    """Requests allowed in any window of that length; stamped in `world.json`.

    FTX allowed about 2 orders per 200 ms in a market and 4 in all, 30 requests a second and 1 500 a minute.
    These are wider by intent: the gate's own rate (5 a second, 120 a minute) binds first, and closing forty
    positions or canceling all that an account may have working (200) in one turn is never refused.
    """

    market_200ms: int = 10
    orders_200ms: int = 50
    orders_minute: int = 1_500
    cancels_200ms: int = 250
    cancels_minute: int = 5_000
    questions_second: int = 120
    questions_minute: int = 1_500


LATENCY_NS = 20_000_000
LATENCY_JITTER_NS = 5_000_000

ADL_STEPS: tuple[Decimal, ...] = (Decimal("0.005"), Decimal("0.02"), Decimal("0.05"))
"""Profit share times leverage from which a position stands at place 2, 3 and 4 of the deleveraging queue."""
ADL_DISCOUNT_BPS = 25
"""How far the mark has passed the bankruptcy price at which a position is taken, to its holder's cost."""


class Can(TypedDict):
    conditional: bool
    dead_man: bool
    conditional_survives_dead_man: bool


CAPABILITIES: Can = {
    "conditional": True,
    "dead_man": True,
    "conditional_survives_dead_man": True,
}
"""What a simulated venue says of itself on each connect."""

FUNDING_HOURS: dict[str, int] = {"alpha": 8, "beta": 1}
"""Hours between settlements, aligned to 00:00 UTC."""

MAJORS: tuple[str, ...] = ("BTC", "ETH")
HALF_SPREAD_MAJOR = 0.5
HALF_SPREAD_OTHER = 1.0
"""bps of the fair price."""

DEPTH_USD = 250_000.0
"""USD within 5 bps of the mid, a side."""
VENUE_DEPTH: dict[str, float] = {"alpha": 1.0, "beta": 0.6}

TIERS: tuple[MarginTier, ...] = (
    MarginTier(cap=Decimal(250_000), initial=Decimal("0.10"), maintenance=Decimal("0.03")),
    MarginTier(cap=None, initial=Decimal("0.10"), maintenance=Decimal("0.05"), cum=Decimal(5_000)),
)

WEIGHTS: dict[str, tuple[Decimal, Decimal]] = {
    "USD": (Decimal(1), Decimal(1)),
    "USDT": (Decimal("0.975"), Decimal("0.95")),
    "USDC": (Decimal("0.975"), Decimal("0.95")),
    "BUSD": (Decimal("0.90"), Decimal("0.85")),
    "BTC": (Decimal("0.975"), Decimal("0.95")),
    "ETH": (Decimal("0.95"), Decimal("0.90")),
}
"""Collateral weights: total (liquidation), initial (new risk). A coin not listed counts nothing."""

OPENING_BALANCES: dict[str, Decimal] = {
    "USD": Decimal(12_500),
    "USDT": Decimal(15_000),
    "USDC": Decimal(15_000),
    "BUSD": Decimal(7_500),
}

HISTORY_BALANCES: dict[str, Decimal] = {"USD": Decimal(50_000)}
"""History runs: the account is all USD at weight 1, so that no coin's path enters unasked."""

GRIDS: dict[str, tuple[Decimal, Decimal]] = {
    "BTC": (Decimal("0.1"), Decimal("0.001")),
    "ETH": (Decimal("0.01"), Decimal("0.01")),
    "USDT": (Decimal("0.0001"), Decimal(1)),
    "USDC": (Decimal("0.0001"), Decimal(1)),
    "BUSD": (Decimal("0.0001"), Decimal(1)),
}
"""Price and lot increment by underlying."""

SYNTHETIC_GRID = (Decimal("0.01"), Decimal("0.01"))


def grid_of(underlying: str) -> tuple[Decimal, Decimal]:
    """(price increment, lot) of an underlying; anything not listed takes the benches' grid."""
    return GRIDS.get(underlying, SYNTHETIC_GRID)


def perp(venue: str, symbol: str, underlying: str, quote: str, interval_h: int | None = None) -> Instrument:
    """A perpetual that settles in its quote coin."""
    tick, lot = grid_of(underlying)
    hours = FUNDING_HOURS.get(venue, 8) if interval_h is None else interval_h
    return Instrument(
        id=f"{symbol}.{venue}",
        venue=venue,
        symbol=symbol,
        kind=InstrumentKind.PERP,
        underlying=underlying,
        quote=quote,
        settle=quote,
        price_increment=tick,
        size_increment=lot,
        min_size=lot,
        min_notional=MIN_NOTIONAL,
        maker_fee=MAKER_FEE,
        taker_fee=TAKER_FEE,
        tiers=TIERS,
        funding_interval_h=Decimal(hours),
    )


def spot(venue: str, symbol: str, underlying: str, quote: str) -> Instrument:
    """A spot pair: its trades move both balances; fees are paid in the quote coin."""
    tick, lot = grid_of(underlying)
    return Instrument(
        id=f"{symbol}.{venue}",
        venue=venue,
        symbol=symbol,
        kind=InstrumentKind.SPOT,
        underlying=underlying,
        quote=quote,
        settle=quote,
        price_increment=tick,
        size_increment=lot,
        min_size=lot,
        min_notional=MIN_NOTIONAL,
        maker_fee=MAKER_FEE,
        taker_fee=TAKER_FEE,
        reduce_only_supported=False,
    )


def venue_instruments(venue: str, synthetic: int = 0) -> tuple[Instrument, ...]:
    """Everything one venue lists; `synthetic` more perps (`SYN001-PERP`, …) for benches."""
    out = [perp(venue, f"{coin}-PERP", coin, "USD") for coin in STABLECOINS]
    out += [perp(venue, f"{base}-{coin}-PERP", base, coin) for base in MAJORS for coin in ("USDT", "USDC")]
    out += [spot(venue, f"{base}/USD", base, "USD") for base in (*STABLECOINS, *MAJORS)]
    out += [perp(venue, f"SYN{n:03d}-PERP", f"SYN{n:03d}", "USD") for n in range(1, synthetic + 1)]
    return tuple(out)


def half_spread_bps(instrument: Instrument) -> float:
    return HALF_SPREAD_MAJOR if instrument.underlying in MAJORS else HALF_SPREAD_OTHER


def interval_hours(instrument: Instrument) -> int:
    """Whole hours between this perp's settlements; 0 = it pays no funding."""
    return int(instrument.funding_interval_h) if instrument.funding_interval_h is not None else 0
