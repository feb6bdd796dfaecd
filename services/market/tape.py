"""What the market did lately, for pictures only: one-minute candles of the mid, the basis, quoted spreads.

It hears the same frames as the desk and belongs to the shell: no decision reads it, nothing of it is
journaled, and after a restart it starts empty. A minute without a quote is a gap and is not filled. Figures
are floats as they came.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct, field

from services.domain.events import MarketFrame

MINUTE = 60_000_000_000
KEPT = 1_440
"""Candles of an instrument: a day of minutes."""
BUCKETS_PER_BP = 10
MOST_BPS = 50
"""Wider spreads are counted in the last bucket."""
_LAST_BUCKET = MOST_BPS * BUCKETS_PER_BP


class Candle(NamedTuple):
    start: int
    open: float
    high: float
    low: float
    close: float
    basis_bps: float | None
    """(mark - index) / index at the minute's last mark; None = no mark and index came."""


class Spreads(NamedTuple):
    """Quoted spreads since the tape began, one count a quote."""

    samples: int
    median_bps: float
    wide_bps: float
    """Nineteen of twenty quotes were no wider."""
    buckets: tuple[tuple[float, int], ...]
    """(from bps, count), 0.1 bps wide, empty ones left out, narrow first."""


class _Track(Struct):
    bars: deque[list[float | None]] = field(default_factory=lambda: deque(maxlen=KEPT))
    """[start, open, high, low, close, basis] each; the last one is open."""
    spreads: dict[int, int] = field(default_factory=dict)
    joined: dict[int, tuple[int, list[Candle]]] = field(default_factory=dict)
    """Minutes -> (start of the last minute that is in them, candles of closed minutes): work done once."""


class Tape:
    """By instrument. `hear` costs about a microsecond a row."""

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}

    def hear(self, frame: MarketFrame) -> None:
        """Frames in the order the desk had them. A row that is no price is left out."""
        start = frame.ts // MINUTE * MINUTE
        for row in frame.quotes:
            bid, ask = row.bid, row.ask
            if not 0.0 < bid <= ask < math.inf:
                continue
            mid = (bid + ask) / 2
            track = self._tracks.get(row.instrument) or self._track(row.instrument)
            bucket = int((ask - bid) / mid * 10_000 * BUCKETS_PER_BP)
            bucket = bucket if bucket < _LAST_BUCKET else _LAST_BUCKET
            spreads, bars = track.spreads, track.bars
            spreads[bucket] = spreads.get(bucket, 0) + 1
            bar = bars[-1] if bars else None
            if bar is None or bar[0] != start:
                bars.append([start, mid, mid, mid, mid, None])
                continue
            high, low = bar[2], bar[3]
            if high is None or mid > high:
                bar[2] = mid
            if low is None or mid < low:
                bar[3] = mid
            bar[4] = mid
        for mark in frame.marks:
            if not (0.0 < mark.mark < math.inf and 0.0 < mark.index < math.inf):
                continue
            bars = (self._tracks.get(mark.instrument) or self._track(mark.instrument)).bars
            if bars and bars[-1][0] == start:
                bars[-1][5] = (mark.mark / mark.index - 1) * 10_000

    def candles(self, instrument: str, minutes: int, most: int) -> tuple[Candle, ...]:
        """The last `most` candles of so many minutes, UTC-aligned, oldest first; the last may be open."""
        track = self._tracks.get(instrument)
        if track is None or not track.bars:
            return ()
        upto, closed = track.joined.get(minutes, (0, []))
        bars = track.bars
        fresh = []
        for at in range(len(bars) - 2, -1, -1):
            if int(bars[at][0] or 0) <= upto:
                break
            fresh.append(bars[at])
        for bar in reversed(fresh):
            _join(closed, bar, minutes * MINUTE)
        del closed[:-KEPT]
        if fresh:
            track.joined[minutes] = (int(fresh[0][0] or 0), closed)
        shown = closed[-most:]
        _join(shown, bars[-1], minutes * MINUTE)
        return tuple(shown[-most:])

    def spreads(self, instrument: str) -> Spreads | None:
        """None = no quote yet."""
        track = self._tracks.get(instrument)
        if track is None or not track.spreads:
            return None
        rows = sorted(track.spreads.items())
        total = sum(count for _, count in rows)
        buckets = tuple((bucket / BUCKETS_PER_BP, count) for bucket, count in rows)
        return Spreads(total, _quantile(rows, total, 0.5), _quantile(rows, total, 0.95), buckets)

    def _track(self, instrument: str) -> _Track:
        found = self._tracks.get(instrument)
        if found is None:
            found = self._tracks[instrument] = _Track()
        return found


def _join(candles: list[Candle], bar: list[float | None], width: int) -> None:
    """Adds a minute to the candle it belongs to, the last one or a new one."""
    start, first, high, low, close = (each or 0.0 for each in bar[:5])
    at, basis = int(start) // width * width, bar[5]
    known = candles[-1] if candles and candles[-1].start == at else None
    if known is None:
        candles.append(Candle(at, first, high, low, close, basis))
        return
    basis = known.basis_bps if basis is None else basis
    candles[-1] = Candle(at, known.open, max(known.high, high), min(known.low, low), close, basis)


def _quantile(rows: Sequence[tuple[int, int]], total: int, share: float) -> float:
    """The upper edge of the bucket in which the share is reached, bps."""
    seen = 0
    for bucket, count in rows:
        seen += count
        if seen >= share * total:
            return (bucket + 1) / BUCKETS_PER_BP
    return float(MOST_BPS)
