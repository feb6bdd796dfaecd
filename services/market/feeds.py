"""What every venue's public connection last stated, and how far it vouches for it: the picture's state.

Figures are floats as they came; `services/market/picture.py` reads them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct, field

from services.domain.events import MarkRow, QuoteRow
from services.domain.instrument import Instrument
from services.market.rates import RateState


class VenueFeed(Struct):
    """One venue's public data as last stated, and how far its connection vouches for it."""

    up: bool = True
    last_ts: int | None = None
    """Time of the last frame; None = never one."""
    ahead_ns: int = 0
    """The venue's stamp on it less our time of it: its clock against ours, less the time of travel."""
    intact_since: int = 0
    """No frame was lost after this; a datum older than it is no longer vouched for."""
    seq: int | None = None
    quotes: dict[str, tuple[QuoteRow, int]] = field(default_factory=dict)
    marks: dict[str, tuple[MarkRow, int]] = field(default_factory=dict)
    good_marks: dict[str, float] = field(default_factory=dict)
    """The last possible mark of instruments whose present one is not."""
    good_indexes: dict[str, float] = field(default_factory=dict)
    indexes: dict[str, tuple[float, int]] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    """See `VenueFacts`."""


class Sides(NamedTuple):
    """A sane two-sided quote on its instrument's grid, in the quote coin."""

    bid: Decimal
    ask: Decimal
    mid: Decimal
    """Half way; it need not be on the grid."""


def sides_of(spec: Instrument, row: QuoteRow) -> Sides:
    """Of a two-sided quote."""
    bid, ask = spec.price_of(row.bid), spec.price_of(row.ask)
    return Sides(bid, ask, (bid + ask) / 2)


class PictureState(Struct):
    feeds: dict[str, VenueFeed] = field(default_factory=dict)
    rates: dict[str, RateState] = field(default_factory=dict)
    clock: int = 0
    """The latest time seen on any frame."""
