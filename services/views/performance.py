"""What screen 5 and `report --json` show: results of closed episodes, the unit value, where equity went.

Money is exact; statistics are floats. Null = unknown, or there is no such number: `notes` say which.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

SCHEMA = 1
PERIODS = ("24h", "7d", "30d", "90d", "365d", "all")
"""That the screen walks through; the command takes any number of days or hours, and two dates."""


class WaterfallView(Struct, frozen=True, kw_only=True):
    """USD. price + funding + currency + adjustments - fees - slippage - interest - conversion - liquidation =
    change of equity - transfers, to the last digit."""

    since: int
    until: int
    equity_start: Decimal
    equity_end: Decimal
    transfers: Decimal
    price: Decimal
    """Against the mid at which each order was decided."""
    funding: Decimal
    currency: Decimal
    fees: Decimal
    slippage: Decimal
    interest: Decimal
    conversion: Decimal
    liquidation: Decimal
    adjustments: Decimal
    result: Decimal
    """Change of equity less transfers."""
    difference: Decimal
    """Result less the sum of the parts: 0, else a fault of ours."""
    unmeasured: int
    """Fills whose slippage could not be measured and is inside `price`."""


class MetricsView(Struct, frozen=True, kw_only=True):
    """A trade is a closed episode, net of fees and funding. USD and fractions. What no other count is named
    for is of the trades closed in the period."""

    name: str
    total_trades: int
    win_rate: float | None
    total_pnl: Decimal
    avg_win: Decimal | None
    avg_loss: Decimal | None
    """Negative."""
    profit_factor: float | None
    """Gross profit / gross loss; null = no loss, or no trade."""
    expectancy: Decimal | None
    time_in_market: float | None
    """Of what was closed and of what is still open."""
    turnover: Decimal | None
    """Notional of every fill in the period, also of trades that are still open, USD."""
    fees: Decimal
    funding: Decimal
    slippage: Decimal | None
    """Of every fill in the period, as `turnover`."""


class RiskView(Struct, frozen=True, kw_only=True):
    """Of the unit value, so that transfers neither help nor hurt."""

    days: int
    """Daily returns."""
    total_return: float | None
    sharpe: float | None
    """Mean / sample deviation of daily returns x root of 365; null under 30 days."""
    sharpe_low: float | None
    sharpe_high: float | None
    """95 % (Lo 2002, independent returns)."""
    sortino: float | None
    calmar: float | None
    max_drawdown: float | None
    """Peak to trough, as a positive fraction."""
    drawdown_now: float | None


class CurvePoint(Struct, frozen=True, array_like=True):
    ts: int
    equity: float | None
    unit: float | None
    drawdown: float | None
    """Positive fraction below the highest so far in the period."""


class CoinView(Struct, frozen=True, kw_only=True):
    """What one account held in one coin at the samples nearest to the two ends of the period."""

    account: str
    coin: str
    start: Decimal | None
    """Balance and the profit of what settles in the coin, in coins; None = unknown."""
    end: Decimal | None
    index_start: Decimal | None
    """USD a coin."""
    index_end: Decimal | None


class RateView(Struct, frozen=True, kw_only=True):
    """Funding that an instrument settled in the period, bps per 8 h."""

    instrument: str
    settlements: int
    mean: float
    least: float
    most: float


class PerformanceView(Struct, frozen=True, kw_only=True):
    schema: int = SCHEMA
    ts: int
    """Of the newest sample."""
    profile: str
    stamp: str
    """`SIM (SYNTHETIC, …)`, `PAPER`, `BACKTEST`, `LIVE`: stands on every report."""
    period: str
    since: int
    until: int
    risk: RiskView
    waterfall: WaterfallView | None
    total: MetricsView
    by_strategy: tuple[MetricsView, ...]
    by_symbol: tuple[MetricsView, ...]
    curve: tuple[CurvePoint, ...]
    notes: tuple[str, ...]
    coins: tuple[CoinView, ...] = ()
    rates: tuple[RateView, ...] = ()


class ShownView(PerformanceView, frozen=True, kw_only=True):
    """What screen 5 shows: the last report that a running engine could make."""

    age_s: int = 0
    """Wall seconds since it was made, once no newer one has come when it should have; 0 = it is the present
    one."""
    failing: str = ""
    """Why none has come; empty = it is still being read."""
