"""A local order book out of a snapshot and a chain of diffs (binance.md 7, depth sync).

Diffs wait until the snapshot is there; then each must follow the one before it (`pu` on futures, `U` on
spot). A hole makes the book worthless: it is dropped and a new snapshot asked for, and its market has no
depth meanwhile.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from services.venues.binance import frames
from services.venues.binance import schemas as wire
from services.venues.live import Levels
from services.venues.wire.numbers import wire_count, wire_positive

MOST_WAITING = 1_000
"""Diffs kept for a snapshot that does not come: at ten a second, more than a minute and a half."""
LEAST, MOST = Decimal("1e-19"), Decimal("1e19")
MOST_LEVELS = 20_000
"""A side longer than this is no book."""


class BookError(ValueError):
    """One line: what is wrong with the book."""


class _Side:
    """Levels in ascending order of `price x sign` (a bid's sign is -1), so the best is always first."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[Decimal] = []
        self.levels: dict[Decimal, Decimal] = {}

    def set(self, price: Decimal, size: Decimal) -> None:
        if size:
            if price not in self.levels:
                key = price * self.sign
                if key * self.sign != price:
                    raise BookError(f"a price of more digits than can be reckoned with: {price!s:.40}")
                insort(self.keys, key)
                if len(self.keys) > MOST_LEVELS:
                    raise BookError(f"more than {MOST_LEVELS} levels a side")
            self.levels[price] = size
        elif self.levels.pop(price, None) is not None:
            del self.keys[bisect_left(self.keys, price * self.sign)]

    def best(self) -> tuple[Decimal, Decimal] | None:
        found = self.first(1)
        return found[0] if found else None

    def first(self, count: int) -> Levels:
        prices = [key * self.sign for key in self.keys[:count]]
        return [(price, self.levels[price]) for price in prices]


def _usual(price: Decimal, size: Decimal) -> bool:
    """Most levels, at a quarter of the time that the careful look takes."""
    try:
        return LEAST <= price <= MOST and (not size or LEAST <= size <= MOST)
    except InvalidOperation:  # NaN compares with nothing
        return False


class LocalBook:
    def __init__(self, *, spot: bool = False) -> None:
        self._spot = spot
        self._bids, self._asks = _Side(-1), _Side(1)
        self._waiting: list[frames.DepthFrame] = []
        self._snapshot_id: int | None = None
        self.last_id = 0
        """`u` of the last diff applied."""
        self.filled = False
        """Snapshot and at least one diff have met."""

    @property
    def wants_snapshot(self) -> bool:
        return self._snapshot_id is None

    def diff(self, frame: frames.DepthFrame) -> None:
        """Raises BookError and BadNumber; the book is worthless then."""
        if frame.u < frame.U:
            raise BookError(f"a diff from {frame.U} back to {frame.u}")
        if self._snapshot_id is None:
            self._waiting.append(frame)
            del self._waiting[:-MOST_WAITING]
            return
        if self.filled:
            before = frame.U - 1 if self._spot else frame.pu
            if before != self.last_id:
                self.filled = False
                raise BookError(f"a hole: {before} does not follow {self.last_id}")
        elif self._old(frame):
            return
        else:
            first = self._snapshot_id + 1 if self._spot else self._snapshot_id
            if not frame.U <= first <= frame.u:
                raise BookError(f"the snapshot {self._snapshot_id} is older than the diff {frame.U}")
        self._apply(frame.b, frame.a)
        self.last_id = frame.u
        self.filled = True
        bid, ask = self._bids.best(), self._asks.best()
        if bid is not None and ask is not None and bid[0] >= ask[0]:
            self.filled = False
            raise BookError("bid and ask cross")

    def snapshot(self, found: wire.Depth) -> None:
        """Start from a snapshot and what has waited. Raises BookError and BadNumber."""
        self._bids, self._asks = _Side(-1), _Side(1)
        self.filled = False
        self._apply(found.bids, found.asks)
        self._snapshot_id = found.lastUpdateId
        waiting, self._waiting = self._waiting, []
        for frame in waiting:
            self.diff(frame)

    def _old(self, frame: frames.DepthFrame) -> bool:
        """What the snapshot already holds."""
        assert self._snapshot_id is not None  # noqa: S101 # the caller has looked
        return frame.u <= self._snapshot_id if self._spot else frame.u < self._snapshot_id

    def _apply(self, bids: Iterable[wire.Level], asks: Iterable[wire.Level]) -> None:
        for side, rows in ((self._bids, bids), (self._asks, asks)):
            for price, size in rows:
                if not _usual(price, size):
                    # Named here, or let through after all: the quick look is the narrower.
                    wire_positive(price, "price of a level")
                    wire_count(size, "size of a level")
                side.set(price, size)

    def levels(self, count: int) -> tuple[Levels, Levels]:
        """Bids and asks, best first."""
        return self._bids.first(count), self._asks.first(count)

    def best_bid(self) -> tuple[Decimal, Decimal] | None:
        """(price, size)."""
        return self._bids.best()

    def best_ask(self) -> tuple[Decimal, Decimal] | None:
        return self._asks.best()

    def depth(self, side: int, limit: Decimal) -> Decimal:
        """Size resting up to `limit`: +1 the asks at or below it, -1 the bids at or above it."""
        book = self._asks if side > 0 else self._bids
        total = Decimal(0)
        for key in book.keys:
            price = key * book.sign
            if (price - limit) * side > 0:
                break
            total += book.levels[price]
        return total
