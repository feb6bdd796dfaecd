"""Where the simulated exchange's prices and rates come from: a generator, or recorded history.

The exchange asks a source for its next instant and to bring the board to it; matching, accounts and funding
are the same for both. Prices on the board are floats; money begins where they meet an instrument's grid.
"""

from __future__ import annotations

import math
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


LEVELS = 5
"""Equal levels within 5 bps of the mid; together they are the stated depth."""
BEHIND: tuple[tuple[float, float], ...] = (
    (7.0, 0.5),
    (10.0, 0.5),
    (15.0, 1.0),
    (25.0, 1.5),
    (50.0, 2.0),
    (100.0, 3.0),
    (200.0, 4.0),
    (500.0, 6.0),
)
"""What lies behind: bps from the best price, multiple of the stated depth."""


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
    down: float = 0.0
    """Fair price times this, rounded down, is the best bid in ticks."""
    up: float = 0.0
    level_lots: int = 0
    """Lots of each of the five levels; 0 = no market yet."""
    top_lots: int = 0
    """Lots at the best price: on a coarse grid several levels meet there."""
    depth_lots: int = 0
    """Lots within 5 bps."""
    gap: float = 0.0
    """Ticks from one level to the next."""
    half_spread: float = 0.0
    """bps of the fair price."""

    @classmethod
    def of(cls, instrument: Instrument) -> Cell:
        return cls(
            instrument=instrument,
            inv_tick=float(1 / instrument.price_increment),
            inv_lot=float(1 / instrument.size_increment),
        )

    def dress(self, half_spread: float, depth_usd: float, quote_usd: float) -> None:
        """Lay out the ladder: half the spread in bps, USD within 5 bps a side."""
        half = half_spread * 1e-4
        self.half_spread = half_spread
        self.down = (1.0 - half) * self.inv_tick
        self.up = (1.0 + half) * self.inv_tick
        self.gap = gap = self.fair * self.inv_tick * max(5e-4 - half, half) / LEVELS
        level = int(depth_usd / (self.fair * quote_usd) * self.inv_lot / LEVELS)
        self.level_lots = level = max(level, 1)
        self.depth_lots = level * LEVELS
        self.top_lots = level * (1 if gap >= 1.0 else min(LEVELS, math.ceil(1.0 / gap)))

    def ladder(self) -> list[tuple[int, int]]:
        """Ticks away from the best price and lots of every level, best first."""
        out = [(int(self.gap * n), self.level_lots) for n in range(LEVELS)]
        first = out[-1][0] + 1
        ticks = self.fair * self.inv_tick * 1e-4
        out += [
            (max(first + n, int(ticks * (away + self.half_spread))), max(1, int(self.depth_lots * share)))
            for n, (away, share) in enumerate(BEHIND)
        ]
        return out


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

    @property
    def end(self) -> int | None:
        """The last instant; None = there is always another one."""

    def backfill(self) -> dict[str, list[RateRow]]:
        """Settled rates from before the start, by instrument, oldest first."""

    def turn(self, ts: int) -> None:
        """A full hour's instant is done: seed what is random for the hour that begins."""

    def dump(self) -> bytes:
        """State right after `turn`: all that `load` needs to go on with the same market."""

    def load(self, raw: bytes) -> None: ...
