"""The live driver's queue: what venues deliver and timers that are due, at the wall's time.

The same door as the queue of virtual time, so machine and venues need not know which one they have. Two
things differ. Time comes from `tick`, and never runs backwards. And market frames of a venue that the desk
has not taken yet are joined into one: a slow desk sees fewer, never older; private events are never joined,
and a heap of them is told to the driver (RUNTIME 3).
"""

from __future__ import annotations

from collections.abc import Callable

from services.domain.events import Event, MarketFrame, RateRow, VenueLink
from services.drive.queue import Entry, Kind, VirtualQueue

PRIVATE_MOST = 1_000
"""Private events of one venue that wait; beyond it the venue counts as stale and is reconciled."""


class _Waiting:
    """A frame that lies in the queue and may still be joined with the next one."""

    __slots__ = ("frame",)

    def __init__(self, frame: MarketFrame) -> None:
        self.frame = frame


class LiveQueue(VirtualQueue):
    __slots__ = ("_frames", "_private", "_seq", "_ticked", "joined", "on_deliver")

    def __init__(self, now: int, on_deliver: Callable[[], None] = lambda: None) -> None:
        """`on_deliver` wakes the loop: something has come in."""
        super().__init__(now)
        self.on_deliver = on_deliver
        self._ticked: int | None = None
        self._frames: dict[str, _Waiting] = {}
        self._private: dict[str, int] = {}
        self._seq: dict[str, int] = {}
        self.joined = 0
        """Frames that were joined with a later one."""

    def tick(self, wall_ns: int) -> None:
        """The wall says so. While it is behind, as after a start on a clock that was set back, time goes on
        at half its pace until it has caught up: time that stood still would end no time-out of a naked leg.
        """
        before, self._ticked = self._ticked, wall_ns
        passed = 0 if before is None else max(0, wall_ns - before)
        self.now = max(self.now + passed // 2 if self.now > wall_ns else self.now, wall_ns)

    def deliver(self, due: int, event: Event) -> None:
        self.on_deliver()
        if type(event) is MarketFrame:
            waiting = self._frames.get(event.venue)
            if waiting is not None:
                waiting.frame = join(waiting.frame, event)
                self.joined += 1
                return
            self._frames[event.venue] = slot = _Waiting(event)
            self._push(due, Kind.EVENT, slot)
            return
        venue = getattr(event, "venue", None)
        if venue is not None:
            self._private[venue] = self._private.get(venue, 0) + 1
            if type(event) is VenueLink:
                # What comes after the word on the connection must not be told before it.
                self._frames.pop(venue, None)
        self._push(due, Kind.EVENT, event)

    def overfull(self) -> tuple[str, ...]:
        """Venues of which more private events wait than the desk may be behind."""
        return tuple(venue for venue, count in self._private.items() if count > PRIVATE_MOST)

    def pop(self) -> Entry | None:
        before = self.now
        entry = super().pop()
        if entry is None:
            return None
        # What is late happens now: the desk's time follows the wall, not the due time.
        self.now = max(before, entry[0])
        due, sequence, kind, payload = entry
        if isinstance(payload, _Waiting):
            venue = payload.frame.venue
            if self._frames.get(venue) is payload:
                del self._frames[venue]
            # The venue's own count ended where frames were joined; what is lost its adapter says by itself.
            seq = self._seq[venue] = self._seq.get(venue, 0) + 1
            frame = payload.frame
            return (
                due,
                sequence,
                kind,
                MarketFrame(
                    frame.venue,
                    frame.ts_event,
                    frame.ts,
                    seq,
                    frame.quotes,
                    frame.marks,
                    frame.rates,
                    frame.indexes,
                ),
            )
        teller = getattr(payload, "venue", None)
        if kind is Kind.EVENT and teller is not None:
            self._private[teller] -= 1
        return entry


def join(first: MarketFrame, second: MarketFrame) -> MarketFrame:
    """Two frames of one venue as one: the later row of each datum; every settled rate of both is kept.

    The time is the *earlier* of the two for what only the first one states: no datum is made younger.
    """
    return MarketFrame(
        second.venue,
        min(first.ts_event, second.ts_event),
        min(first.ts, second.ts),
        second.seq,
        tuple({row.instrument: row for row in (*first.quotes, *second.quotes)}.values()),
        tuple({row.instrument: row for row in (*first.marks, *second.marks)}.values()),
        tuple({_rate_key(row): row for row in (*first.rates, *second.rates)}.values()),
        tuple({row.coin: row for row in (*first.indexes, *second.indexes)}.values()),
    )


def _rate_key(row: RateRow) -> tuple[str, str, int]:
    """Predictions replace each other; settlements are facts of their own instants."""
    return (row.instrument, row.kind.value, row.rate_ts if row.kind.value == "settled" else 0)
