"""An account's leverage setting on each venue, and what it makes of the margin that a position wants.

The base of the initial requirement is one over the setting (ftx.md 6); a market's own table stands above it,
so a setting higher than what the market allows changes nothing. One value an account: all margin is cross.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec.structs import replace

from services.domain.instrument import Instrument
from services.venues.sim.world import write_atomically

FIRST = Decimal(10)


def bounded(instrument: Instrument, leverage: Decimal) -> Instrument:
    if instrument.tiers is None:
        return instrument
    tiers = tuple(replace(tier, initial=max(tier.initial, 1 / leverage)) for tier in instrument.tiers)
    return replace(instrument, tiers=tiers)


class Leverage:
    """Of one account, by venue."""

    def __init__(self, path: Path | None) -> None:
        """Raises ValueError, OSError: what was written down cannot be read."""
        self._path = path
        self._set: dict[str, Decimal] = {}
        if path is not None and path.exists():
            self._set = msgspec.json.decode(path.read_bytes(), type=dict[str, Decimal])

    def of(self, venue: str) -> Decimal:
        return self._set.get(venue, FIRST)

    def put(self, venue: str, value: Decimal) -> None:
        """Raises OSError: then it stays as it was."""
        fresh = self._set | {venue: value}
        if self._path is not None:
            write_atomically(self._path, msgspec.json.encode(fresh))
        self._set = fresh
