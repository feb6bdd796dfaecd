"""Parameters of what watches over the desk: fresh data, stops, dead-man's switches, breakers, depeg.

Design: SEMANTICS 2, 5.11, 8 to 10; defaults: PARAMETERS.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


def _d(text: str) -> Decimal:
    return Decimal(text)


class Freshness(Struct, frozen=True, kw_only=True):
    quote_ms: int = 3_000
    """An older best bid and ask is stale: nothing is entered on it."""
    book_ms: int = 3_000
    """Of what rests behind the best prices; older depth counts as an empty book."""
    mark_ms: int = 10_000
    """An older mark (the price that margin and profit are reckoned with) is stale: no new risk."""
    index_ms: int = 10_000
    """An older index (the coin's price in dollars) is stale: collateral in that coin is unknown."""
    funding_ms: int = 120_000
    """An older funding rate is stale: its pairs are not entered."""
    balance_ms: int = 90_000
    """Balances and positions that were not confirmed for so long are stale: no new risk there."""
    account_read_s: int = 30
    """So often each account is read from the venue and compared with our books."""
    max_quiet_s: int = 60
    """A live connection vouches for a figure that does not change for so long; then it must be said again."""
    heartbeat_s: int = 10
    """A venue that sends nothing at all for so long counts as gone."""
    clock_warn_ms: int = 250
    """Difference between the venue's clock and ours that is a warning."""
    clock_block_ms: int = 1_000
    """Difference between the clocks that stops new risk at that venue."""
    self_clear_s: int = 60
    """A self-clearing cause goes after its condition has been good for this long."""
    stale_escalate_min: int = 15
    """Stale data that leave the equity unknown for so long, with anything open: a person must resume."""
    outage_settle_s: int = 60
    """Fresh data wanted after a venue's outage before entries."""


class Stops(Struct, frozen=True, kw_only=True):
    initial: Decimal = _d("0.02")
    """Loss from the entry price at which a single position is closed."""
    trail: Decimal = _d("0.01")
    """The trailing stop follows the best price at this distance."""
    activation: Decimal = _d("0.01")
    """Gain from the entry price at which the stop begins to trail."""
    backstop: Decimal = _d("0.04")
    """Distance of the stop that rests on the venue, for the case that we cannot act."""
    pegged_initial: Decimal = _d("0.0050")
    """As `stop.initial`, for instruments on a stablecoin."""
    pegged_trail: Decimal = _d("0.0025")
    """As `stop.trail`, for instruments on a stablecoin."""
    pegged_activation: Decimal = _d("0.0025")
    """As `stop.activation`, for instruments on a stablecoin."""
    pegged_backstop: Decimal = _d("0.0150")
    """As `stop.backstop`, for instruments on a stablecoin."""


class DeadMan(Struct, frozen=True, kw_only=True):
    """The venues' dead-man's switches (SEMANTICS 10)."""

    enabled: bool = True
    """The venue cancels our orders when we fall silent; armed while orders rest, if stops survive it."""
    timeout_s: int = 60
    """Not beaten for so long the venue cancels what rests."""
    beat_s: int = 15
    """So often we say to the venue that we are there."""


class Breaker(Struct, frozen=True, kw_only=True):
    """SEMANTICS 9, on the unit value: deposits and withdrawals are neither gain nor loss."""

    daily: Decimal = _d("0.05")
    """Loss since the start of the day (UTC) that halts the desk."""
    rolling: Decimal = _d("0.05")
    """Loss over any 24 hours that halts the desk."""
    drawdown: Decimal = _d("0.10")
    """Fall from the highest value so far that halts the desk."""
    warn_levels: tuple[Decimal, ...] = (_d("0.5"), _d("0.8"))
    """Shares of each of these losses at which there is a warning."""
    evaluate_s: int = 5
    """The losses are reckoned with each new equity, and at least so often."""
    unknown_grace_s: int = 60
    """Equity that is unknown for so long, though the data are fresh, halts the desk."""
    peak_samples: int = 3
    """So many fresh readings make a new highest value: one wrong price makes none."""
    peak_window_s: int = 60
    """Over so long these readings must be spread."""
    losing_streak: int = 8
    """So many losing trades in a row stop the strategy."""
    rejects_in_row: int = 5
    """So many orders in a row that a venue rejects stop new risk there."""
    rejects_count: int = 10
    """So many rejected orders within the window do the same."""
    rejects_window_s: int = 600
    """The window of `rejects_count`."""
    stall_warn_ms: int = 500
    """The engine did not get to work for so long: a warning."""
    stall_trip_ms: int = 2_000
    """The engine did not get to work for so long: the desk halts."""
    flatten: bool = False
    """When tripped: true = close everything, false = halt and keep what is hedged."""


class Depeg(Struct, frozen=True, kw_only=True):
    """SEMANTICS 5.11: how far a stablecoin may be from its dollar."""

    warn: Decimal = _d("30")
    """bps from one dollar: a warning."""
    warn_s: int = 60
    """So long beyond `depeg.warn` before it counts."""
    block: Decimal = _d("100")
    """bps from one dollar: no entry that touches the coin."""
    block_s: int = 30
    """So long beyond `depeg.block` before it counts."""
    reduce: Decimal = _d("300")
    """bps from one dollar: accounts that hold the coin are REDUCING until a person resumes."""
    reduce_s: int = 30
    """So long beyond `depeg.reduce` before it counts."""
    release_min: int = 30
    """The coin must be back within half a level for so long before that level is over."""
    source_age_s: int = 10
    """An older price of the coin is no source; without any source entries are blocked."""
    max_source_spread: Decimal = _d("50")
    """bps between bid and ask: a quote that is wider is no source."""
    collateral_share: Decimal = _d("0.10")
    """A coin above this share of an account's collateral blocks that account's entries."""
