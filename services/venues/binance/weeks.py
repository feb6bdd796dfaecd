"""A list of the past, week by week; what one that is over has told is kept until nobody asks so far back.

The first read of a new desk goes back three months: fourteen questions for each symbol, from some symbols
on more than a minute's weight. It is given up where our budget is spent, and asked for again; then only what
has not been told yet is asked, else the same questions would spend the budget for ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
WEEK_MS = 7 * 86_400_000
AHEAD_MS = 60_000
"""The last question reaches so far ahead: a stamp may be a little later than our clock."""
LATE_MS = 600_000
"""A row may be listed so long after its stamp: only then is a week over."""


class Weeks(Generic[T]):
    def __init__(self) -> None:
        self._kept: dict[str, dict[int, tuple[int, list[T]]]] = {}
        """By name and week: from when on it was asked for, and its rows."""

    async def read(
        self, name: str, since_ms: int, now_ms: int, ask: Callable[[int, int], Awaitable[list[T]]]
    ) -> list[T]:
        """All rows since then; of the first week there may be older ones. `ask`: those between two instants,
        both ends inclusive. Raises what it raises."""
        kept = {week: rows for week, rows in self._kept.get(name, {}).items() if week >= since_ms // WEEK_MS}
        self._kept[name] = kept
        found: list[T] = []
        start = since_ms
        while start <= now_ms:
            week = start // WEEK_MS
            end = (week + 1) * WEEK_MS - 1
            begun, rows = kept.get(week, (start + 1, []))
            if begun > start:
                rows = await ask(start, min(end, now_ms + AHEAD_MS))
                if end < now_ms - LATE_MS:
                    kept[week] = start, rows
            found += rows
            start = end + 1
        return found
