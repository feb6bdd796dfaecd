"""Round trips of the last requests: p50 and p95, for the health readings."""

from __future__ import annotations

from collections import deque

KEEP = 256


class Latencies:
    def __init__(self) -> None:
        self._taken: deque[int] = deque(maxlen=KEEP)

    def add(self, ns: int) -> None:
        self._taken.append(ns)

    def quantile(self, share: float) -> int | None:
        """Milliseconds; None before the first request."""
        if not self._taken:
            return None
        ordered = sorted(self._taken)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e6)
