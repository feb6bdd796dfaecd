"""Screen 2: every instrument in a row, and the selected one's book, candles, basis, funding and spreads."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


class MarketRow(Struct, frozen=True, kw_only=True):
    instrument: str
    symbol: str
    venue: str
    kind: str
    """`perp` or `spot`."""
    bid: Decimal | None
    ask: Decimal | None
    """None = no sane two-sided quote."""
    spread_bps: float | None
    mark: Decimal | None
    index: float | None
    """As the venue states it, in the quote coin."""
    basis_bps: float | None
    """(mark - index) / index."""
    rate: Decimal | None
    """bps per 8 h; None = no rate, or it is not to be used."""
    predicted: bool
    """False = the last settled rate."""
    interval_h: Decimal | None
    settles_ns: int | None
    held: Decimal
    """Signed, base units, foreign included."""
    price_increment: Decimal
    size_increment: Decimal
    age_ms: int | None
    """The older of quote and mark; spot has no mark."""
    level: str
    """`fresh`, `late`, `stale`."""
    note: str = ""
    """Why it cannot be traded: `inverse`, `delists …`, `unknown fee`, `unknown tiers`."""


class MarketsView(Struct, frozen=True, kw_only=True):
    ts: int
    rows: tuple[MarketRow, ...]


class LevelView(Struct, frozen=True, array_like=True):
    price: Decimal
    size: Decimal
    ours: Decimal = Decimal(0)
    """Our own working quantity at this price."""


class CandleView(Struct, frozen=True, array_like=True):
    start: int
    open: float
    high: float
    low: float
    close: float
    basis_bps: float | None


class SettledView(Struct, frozen=True, array_like=True):
    ts: int
    rate: Decimal
    """bps per 8 h."""


class BucketView(Struct, frozen=True, array_like=True):
    from_bps: float
    quotes: int


class BookView(Struct, frozen=True, kw_only=True):
    """One instrument, looked at closely."""

    ts: int
    instrument: str
    price_increment: Decimal
    size_increment: Decimal
    quote: str
    bids: tuple[LevelView, ...]
    asks: tuple[LevelView, ...]
    """Best first."""
    whole: bool
    """Levels of the venue's book; False = best price, and all that is known within 5 bps as a second row."""
    age_ms: int | None
    level: str
    mark: Decimal | None
    index: float | None
    minutes: int
    """Of one candle."""
    candles: tuple[CandleView, ...]
    settled: tuple[SettledView, ...]
    """Oldest first."""
    rate: Decimal | None
    """The present one, bps per 8 h."""
    predicted: bool
    interval_h: Decimal | None
    settles_ns: int | None
    spread_samples: int
    spread_median_bps: float | None
    spread_wide_bps: float | None
    """Nineteen of twenty quotes were no wider."""
    spreads: tuple[BucketView, ...]
    """0.1 bps wide."""
