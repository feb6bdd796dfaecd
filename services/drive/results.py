"""The performance view of a running engine: read from its own store, on a thread, at most every few seconds.

The loop that trades never waits for it: a console gets the last one made until the next is there, and with it
how old it is when the next does not come.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, structs

from services.drive import reporting
from services.views.performance import PERIODS, PerformanceView, ShownView

log = logging.getLogger("stableconsole.engine")

EVERY_S = 5.0
OLD_S = 30.0
"""A report that is older is told as old, unless reading one takes long: then three times that."""
MOST_POINTS = 800
"""Of the curve: four a cell of the widest chart."""


class _Made(Struct, frozen=True):
    view: ShownView
    at: float
    """When the reading of the store began."""
    took: float


class Results:
    """One engine's, by period."""

    def __init__(self, store: Path, profile: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._profile = profile
        self._clock = clock
        self._made: dict[str, _Made] = {}
        self._asked: dict[str, float] = {}
        self._failing: dict[str, str] = {}
        """Periods whose last reading failed, and why."""
        self._task: asyncio.Task[None] | None = None

    def view(self, period: str) -> ShownView | None:
        """The last one made; a new one is begun when it is old. None = none has been tried yet."""
        period = period or "all"
        if period not in PERIODS:
            return None
        now = self._clock()
        idle = self._task is None or self._task.done()
        if idle and now - self._asked.get(period, -EVERY_S) >= EVERY_S:
            self._asked[period] = now
            self._task = asyncio.get_running_loop().create_task(self._make(period))
        made, failing = self._made.get(period), self._failing.get(period, "")
        if made is None:
            return _unread(self._profile, period, failing) if failing else None
        age = now - made.at
        if not failing and age < max(OLD_S, 3 * made.took):
            return made.view
        return structs.replace(made.view, age_s=max(1, int(age)), failing=failing)

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _make(self, period: str) -> None:
        began = self._clock()
        try:
            view = await asyncio.to_thread(self._read, period)
        except Exception as error:  # whatever a store that is damaged or away may raise: the screen tells it
            why = str(error) or type(error).__name__
            if self._failing.get(period) != why:
                log.warning("no results for %s: %s", period, why)
            self._failing[period] = why
            return
        self._failing.pop(period, None)
        self._made[period] = _Made(_shown(view), began, self._clock() - began)

    def _read(self, period: str) -> PerformanceView:
        try:
            return reporting.report(self._store, self._profile, period, most_points=MOST_POINTS)
        except reporting.EmptyStore as error:
            return reporting.nothing(self._profile, period, str(error), reporting.stamp_of(self._store))


def _shown(view: PerformanceView, failing: str = "") -> ShownView:
    return ShownView(**structs.asdict(view), failing=failing)


def _unread(profile: str, period: str, why: str) -> ShownView:
    """No report has been made so far, and none can be."""
    return _shown(reporting.nothing(profile, period, f"the store cannot be read: {why}"), failing=why)
