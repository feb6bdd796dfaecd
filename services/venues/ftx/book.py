"""An order book in the FTX dialect: partial, then updates, each proven by a checksum over the best hundred.

The checksum text is Python's `repr(float)` of the numbers alternating bid and ask (ftx.md 4.1), so prices are
kept with the text they have there. A book that does not match is worthless: the caller drops it, subscribes
anew, and the market is stale until the next partial.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal

CHECKED = 100
"""Levels of each side that the checksum covers."""
MOST_LEVELS = 5_000
"""A side longer than this is no book."""
LARGEST = Decimal(10) ** 20
SMALLEST = Decimal(10) ** -20
"""Prices and sizes beyond these are none."""


class BookError(ValueError):
    """One line: what is wrong with the book."""


class _Side:
    """Price levels in ascending order of `key` (a bid's is negative), so the best is always first."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[Decimal] = []
        self.levels: dict[Decimal, tuple[Decimal, str]] = {}
        """By price: size, and `price:size` as the checksum writes it."""

    def set(self, price: Decimal, size: Decimal) -> None:
        if size == 0:
            if price in self.levels:
                del self.levels[price]
                at = bisect_left(self.keys, price * self.sign)
                del self.keys[at]
            return
        if price not in self.levels:
            key = price * self.sign
            if key * self.sign != price:
                raise BookError(f"a price of more digits than can be reckoned with: {price!s:.40}")
            self.keys.insert(bisect_left(self.keys, key), key)
            if len(self.keys) > MOST_LEVELS:
                raise BookError(f"more than {MOST_LEVELS} levels a side")
        self.levels[price] = (size, f"{float(price)!r}:{float(size)!r}")

    def best(self, count: int) -> list[tuple[Decimal, Decimal]]:
        return [(key * self.sign, self.levels[key * self.sign][0]) for key in self.keys[:count]]

    def texts(self) -> list[str]:
        return [self.levels[key * self.sign][1] for key in self.keys[:CHECKED]]


class FtxBook:
    """One market's book. Numbers are exact; a caller that quotes floats rounds by itself."""

    def __init__(self) -> None:
        self._bids = _Side(-1)
        self._asks = _Side(1)
        self.filled = False

    def partial(
        self, bids: Iterable[tuple[Decimal, Decimal]], asks: Iterable[tuple[Decimal, Decimal]], checksum: int
    ) -> None:
        """Start anew. Raises BookError."""
        self._bids, self._asks = _Side(-1), _Side(1)
        self.filled = False
        self._apply(bids, asks, checksum)
        self.filled = True

    def update(
        self, bids: Iterable[tuple[Decimal, Decimal]], asks: Iterable[tuple[Decimal, Decimal]], checksum: int
    ) -> None:
        """Rows replace their level, size 0 removes it; an unknown level is removed in silence."""
        if not self.filled:
            raise BookError("an update before the partial")
        try:
            self._apply(bids, asks, checksum)
        except BookError:
            self.filled = False
            raise

    def _apply(
        self, bids: Iterable[tuple[Decimal, Decimal]], asks: Iterable[tuple[Decimal, Decimal]], checksum: int
    ) -> None:
        for side, rows in ((self._bids, bids), (self._asks, asks)):
            for price, size in rows:
                # A NaN, which msgspec takes as text, compares with nothing: it raises.
                if not (price.is_finite() and size.is_finite() and SMALLEST <= price < LARGEST) or not (
                    size == 0 or SMALLEST <= size < LARGEST
                ):
                    raise BookError(f"a level of {size!r:.40} at {price!r:.40}")
                side.set(price, size)
        found = checksum_of(self._bids.texts(), self._asks.texts())
        if found != checksum:
            raise BookError(f"checksum {found}, the venue's is {checksum}")
        if self._bids.keys and self._asks.keys and -self._bids.keys[0] >= self._asks.keys[0]:
            raise BookError("bid and ask cross")

    def bids(self, count: int) -> list[tuple[Decimal, Decimal]]:
        """(price, size), best first."""
        return self._bids.best(count)

    def asks(self, count: int) -> list[tuple[Decimal, Decimal]]:
        return self._asks.best(count)

    def depth(self, side: int, limit: Decimal) -> Decimal:
        """Size resting up to `limit`: +1 the asks at or below it, -1 the bids at or above it."""
        book = self._asks if side > 0 else self._bids
        total = Decimal(0)
        for key in book.keys:
            price = key * book.sign
            if (price - limit) * side > 0:
                break
            total += book.levels[price][0]
        return total


def checksum_of(bids: list[str], asks: list[str]) -> int:
    """CRC32, unsigned, of `bid:size:ask:size:…` for the best hundred; the longer side goes on alone."""
    parts: list[str] = []
    for at in range(max(len(bids), len(asks))):
        if at < len(bids):
            parts.append(bids[at])
        if at < len(asks):
            parts.append(asks[at])
    return zlib.crc32(":".join(parts).encode("ascii"))
