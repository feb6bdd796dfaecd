"""Where the simulated exchange's prices and rates come from: a generator, or recorded history.

The exchange asks a source for its next instant and to bring the board to it; matching, accounts and funding
are the same for both. Prices on the board are floats; money begins where they meet an instrument's grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from services.domain.events import RateRow
from services.domain.instrument import Instrument


class HistoryRow(Struct, frozen=True, array_like=True):
    """What a recorded series says about one instrument at one instant."""

    instrument: str
    price: float | None = None
    """The close of the bar that ends here."""
    rate: Decimal | None = None
    """A settled funding rate, visible from this instant on."""
    interval_h: Decimal | None = None


class HistorySource(Protocol):
    """Recorded history as the exchange plays it."""

    @property
    def digest(self) -> str: ...

    @property
    def start(self) -> int:
        """The first data instant, ns."""

    @property
    def end(self) -> int:
        """The last one."""

    def instruments(self) -> tuple[Instrument, ...]: ...

    def next_ts(self, after: int) -> int | None:
        """The first data instant strictly after; None = the history has ended."""

    def rows_at(self, ts: int) -> Sequence[HistoryRow]: ...


@dataclass(slots=True)
class Cell:
    """The market of one instrument as it stands: what the book is built from and frames are cut from."""

    instrument: Instrument
    inv_tick: float
    """1 / price increment: dividing integer ticks by it gives the float nearest to the decimal price."""
    inv_lot: float
    fair: float = 0.0
    """Quote coin; 0 = no price yet."""
    index: float = 0.0
    mark_ticks: int = 0
    half_spread: float = 0.0
    """Fraction of the fair price."""
    top_lots: int = 0
    level_lots: int = 0
    """Lots of each of the five levels that lie within 5 bps."""
    depth_usd: float = 0.0
    bid_ticks: int = 0
    ask_ticks: int = 0

    @classmethod
    def of(cls, instrument: Instrument) -> Cell:
        return cls(
            instrument=instrument,
            inv_tick=float(1 / instrument.price_increment),
            inv_lot=float(1 / instrument.size_increment),
        )


@dataclass(slots=True)
class Board:
    """The whole market at one instant. Sources write it, the exchange reads it."""

    cells: dict[str, Cell]
    indexes: dict[str, dict[str, float]]
    """USD per coin, by venue."""
    predicted: dict[str, RateRow] = field(default_factory=dict)
    settled: list[RateRow] = field(default_factory=list)
    """Rates that were settled at this instant; the exchange takes them away."""
    refreshed: bool = False
    """Predicted rates were computed anew at this instant."""


class MarketSource(Protocol):
    def next_ts(self, after: int) -> int | None:
        """The next market instant strictly after; None = no more."""

    def advance(self, ts: int) -> None:
        """Bring `board` to `ts`, the next instant."""

    @property
    def board(self) -> Board: ...

    def backfill(self) -> dict[str, list[RateRow]]:
        """Settled rates from before the start, by instrument, oldest first."""

    def dump(self) -> bytes:
        """State at an hour's instant: all that `load` needs to go on with the same market."""

    def load(self, raw: bytes) -> None: ...
