"""The fault `fsync`: a commit that an order waits for takes long, as a busy or failing disk makes it.

What the real disk does is wall time and no part of a virtual run (RUNTIME 2), so this fault draws its own
times from a seed. The disk writes in order: what comes behind a stalled commit waits with it. Protective
orders wait for no commit, slow or not. The draw is touched only while the fault is set.
"""

from __future__ import annotations

from random import Random

from services.domain.events import Event, IntentDurable, StoreHealth

MS = 1_000_000

SLOW_MS = (5, 200)
"""Most slow commits: what a disk under load takes."""
STALL_MS = (300, 3_000)
"""A stall: longer than `engine.intent_timeout_ms` allows."""
STALLS = 1 / 8
"""Share of the slow commits that stall."""


class SlowDisk:
    """How long each commit takes beyond its real time. Times are ns of whatever clock the machine has."""

    def __init__(self, seed: str = "") -> None:
        self._draw = Random(f"{seed}:fsync")  # noqa: S311 # a simulated fault, no secret
        self._free_at = 0
        self.chance = 0.0
        self.fired = 0
        """Commits that were made slow."""

    def lag(self, now: int) -> int:
        """How much later than now a commit is durable, ns; 0 = at once."""
        if self.chance > 0 and self._draw.random() < self.chance:
            self.fired += 1
            low, high = STALL_MS if self._draw.random() < STALLS else SLOW_MS
            self._free_at = max(now, self._free_at) + self._draw.randrange(low, high) * MS
        return max(0, self._free_at - now)

    def told(self, seq: int, now: int, timeout_ns: int) -> tuple[tuple[int, Event], ...]:
        """What the desk hears of intent `seq`, which the real disk has just written, each with its time.

        Past the time-out it is store trouble: the intent is denied, and nobody hears that it came later.
        """
        due = now + self.lag(now)
        if due - now < timeout_ns:
            return ((due, IntentDurable(seq=seq, ts=due)),)
        late = now + timeout_ns
        text = late_text(timeout_ns)
        return (
            (late, StoreHealth(ok=False, text=text, ts=late)),
            (due, StoreHealth(ok=True, text="", ts=due)),
        )


def late_text(timeout_ns: int) -> str:
    return f"an intent was not on disk within {timeout_ns / MS:.0f} ms"
