"""The answer bar's figures: five questions, always answerable (unknown is an answer)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.enums import Severity, TradingState

GOOD_AGAIN = "; good again"
WATCHED = ", watched for "
"""Behind what a self-clearing cause was about: its condition is good, and for how long it must stay so."""


class CauseView(Struct, frozen=True, kw_only=True):
    name: str
    scope: str
    """`all`, `account:alpha`, `venue:alpha`, `strategy:NAME`, `coin:USDC`, `pair:P-07`."""
    severity: Severity
    state: TradingState
    latched: bool
    since: int
    text: str
    holds: bool = True
    """Its condition is still bad; of a self-clearing one that is only watched, no."""


class VenueDot(Struct, frozen=True, kw_only=True):
    name: str
    connected: bool
    data_age_ms: int | None
    level: str
    """`fresh`, `late`, `stale`."""
    holds: bool
    """Something of ours is open there."""
    text: str = ""


class StripView(Struct, frozen=True, kw_only=True):
    ts: int
    """The desk's time (virtual in sim)."""
    profile: str
    mode: str
    badge: str
    """`SIM ×60`, `SIM ×60 (41)` when the machine falls behind, `BACKTEST`, `PAPER`, `LIVE`."""
    stamp: str
    """`SYNTHETIC, generous`, `HISTORY, par USDT`, or empty."""
    # may I trade
    trading_state: TradingState
    causes: tuple[CauseView, ...]
    checks_passing: int
    checks_total: int
    tightest: str
    """Name of the limit nearest to binding."""
    tightest_used: Decimal | None
    """Fraction of it used."""
    denied_today: int
    # am I hedged
    naked_notional: Decimal | None
    """Signed USD; None = unknown."""
    naked_seconds: Decimal
    naked_bound: Decimal | None
    naked_within_timeout: bool
    worst_naked: Decimal
    worst_naked_seconds: Decimal
    naked_text: str
    in_doubt: int
    pairs_open: int
    hedged_age_ms: int | None
    """Age of the oldest datum that `hedged` rests on; of a flat desk that of an account's overdue read."""
    residual: Decimal | None
    outright: Decimal | None
    """USD notional of unpaired positions."""
    # how far from liquidation
    positions_open: int
    liquidation_distance: Decimal | None
    """Worst account: smallest uniform adverse move to usage 1, fraction; None: unknown, or no such move."""
    liquidation_unknown: bool
    worst_account: str
    """Whose usage `margin_usage` is."""
    leverage: Decimal | None
    leverage_limit: Decimal
    margin_usage: Decimal | None
    margin_usage_limit: Decimal
    # is what I see fresh
    venues: tuple[VenueDot, ...]
    # what needs me
    open_alarms: int
    open_warnings: int
    acknowledged: int
    top_alert: str
    top_alert_since: int | None
    next_steps: tuple[str, ...]
    """What to do, in order."""
    # top line
    equity: Decimal | None
    equity_approximate: bool
    day_pnl: Decimal | None
    day_pnl_fraction: Decimal | None
    still_s: float = 10.0
    """Wall seconds after which a desk whose `ts` has not moved is not running."""
    newest_alarm_ts: int = 0
    """Since when the youngest open alarm stands: one may open while another goes. 0 = none."""
    nearest_account: str = ""
    """Whose distance `liquidation_distance` is: not always the one with the largest usage."""
    distance_limit: Decimal = Decimal("0.15")
    """Below it the gate takes no new risk there."""
    distance_reducing: Decimal = Decimal("0.08")
    """Below it the account is REDUCING."""
