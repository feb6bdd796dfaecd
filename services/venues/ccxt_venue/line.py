"""Whether a polled venue counts as connected: every part of it has answered within its silence."""

from __future__ import annotations

from collections.abc import Callable

MARKET, ACCOUNT = "market", "account"
"""Its parts."""


class Line:
    """`up` and `down` are called at changes only. Times are monotonic seconds of the caller."""

    def __init__(
        self,
        parts: tuple[str, ...],
        silence_s: float,
        up: Callable[[], None],
        down: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        self.is_up = False
        self.connects = 0
        self._good: dict[str, float | None] = dict.fromkeys(parts)
        self._silence = silence_s
        self._up = up
        self._down = down
        self._now = now

    def good(self, part: str) -> None:
        self._good[part] = self._now()
        if not self.is_up and all(self._fresh(each) for each in self._good.values()):
            self.is_up = True
            self.connects += 1
            self._up()

    def bad(self, part: str, why: str) -> None:
        """It did not answer. One slip is none: its silence has to last."""
        if self.is_up and not self._fresh(self._good[part]):
            self.is_up = False
            self._down(f"{part}: {why}")

    def age(self) -> float | None:
        """Seconds since the part that has been silent longest; None = not all have spoken."""
        spoken = [each for each in self._good.values() if each is not None]
        return self._now() - min(spoken) if len(spoken) == len(self._good) else None

    def _fresh(self, at: float | None) -> bool:
        return at is not None and self._now() - at < self._silence
