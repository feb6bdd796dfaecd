"""Coins whose withdrawals a venue has suspended, asked for every few minutes.

We withdraw nothing; a venue that has stopped paying out may be in worse trouble than it says, so the desk
takes no new risk there and calls a person. What the venue does not tell is no word: nobody is called for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

EVERY_S = 600.0


class Payouts:
    def __init__(
        self,
        ask: Callable[[], Awaitable[tuple[str, ...]]],
        say: Callable[[str], None],
        failures: tuple[type[Exception], ...],
        words: Callable[[BaseException], str] = str,
    ) -> None:
        """`ask` brings the coins that cannot leave, or raises one of `failures`; `words`: what of one is
        told."""
        self._ask = ask
        self._say = say
        self._failures = failures
        self._words = words
        self.suspended: tuple[str, ...] = ()

    async def run(self, stopped: asyncio.Event, every_s: float = EVERY_S) -> None:
        """What fails is asked again at the next look; what was known last stands."""
        while not stopped.is_set():
            try:
                self.suspended = await self._ask()
            except self._failures as error:
                self._say(f"which withdrawals are suspended is not told: {self._words(error)}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), every_s)
