"""Recorded history played as a market: prices and settled rates at the data's own instants, nothing between.

Default costs stand in for what the files do not hold: half a spread of 0.5 bps around the close and the usual
depth. There are no predicted rates: a rate is known from its settlement on, and the next settlement is
expected one interval later. A coin's index is its own USD pair where the data have one.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from services.domain.enums import InstrumentKind, RateKind
from services.domain.events import RateRow
from services.domain.instrument import Instrument
from services.venues.sim.facts import DEPTH_USD, HALF_SPREAD_MAJOR, HOUR_NS
from services.venues.sim.source import Board, Cell, HistorySource
from services.venues.sim.world import World


class PlayedState(Struct):
    """The last price of each instrument."""

    ts: int
    prices: dict[str, float] = field(default_factory=dict)


class PlayedSource:
    """A `MarketSource` of a `HistorySource`."""

    def __init__(self, world: World, history: HistorySource) -> None:
        cells = {i.id: Cell.of(i) for i in world.instruments}
        self._board = Board(cells=cells, indexes={venue: {} for venue in world.venues})
        self._history = history
        self._known = {i.id: i for i in world.instruments}
        self.state = PlayedState(ts=world.start - 1)

    @property
    def board(self) -> Board:
        return self._board

    @property
    def end(self) -> int | None:
        return self._history.end

    def backfill(self) -> dict[str, list[RateRow]]:
        return {}

    def next_ts(self, after: int) -> int | None:
        return self._history.next_ts(after)

    def advance(self, ts: int) -> None:
        state, known = self.state, self._known
        state.ts = ts
        for row in self._history.rows_at(ts):
            instrument = known.get(row.instrument)
            if instrument is None:
                continue
            if row.price is not None and row.price > 0:
                self._price(instrument, row.price)
            if row.rate is not None:
                hours = row.interval_h
                following = None if hours is None else ts + int(hours * HOUR_NS)
                self._board.settled.append(
                    RateRow(row.instrument, row.rate, hours, RateKind.SETTLED, ts, following)
                )

    def turn(self, ts: int) -> None:
        """Nothing here is random."""

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(self.state)

    def load(self, raw: bytes) -> None:
        self.state = msgspec.msgpack.decode(raw, type=PlayedState)
        for name, price in self.state.prices.items():
            self._price(self._known[name], price)

    def _price(self, instrument: Instrument, price: float) -> None:
        self.state.prices[instrument.id] = price
        indexes = self._board.indexes[instrument.venue]
        if instrument.kind is InstrumentKind.SPOT and instrument.quote == "USD":
            indexes[instrument.underlying] = round(price, 6)
        cell = self._board.cells[instrument.id]
        cell.fair = cell.index = price
        cell.mark_ticks = round(price * cell.inv_tick)
        # Depth counts in the quote coin: it must follow from this row alone, also after a recovery.
        cell.dress(HALF_SPREAD_MAJOR, DEPTH_USD, 1.0)
