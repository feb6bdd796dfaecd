"""Quotes that nobody has changed for a while, held against the venue's own answer (SEMANTICS 2, freshness).

A connection vouches for a silent quote for `max_quiet` and no longer, for a subscription may be dead while
its connection lives. What REST says too still holds, and is told again. What it says otherwise, twice and
without a word of the stream between, shows that the stream has stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from services.runtime.clock import boot_s

Top = tuple[Decimal, Decimal]
"""Best bid, best ask."""

EVERY_S = 10.0
QUIET_S = 20.0
"""A quote that has not changed for so long is asked for: twice at least before `max_quiet` is over."""
LATE_S = 1.0
"""An answer that took longer is of another moment."""


class Quoting(Protocol):
    """A venue's ears, by market."""

    def top(self, market: str) -> Top | None:
        """As the stream has it; None = there is no quote to be held against anything."""

    def confirm(self, market: str) -> None:
        """It still holds: tell it again."""

    def doubt(self, market: str) -> None:
        """The stream has stopped: no quote until it speaks anew."""


class CrossCheck:
    def __init__(
        self,
        ears: Quoting,
        ask: Callable[[tuple[str, ...]], Awaitable[Mapping[str, Top]]],
        *,
        whole: bool = True,
        clock: Callable[[], float] = boot_s,
    ) -> None:
        """`ask`: the venue's present tops of these markets, as far as it tells them. `whole`: it tells them
        with our own orders in them, as the stream does; else a difference shows nothing."""
        self._ears = ears
        self._ask = ask
        self._whole = whole
        self._clock = clock
        self._told: dict[str, float] = {}
        self._doubts: dict[str, Top] = {}
        """What was answered otherwise once, as the stream had it then."""

    def told(self, markets: Iterable[str]) -> None:
        """Their quotes have just gone out."""
        self._told.update(dict.fromkeys(markets, self._clock()))

    async def look(self) -> None:
        """Raises whatever `ask` raises."""
        began = self._clock()
        tops = {name: self._ears.top(name) for name, at in self._told.items() if began - at >= QUIET_S}
        quiet = {name: top for name, top in tops.items() if top is not None}
        self._doubts = {name: top for name, top in self._doubts.items() if quiet.get(name) == top}
        if not quiet:
            return
        found = await self._ask(tuple(quiet))
        if self._clock() - began > LATE_S:
            return
        for name, ours in quiet.items():
            theirs = found.get(name)
            if theirs is None or self._ears.top(name) != ours:
                continue
            if theirs == ours:
                self._doubts.pop(name, None)
                self._ears.confirm(name)
            elif self._whole and self._doubts.pop(name, None) == ours:
                self._ears.doubt(name)
            else:
                self._doubts[name] = ours
