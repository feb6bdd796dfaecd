"""What the shell knows of a run and the desk does not: badge, stamp, profile, and the measured latencies."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

STILL_S = 10.0
"""A desk looks at its risk every 5 s of its time."""


class Meta(Struct, frozen=True, kw_only=True):
    """Handed in with every view."""

    badge: str
    """`SIM ×60`, `PAPER`, `LIVE`, ..."""
    stamp: str
    """`SYNTHETIC`, `HISTORY, par USDT`, or empty: stands on every report."""
    profile: str
    mode: str
    synthetic: bool
    latency: dict[str, tuple[Decimal | None, Decimal | None]] = {}
    """By venue: milliseconds of one request, median and 95th percentile; None = not measured."""
    budget: dict[str, Decimal] = {}
    """By venue: free share of its tightest rate limit."""
    reconnects: dict[str, int] = {}
    still_s: float = STILL_S
    """Wall seconds after which a desk whose time has not moved is not running."""
