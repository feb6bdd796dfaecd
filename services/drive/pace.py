"""Speed only paces the pops against the wall: a slow machine falls behind, it never skips or ages data."""

from __future__ import annotations

from collections import deque

NS = 1_000_000_000
LOOK_NS = 5 * NS
"""The desk looks at its risk so often, also where nothing moves."""


class Pacer:
    """Says how long to wait before virtual time may reach a moment, and how fast it really goes.

    `speed` None = as fast as it goes. Wall times are monotonic seconds, virtual times ns.
    """

    def __init__(self, speed: float | None, wall: float, virtual: int) -> None:
        self.speed = speed
        self._wall = wall
        self._virtual = virtual
        self._marks: deque[tuple[float, int]] = deque([(wall, virtual)], maxlen=64)

    def delay(self, due: int, wall: float) -> float:
        """Seconds until `due` may happen; <= 0: now."""
        if self.speed is None:
            return 0.0
        ahead = (due - self._virtual) / NS / self.speed - (wall - self._wall)
        if ahead < -1.0:
            # Over a second behind: start the count anew, so that a stall is never followed by a race.
            self._wall, self._virtual = wall, due
            return 0.0
        return ahead

    def still_s(self, step_ns: int) -> float:
        """Wall seconds after which a run whose time has not moved stands: two of the longest pauses between
        two events at this speed (a look at the risk, or a step of the series of `step_ns`), at least 10."""
        least = 2 * LOOK_NS / NS
        return least if self.speed is None else max(least, 2 * max(LOOK_NS, step_ns) / NS / self.speed)

    def mark(self, wall: float, virtual: int) -> None:
        """Note where the run stands; called about twice a second."""
        if wall - self._marks[-1][0] >= 0.25:
            self._marks.append((wall, virtual))
            while len(self._marks) > 2 and wall - self._marks[0][0] > 5.0:
                self._marks.popleft()

    def measured(self) -> float | None:
        """Virtual seconds per wall second over the last five; None before there is a measure."""
        (wall0, virtual0), (wall1, virtual1) = self._marks[0], self._marks[-1]
        if wall1 - wall0 < 0.5:
            return None
        return (virtual1 - virtual0) / NS / (wall1 - wall0)

    def badge(self) -> str:
        """`×60`, `×60 (41)` when the machine falls more than a tenth behind, `×max (3800)`."""
        real = self.measured()
        if self.speed is None:
            return "×max" if real is None else f"×max ({real:,.0f})"
        name = f"×{self.speed:g}"
        if real is not None and real < 0.9 * self.speed:
            return f"{name} ({real:,.0f})"
        return name
