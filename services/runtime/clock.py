"""The only readings of a clock of this machine outside the venues: the core never takes one (RUNTIME 2).

Three clocks. The wall's, which somebody may set. `boot`, which nobody can set and which goes on while the
machine sleeps: ages and silences are measured with it, for a laptop that was shut for ten minutes has prices
ten minutes old (the ordinary monotonic clock stood still meanwhile, and would call them fresh). And `steady`,
the time of a live engine: the wall's as it was when the process began, carried on by `boot`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

TRIES = 16
"""Looks at both clocks; the pair that was read closest together counts."""


def wall_ns() -> int:
    """Nanoseconds since the epoch, UTC."""
    return time.time_ns()


def wall_text() -> str:
    """Now, ISO 8601 UTC, whole seconds: for lock files and logs."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def boot_ns() -> int:
    """Nanoseconds since the machine was started, its sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def boot_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SteadyClock:
    """UTC that is never set. A wall clock set forward by hours would end every time-out, hold time and day at
    once; one set back would keep every one of them, the naked leg's too, from ending for hours.

    It is as wrong as the wall was at the start: how wrong, the venues' clocks say, and the gate bounds it.
    """

    def __init__(self, wall: Callable[[], int] = wall_ns, boot: Callable[[], int] = boot_ns) -> None:
        self._wall = wall
        self._boot = boot
        self._base = self._measured()

    def __call__(self) -> int:
        """ns since the epoch."""
        return self._base + self._boot()

    def set_by(self) -> int:
        """By how many ns the wall has been set since the start: 0 or nearly 0 = not at all."""
        return self._measured() - self._base

    def _measured(self) -> int:
        """The wall less `boot`."""
        best: tuple[int, int] | None = None
        for _ in range(TRIES):
            before = self._boot()
            wall = self._wall()
            apart = self._boot() - before
            if best is None or apart < best[0]:
                best = apart, wall - before - apart // 2
        assert best is not None  # noqa: S101 # it was tried
        return best[1]


steady_ns = SteadyClock()
"""Of this process: its engine, its venues and their stamps have one time."""
