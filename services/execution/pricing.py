"""Prices as the machines see them, and the limits they set with them.

The machines never read a clock or a feed: the desk hands them a `Prices`. Everything but `last` and `usd` is
None when it is not fresh; a machine that needs it then waits or freezes. Only protective orders may use the
last good price (SEMANTICS 3: without a fresh mark the band uses the last good mark and the book).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.domain.money import BPS, ONE, ZERO, ceil_to
from services.settings.parameters import Settings


class Prices(Protocol):
    """Implemented by the desk over the market picture at the present event."""

    def mid(self, instrument: str) -> Decimal | None:
        """Middle of a fresh two-sided quote."""

    def touch(self, instrument: str) -> tuple[Decimal, Decimal] | None:
        """(best bid, best ask) of a fresh two-sided quote, on the price grid."""

    def depth(self, instrument: str, side: Side) -> Decimal | None:
        """Base quantity that an order of `side` meets within 5 bps of the mid; None = stale or unknown."""

    def last(self, instrument: str) -> Decimal | None:
        """The last good mid, else the last good mark, however old. For protective orders only."""

    def usd(self, instrument: str) -> Decimal | None:
        """USD per unit of the quote coin, the last known one (amounts are bounded with it, not booked)."""


class NoPrices:
    """For the few steps that need none."""

    def mid(self, instrument: str) -> Decimal | None:
        return None

    def touch(self, instrument: str) -> tuple[Decimal, Decimal] | None:
        return None

    def depth(self, instrument: str, side: Side) -> Decimal | None:
        return None

    def last(self, instrument: str) -> Decimal | None:
        return None

    def usd(self, instrument: str) -> Decimal | None:
        return None


def band_limit(instrument: Instrument, side: Side, mid: Decimal, bps: Decimal) -> Decimal:
    """The worst price an order may take: `bps` from the mid, on the grid, rounded toward less risk."""
    return instrument.round_price(side, mid * (ONE + side.sign * bps * BPS))


def last_resort(settings: Settings, attempt: int, bands: int) -> bool:
    """A protective attempt past all its bands, and past the gate's, is a market order where a profile allows
    it (`exec.allow_market`, SEMANTICS 3)."""
    return settings.exec.allow_market and attempt > max(bands, len(settings.gate.protective_bands))


def smallest(instrument: Instrument, price: Decimal, usd: Decimal, *, reducing: bool) -> Decimal:
    """The smallest quantity the venue takes at this price, on the lot grid. `reducing`: of an order that can
    only reduce, which some venues spare their least notional, and none its least size."""
    least = max(instrument.min_size, instrument.size_increment)
    notional, unit = instrument.reducing_notional if reducing else instrument.min_notional, price * usd
    if notional > ZERO and unit > ZERO:
        least = max(least, ceil_to(notional / unit, instrument.size_increment))
    return least


def notional(quantity: Decimal, price: Decimal | None, usd: Decimal | None) -> Decimal | None:
    """USD; unknown when a price is."""
    if price is None or usd is None:
        return None
    return abs(quantity) * price * usd
