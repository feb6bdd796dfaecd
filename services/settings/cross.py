"""The parameters of the strategy kind `cross_exchange` (SEMANTICS 6; defaults: PARAMETERS)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


def _d(text: str) -> Decimal:
    return Decimal(text)


class Cross(Struct, frozen=True, kw_only=True):
    """Strategy `cross_exchange`: buy on one venue, sell on the other, out of inventory on both."""

    threshold: Decimal = _d("5")
    """bps of one leg, net of every fee and cost: what a discrepancy must bring to be traded."""
    quote_age_ms: int = 1_000
    """Each of the two quotes, and each quote that converts a coin, is younger."""
    skew_ms: int = 500
    """The two quotes are less far apart in time."""
    spot: bool = True
    """Spot changes hands out of what lies on both venues; off: it is shown, not traded."""
    trade_size: Decimal = _d("5000")
    """USD a leg: executable prices are reckoned for so much, and no pair is larger."""
    max_discrepancy: Decimal = _d("300")
    """bps: a price that is further off is taken for a wrong one, not for a chance."""
    exit_level: Decimal = _d("2")
    """bps: a pair closes when getting out costs no more than this, executable; counted as a cost before."""
    max_hold_h: Decimal = _d("8")
    """A pair is closed after so long, whatever the prices."""
    pair_stop: Decimal = _d("60")
    """bps of a leg: the loss of a pair that closes it."""
    max_pairs: int = 2
    """Pairs held at a time."""
    cooldown_close_min: int = 5
    """Minutes after a pair whose prices met."""
    cooldown_failed_min: int = 30
    """Minutes after a failed attempt, doubling."""
    cooldown_max_h: int = 24
    """Hours: the longest wait, and the wait after a pair that was closed before its prices met."""
    blackout_s: int = 120
    """No entry within this of a funding settlement of either leg."""
    inventory_low: Decimal = _d("0.25")
    """Of a venue's target (an equal share of the coin): at or below it nothing is entered that needs it."""
    delisting_exit_h: Decimal = _d("2")
    """Hours before a delisting at which the exit begins."""
    freeze_alert_s: int = 60
    """A pair frozen by stale data for so long is a warning."""
    freeze_page_min: int = 15
    """A pair frozen for so long is an alarm."""
