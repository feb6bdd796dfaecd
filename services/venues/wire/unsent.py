"""Orders that were handed over to an adapter, from then on until their send has ended.

A cancel leaves by another connection, and out of another share of the budget, than the order that it is meant
for. One that still waits for room or for a connection would leave behind the cancel of a halt, and nothing
would take it back but the next repeat. Here such an order is withdrawn: not a byte of it is written. And a
cancel that finds nothing at the venue while the order's own bytes are under way is said again when their end
is known.
"""

from __future__ import annotations

import asyncio

from msgspec import Struct

from services.venues.wire.errors import ErrorKind, WireError

WITHDRAWN = "canceled before it was sent"


class _Handed(Struct):
    entry: bool
    """It may add risk."""
    left: bool = False
    """Bytes of it may be at the venue."""
    unwanted: bool = False
    told: bool = False
    """Whoever withdrew it says what became of it."""
    ended: asyncio.Event | None = None
    """Where somebody waits for the end: few do, and an order does not wait for it to be made."""


class Unsent:
    """Of one account, by client id."""

    def __init__(self) -> None:
        self._handed: dict[str, _Handed] = {}

    def hand(self, name: str, *, entry: bool) -> None:
        """In the call that hands it over, before anything may wait. `over` belongs to it."""
        self._handed[name] = _Handed(entry)

    def leave(self, name: str) -> None:
        """Its bytes are written next, in the same step. Raises WireError(DENIED): nobody wants it now."""
        handed = self._handed.get(name)
        if handed is None:
            return
        if handed.unwanted:
            raise WireError(ErrorKind.DENIED, WITHDRAWN)
        handed.left = True

    def withdraw(self, name: str) -> bool:
        """It is not written any more, nor a second time. True: not a byte of it ever was, and the caller
        tells so; False: it may be at the venue, or is none of ours."""
        handed = self._handed.get(name)
        if handed is None:
            return False
        handed.unwanted = True
        handed.told = handed.told or not handed.left
        return handed.told

    def withdraw_entries(self) -> None:
        """At an end: what adds risk stays here; whoever waits with it hears why."""
        for handed in self._handed.values():
            handed.unwanted = handed.unwanted or handed.entry

    def told(self, name: str) -> bool:
        """Whoever withdrew it has said what became of it."""
        handed = self._handed.get(name)
        return handed is not None and handed.told

    def over(self, name: str) -> None:
        """Its send has ended, whatever came of it."""
        handed = self._handed.pop(name, None)
        if handed is not None and handed.ended is not None:
            handed.ended.set()

    async def ended(self, name: str) -> bool:
        """Waits for the end of its send. False: none is under way."""
        handed = self._handed.get(name)
        if handed is None:
            return False
        if handed.ended is None:
            handed.ended = asyncio.Event()
        await handed.ended.wait()
        return True
