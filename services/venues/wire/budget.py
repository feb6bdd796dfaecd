"""A venue's request budget: sliding windows of weight, a share kept free for cancels and closes.

Pure: times come from the caller, monotonic ns. What is sent is counted before it leaves, and failures count
(bug rows N4, N1: one budget per venue and account, not one per function; what a venue counts by address is
one for all accounts there). The venue's own headers correct us upwards, never downwards: another program on
the same address may be spending too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from enum import IntEnum

from msgspec import Struct
from msgspec.structs import replace

SECOND = 1_000_000_000


class Lane(IntEnum):
    """Who asks. A lower lane never waits for a higher one's share."""

    SAFE = 0
    """Cancels, closes, hedges, the dead-man's switch: may use all of the budget."""
    ENTRY = 1
    """Orders that increase risk."""
    DATA = 2
    """Reads and market data."""
    PAST = 3
    """Lists of weeks ago: many questions at once, and what is asked of the present must not wait for them."""


class Window(Struct, frozen=True, kw_only=True):
    """At most `limit` weight in any `span_s` seconds."""

    name: str
    """`weight-1m`, `orders-10s`: what requests and headers refer to."""
    span_s: float
    limit: int
    by_address: bool = False
    """The venue counts it by address, whoever of us asks: all accounts on one host draw from it."""


class Spent:
    """What has gone out within one window, oldest first."""

    __slots__ = ("entries", "span_ns", "total", "window")

    def __init__(self, window: Window) -> None:
        self.window = window
        self.span_ns = int(window.span_s * SECOND)
        self.entries: deque[tuple[int, int]] = deque()
        self.total = 0

    def age(self, now: int) -> None:
        while self.entries and now - self.entries[0][0] >= self.span_ns:
            self.total -= self.entries.popleft()[1]

    def add(self, now: int, weight: int) -> None:
        self.entries.append((now, weight))
        self.total += weight

    def free_at(self, now: int, weight: int, room: int) -> int:
        """The earliest time at which `weight` fits under `room`; never = -1."""
        if weight > room:
            return -1
        need = self.total + weight - room
        if need <= 0:
            return now
        for ts, spent in self.entries:
            need -= spent
            if need <= 0:
                return ts + self.span_ns
        return -1


class Budget:
    """All windows of one (venue, account or address)."""

    def __init__(self, windows: Iterable[Window], *, reserved: float = 0.3, present: float = 0.0) -> None:
        """`reserved`: see `reserve`; `present`: the share of the rest that `Lane.PAST` leaves alone."""
        self._spent = {window.name: Spent(window) for window in windows}
        self._present = present
        self.reserve(reserved)
        self._paused_until = 0

    def join(self, other: Budget, *, account: bool) -> None:
        """Draw from the same windows as `other`, which is of the same host: from all, if it is of the same
        account, else from those that are counted by address."""
        for name, spent in other._spent.items():
            if name in self._spent and (account or spent.window.by_address):
                self._spent[name] = spent

    def reserve(self, share: float) -> None:
        """The share of every window that only `Lane.SAFE` may use, from now on. Raises ValueError."""
        if not 0 <= share < 1:
            raise ValueError("the reserved share must lie in [0, 1)")
        self._reserved = share

    def wait(self, now: int, lane: Lane, weights: Mapping[str, int]) -> int | None:
        """Ns until the request fits; 0 = now, None = never (it weighs more than a whole window allows).

        A pause (429, ban) holds back every lane: what a venue has closed it has closed for cancels too.
        """
        at = max(now, self._paused_until)
        for name, weight in weights.items():
            spent = self._spent.get(name)
            if spent is None or weight <= 0:
                continue
            spent.age(now)
            free = spent.free_at(now, weight, self._room(spent, lane, weight))
            if free < 0:
                return None
            at = max(at, free)
        return at - now

    def take(self, now: int, weights: Mapping[str, int]) -> None:
        """Count a request that is about to leave."""
        for name, weight in weights.items():
            spent = self._spent.get(name)
            if spent is not None and weight > 0:
                spent.age(now)
                spent.add(now, weight)

    def observe(self, now: int, name: str, used: int) -> None:
        """The venue says that `used` of a window is gone: believe the larger of its count and ours."""
        spent = self._spent.get(name)
        if spent is None:
            return
        spent.age(now)
        if used > spent.total:
            spent.add(now, min(used, 10 * spent.window.limit) - spent.total)

    def pause(self, until: int) -> None:
        """Nothing leaves before `until`. An earlier pause is never shortened."""
        self._paused_until = max(self._paused_until, until)

    @property
    def paused_until(self) -> int:
        return self._paused_until

    def used(self, now: int) -> dict[str, tuple[int, int]]:
        """(spent, limit) by window, for the health screen."""
        for spent in self._spent.values():
            spent.age(now)
        return {name: (spent.total, spent.window.limit) for name, spent in self._spent.items()}

    def resize(self, name: str, limit: int) -> None:
        """The venue told its real limit at start."""
        spent = self._spent[name]
        spent.window = replace(spent.window, limit=max(1, limit))

    def _room(self, spent: Spent, lane: Lane, weight: int) -> int:
        limit = spent.window.limit
        if lane is Lane.SAFE:
            return limit
        # At least one unit stays usable, else a tiny window would shut ordinary requests out for good.
        room = max(1, int(limit * (1 - self._reserved)))
        if lane is not Lane.PAST:
            return room
        # So does, for a single question that is heavier than the share, the whole of it.
        return max(int(room * (1 - self._present)), min(room, weight))
