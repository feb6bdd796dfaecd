"""The one queue of virtual time: market steps, venue latencies, timers, ordered by (time, sequence).

Popping the next entry *is* the passage of time (RUNTIME 2). Nothing here reads a clock.
"""

from __future__ import annotations

import heapq
from enum import IntEnum

from services.domain.events import Event


class Kind(IntEnum):
    EVENT = 0
    """Payload: an event for the desk."""
    TIMER = 1
    """Payload: a timer's name."""
    WAKE = 2
    """Payload: a venue's token."""


_EVENT, _TIMER, _WAKE = Kind.EVENT, Kind.TIMER, Kind.WAKE

Entry = tuple[int, int, Kind, object]


class VirtualQueue:
    """A heap; it is also the `Outbox` that in-process venues put their answers into."""

    __slots__ = ("_heap", "_sequence", "_timers", "now")

    def __init__(self, now: int) -> None:
        self.now = now
        self._heap: list[Entry] = []
        self._sequence = 0
        self._timers: dict[str, int] = {}

    def _push(self, due: int, kind: Kind, payload: object) -> int:
        self._sequence += 1
        # The past cannot be scheduled into: what is late happens now, after what is already due.
        heapq.heappush(self._heap, (due if due > self.now else self.now, self._sequence, kind, payload))
        return self._sequence

    def deliver(self, due: int, event: Event) -> None:
        self._push(due, _EVENT, event)

    def wake(self, due: int, token: object) -> None:
        self._push(due, _WAKE, token)

    def set_timer(self, name: str, due: int) -> None:
        """Setting a name again moves it: the older entry is skipped when it comes up."""
        self._timers[name] = self._push(due, _TIMER, name)

    def cancel_timer(self, name: str) -> None:
        self._timers.pop(name, None)

    def next_due(self) -> int | None:
        """The time of the next entry that still counts."""
        self._drop_dead()
        return self._heap[0][0] if self._heap else None

    def pop(self) -> Entry | None:
        """Take the next entry and set the time to it."""
        self._drop_dead()
        if not self._heap:
            return None
        entry = heapq.heappop(self._heap)
        self.now = entry[0]
        if entry[2] is _TIMER:
            del self._timers[str(entry[3])]
        return entry

    def _drop_dead(self) -> None:
        while self._heap:
            _, sequence, kind, payload = self._heap[0]
            if kind is not _TIMER or self._timers.get(str(payload)) == sequence:
                return
            heapq.heappop(self._heap)

    def __len__(self) -> int:
        return len(self._heap)
