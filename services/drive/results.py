"""The performance view of a running engine: read from its own store, on a thread, at most every few seconds.

The loop that trades never waits for it: a console gets the last one made until the next is there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from services.drive import reporting
from services.protocol.errors import UsageError
from services.store.migrate import StoreError
from services.views.performance import PERIODS, PerformanceView

log = logging.getLogger("stableconsole.engine")

EVERY_S = 5.0
MOST_POINTS = 800
"""Of the curve: four a cell of the widest chart."""


class Results:
    """One engine's, by period."""

    def __init__(self, store: Path, profile: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._profile = profile
        self._clock = clock
        self._made: dict[str, PerformanceView] = {}
        self._asked: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def view(self, period: str) -> PerformanceView | None:
        """The last one made; a new one is begun when it is old. None = there is none yet."""
        period = period or "all"
        if period not in PERIODS:
            return None
        now = self._clock()
        idle = self._task is None or self._task.done()
        if idle and now - self._asked.get(period, -EVERY_S) >= EVERY_S:
            self._asked[period] = now
            self._task = asyncio.get_running_loop().create_task(self._make(period))
        return self._made.get(period)

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _make(self, period: str) -> None:
        try:
            self._made[period] = await asyncio.to_thread(
                reporting.report, self._store, self._profile, period, most_points=MOST_POINTS
            )
        except reporting.EmptyStore as error:
            self._made[period] = reporting.nothing(self._store, self._profile, period, str(error))
        except (StoreError, UsageError, ValueError, OSError) as error:
            log.debug("no results for %s: %s", period, error)
