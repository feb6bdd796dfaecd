"""What is worked out of an instrument's settled rates, once for as long as no other settlement has come."""

from __future__ import annotations

from decimal import Decimal

from services.market.rates import RateState, smoothed_hourly

RECENT = 16
"""Settlement stamps handed on per leg: the confirmations of the exits never ask for more."""


class SettledFigures:
    """By instrument, each beside the revision of the settled rates that it was worked out of."""

    def __init__(self) -> None:
        self._smoothed: dict[tuple[str, Decimal], tuple[int, Decimal | None]] = {}
        self._stamps: dict[str, tuple[int, tuple[int, ...]]] = {}

    def smoothed(self, instrument: str, known: RateState, half_life_h: Decimal) -> Decimal | None:
        """Hourly, exponentially smoothed over settlements."""
        key = instrument, half_life_h
        cached = self._smoothed.get(key)
        if cached is not None and cached[0] == known.revision:
            return cached[1]
        value = smoothed_hourly(known.settled, half_life_h)
        self._smoothed[key] = (known.revision, value)
        return value

    def stamps(self, instrument: str, known: RateState) -> tuple[int, ...]:
        """Instants of the last `RECENT` of them, oldest first."""
        cached = self._stamps.get(instrument)
        if cached is not None and cached[0] == known.revision:
            return cached[1]
        stamps = tuple([row.rate_ts for row in known.settled[-RECENT:]])
        self._stamps[instrument] = (known.revision, stamps)
        return stamps
