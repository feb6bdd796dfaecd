"""Waiting longer after each failure, with jitter: who failed together shall not come back together."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """`first` seconds, then times `factor` up to `most`, spread by +-`jitter`. `reset` after a success."""

    def __init__(
        self,
        *,
        first: float,
        most: float,
        factor: float = 2.0,
        jitter: float = 0.1,
        random: Callable[[], float],
    ) -> None:
        """`random` gives numbers in [0, 1): seeded where a run must repeat."""
        if not 0 < first <= most or factor < 1 or not 0 <= jitter < 1:
            raise ValueError("expected 0 < first <= most, factor >= 1, jitter in [0, 1)")
        self._first = first
        self._most = most
        self._factor = factor
        self._jitter = jitter
        self._random = random
        self._next = first
        self.failures = 0

    def next(self) -> float:
        """Seconds to wait now, after one more failure."""
        self.failures += 1
        wait = self._next
        self._next = min(self._next * self._factor, self._most)
        return wait * (1 + self._jitter * (2 * self._random() - 1))

    def reset(self) -> None:
        self._next = self._first
        self.failures = 0
