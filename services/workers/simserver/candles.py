"""Candles of the simulated market, built as it moves: one-minute bars, and others joined from them.

Prices are marks (mid for spot), as the dialect documents it; volume is USD of a future, quote coin of a spot
market, out of the tape. The market before the server's start has no prices, so there are no candles of it.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

from services.domain.instrument import Instrument
from services.venues.sim.floor import TradingFloor
from services.venues.sim.source import Cell
from services.workers.simserver.shown import iso
from services.workers.simserver.tape import Tape

NS = 1_000_000_000
BASE_S = 15
RESOLUTIONS = frozenset((15, 60, 300, 900, 3_600, 14_400, *(86_400 * n for n in range(1, 31))))
KEEP = 3 * 24 * 240
"""Base bars kept: three days."""


class Candles:
    """In ticks and lots: every market is noted at every frame, and few are ever asked for."""

    def __init__(self) -> None:
        self._bars: dict[str, deque[list[int]]] = {}
        """Start, ticks first, high, low and last, what the tape had turned when the bar began, and when the
        next one did (-1 = it has not)."""
        self._seen: list[tuple[Cell, bool, deque[list[int]]]] = []

    def note(self, floor: TradingFloor, now: int, tape: Tape) -> None:
        """Take the present prices of every market into the bar of this moment. Of one floor, always."""
        start = now // (BASE_S * NS) * BASE_S * NS
        if not self._seen:
            self._seen = [
                (book.cell, book.cell.instrument.is_perp, self._bars.setdefault(name, deque(maxlen=KEEP)))
                for name, book in floor.books.items()
            ]
        for cell, perp, bars in self._seen:
            ticks = cell.mark_ticks if perp else round(cell.fair * cell.inv_tick)
            if cell.level_lots <= 0 or ticks <= 0:
                continue
            bar = bars[-1] if bars else None
            if bar is None or bar[0] != start:
                name = cell.instrument.id
                turned = tape.turned(name)
                if bar is not None:
                    bar[6] = turned
                bars.append([start, ticks, ticks, ticks, ticks, turned, -1])
            else:
                if ticks > bar[2]:
                    bar[2] = ticks
                elif ticks < bar[3]:
                    bar[3] = ticks
                bar[4] = ticks

    def rows(
        self, spec: Instrument, resolution: int, since: int, until: int, tape: Tape, usd: Decimal
    ) -> list[dict[str, Any]]:
        """Oldest first; the last one may still be open, as on the exchange. `usd`: what a unit of volume is
        told in, per quote coin."""
        width = resolution * NS
        joined: dict[int, list[int]] = {}
        turned = tape.turned(spec.id)
        for start, first, high, low, close, before, after in self._bars.get(spec.id, ()):
            units = (turned if after < 0 else after) - before
            at = start // width * width
            if not since <= at <= until:
                continue
            known = joined.get(at)
            if known is None:
                joined[at] = [first, high, low, close, units]
            else:
                known[1], known[2], known[3] = max(known[1], high), min(known[2], low), close
                known[4] += units
        tick = spec.price_increment
        return [
            {
                "startTime": iso(at),
                "time": Decimal(at // 1_000_000),
                "open": bar[0] * tick,
                "high": bar[1] * tick,
                "low": bar[2] * tick,
                "close": bar[3] * tick,
                "volume": bar[4] * tick * spec.size_increment * usd,
            }
            for at, bar in list(joined.items())[-5_000:]
        ]
