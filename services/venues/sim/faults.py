"""How a simulated venue misbehaves on demand: the chances, and one seeded stream that draws what they do.

Faults live on the line between desk and venue (`faulty`), never in the venue's books: what really happened
stays the exchange's own truth. A stream of their own is drawn from only while a fault is set, so a world
without faults is the world it was before. Every fault is bounded: a burst ends by itself, and all of them end
when their chance is set to 0. How long and how late follows what venues have done: REST time-outs of seconds,
bursts of 429 and 5xx, sockets that go silent, clocks that jump.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from msgspec import Struct

from services.domain.enums import FaultKind
from services.venues.sim.facts import MS, NS

MAX_SKEW_NS = 4 * NS
"""How far the venue's clock jumps, either way."""

_BURSTS_MS: dict[FaultKind, tuple[int, int]] = {
    FaultKind.THROTTLED: (200, 2_500),
    FaultKind.SERVER_ERROR: (200, 2_500),
    FaultKind.HALF_OPEN: (1_000, 15_000),
    FaultKind.OUTAGE: (2_000, 15_000),
    FaultKind.SKEW: (3_000, 20_000),
}
"""Shortest and longest burst of a fault that lasts."""


class Jump(Struct):
    """The venue's clock was off by `offset` between two of its own (true) times."""

    begin: int
    end: int
    offset: int


class VenueFaults:
    """The faults of one venue: what is set, what is going on, and how often each was really done."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.chances: dict[FaultKind, float] = {}
        self.fired: Counter[FaultKind] = Counter()
        self._until: dict[FaultKind, int] = {}
        self._muted: dict[str, tuple[int, bool]] = {}
        """Client order ids whose answers are lost: until when, and whether the fills are lost with them."""
        self._jumps: list[Jump] = []

    @property
    def on(self) -> bool:
        """Anything set, or an order whose answers are being lost, or a clock that once jumped."""
        return bool(self.chances or self._muted or self._jumps)

    def set(self, kind: FaultKind, chance: float, now: int) -> None:
        """A chance of 0 ends the fault and the burst it is in."""
        if chance > 0:
            self.chances[kind] = chance
            return
        self.chances.pop(kind, None)
        self._until.pop(kind, None)
        if kind is FaultKind.SKEW and self._jumps:
            # What was stamped at this very moment keeps its stamp.
            self._jumps[-1].end = min(self._jumps[-1].end, now + 1)
        if not self.chances:
            self._muted.clear()

    def hit(self, kind: FaultKind) -> bool:
        """Does it happen now? Draws only while the fault is set."""
        chance = self.chances.get(kind)
        if chance is None or self.draw.random() >= chance:
            return False
        self.fired[kind] += 1
        return True

    def between(self, low: int, high: int) -> int:
        return self.draw.randrange(low, high)

    # -- bursts -------------------------------------------------------------------------------------------

    def lasting(self, kind: FaultKind, now: int) -> bool:
        """Is a burst going on, or does one begin with this?"""
        if self.going_on(kind, now):
            return True
        return kind in self.chances and self.begins(kind, now) is not None

    def going_on(self, kind: FaultKind, now: int) -> bool:
        return now < self._until.get(kind, 0)

    def begins(self, kind: FaultKind, now: int) -> int | None:
        """The end of a burst that begins now; None = none begins."""
        if self.going_on(kind, now) or not self.hit(kind):
            return None
        low, high = _BURSTS_MS[kind]
        self._until[kind] = end = now + self.between(low, high) * MS
        return end

    # -- answers that never come --------------------------------------------------------------------------

    def mute(self, client_order_id: str, until: int, *, fills_too: bool) -> None:
        """The answers on this order are lost until then."""
        self._muted[client_order_id] = (until, fills_too)

    def muted(self, client_order_id: str, now: int, *, fill: bool) -> bool:
        until, fills_too = self._muted.get(client_order_id, (0, False))
        if now >= until:
            self._muted.pop(client_order_id, None)
            return False
        return fills_too or not fill

    # -- the venue's clock --------------------------------------------------------------------------------

    def jump(self, now: int) -> None:
        """The clock may jump, for a while."""
        end = self.begins(FaultKind.SKEW, now)
        if end is not None:
            far = self.between(300 * MS, MAX_SKEW_NS)
            self._jumps.append(Jump(now, end, far if self.draw.random() < 0.5 else -far))
            del self._jumps[:-200]

    def stamp(self, ts: int) -> int:
        """What the venue's clock showed at a true time of its own. A stamp once made stays what it was."""
        for each in reversed(self._jumps):
            if each.begin <= ts < each.end:
                return ts + each.offset
        return ts

    @property
    def jumped(self) -> bool:
        return bool(self._jumps)
