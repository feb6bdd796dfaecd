"""The venue's clock against ours: offset by the best of several round trips, and how far it may be wrong.

Pure. `offset = server - (t0 + t1) / 2`; its error is at most half the round trip, so the sample with the
shortest trip wins for a while (the idea of NTP's clock filter). Requests are stamped with our wall clock plus
the offset; a large offset warns and then blocks new risk (PARAMETERS: 250 and 1 000 ms).
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

KEEP = 8
"""Samples; the best of them is used."""
MAX_AGE_NS = 600 * 1_000_000_000
"""An older sample no longer counts: clocks drift."""
MAX_HALF_TRIP_MS = 500
"""Beyond it the offset is not known well enough to trade on."""


class Sample(Struct, frozen=True):
    at_ns: int
    """Monotonic, when the answer came."""
    offset_ms: float
    half_trip_ms: float


class ClockOffset:
    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=KEEP)

    def measured(self, sent_wall_ms: float, received_wall_ms: float, server_ms: float, at_ns: int) -> None:
        """One question for the time. A trip that ran backwards (the clock was set) is thrown away."""
        trip = received_wall_ms - sent_wall_ms
        if trip < 0:
            self._samples.clear()
            return
        middle = (sent_wall_ms + received_wall_ms) / 2
        self._samples.append(Sample(at_ns, server_ms - middle, trip / 2))

    def offset_ms(self, now_ns: int) -> float | None:
        """Server minus ours; None = unknown."""
        best = self._best(now_ns)
        return None if best is None else best.offset_ms

    def usable(self, now_ns: int) -> bool:
        """Known, and known well enough to sign and to trade with."""
        best = self._best(now_ns)
        return best is not None and best.half_trip_ms <= MAX_HALF_TRIP_MS

    def forget(self) -> None:
        """The venue refused our time stamp: measure anew."""
        self._samples.clear()

    def _best(self, now_ns: int) -> Sample | None:
        fresh = [sample for sample in self._samples if now_ns - sample.at_ns <= MAX_AGE_NS]
        return min(fresh, key=lambda sample: sample.half_trip_ms, default=None)
