"""Candles of the simulated market, built as it moves: one-minute bars, and others joined from them.

Prices are marks (mid for spot), as the dialect documents it; volume is USD of a future, quote coin of a spot
market, out of the tape. The market before the server's start has no prices, so there are no candles of it.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

from services.venues.sim.floor import TradingFloor
from services.workers.simserver.shown import iso
from services.workers.simserver.tape import Tape

NS = 1_000_000_000
BASE_S = 15
RESOLUTIONS = frozenset((15, 60, 300, 900, 3_600, 14_400, *(86_400 * n for n in range(1, 31))))
KEEP = 3 * 24 * 240
"""Base bars kept: three days."""


class Candles:
    def __init__(self) -> None:
        self._bars: dict[str, deque[list[Any]]] = {}
        self._turned: dict[str, Decimal] = {}
        """What the tape had when each market was noted last."""

    def note(self, floor: TradingFloor, now: int, tape: Tape) -> None:
        """Take the present prices of every market into the bar of this moment."""
        start = now // (BASE_S * NS) * BASE_S * NS
        for name, spec in floor.listed.items():
            book = floor.books[name]
            if not book.priced:
                continue
            price = floor.mark(name) if spec.is_perp else spec.price_of(book.cell.fair)
            if price <= 0:
                continue
            bars = self._bars.setdefault(name, deque(maxlen=KEEP))
            if not bars or bars[-1][0] != start:
                bars.append([start, price, price, price, price, Decimal(0)])
            bar, turned = bars[-1], tape.turned(spec)
            bar[2], bar[3], bar[4] = max(bar[2], price), min(bar[3], price), price
            usd = floor.index(spec.quote) if spec.is_perp else Decimal(1)
            bar[5] += (turned - self._turned.get(name, turned)) * usd
            self._turned[name] = turned

    def rows(self, name: str, resolution: int, since: int, until: int, now: int) -> list[dict[str, Any]]:
        """Oldest first; the last one may still be open, as on the exchange."""
        width = resolution * NS
        joined: dict[int, list[Decimal]] = {}
        for start, first, high, low, close, volume in self._bars.get(name, ()):
            at = start // width * width
            if not since <= at <= until:
                continue
            known = joined.get(at)
            if known is None:
                joined[at] = [first, high, low, close, volume]
            else:
                known[1], known[2], known[3] = max(known[1], high), min(known[2], low), close
                known[4] += volume
        return [
            {
                "startTime": iso(at),
                "time": Decimal(at // 1_000_000),
                "open": bar[0],
                "high": bar[1],
                "low": bar[2],
                "close": bar[3],
                "volume": bar[4],
            }
            for at, bar in list(joined.items())[-5_000:]
        ]
