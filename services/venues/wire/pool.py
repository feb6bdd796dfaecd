"""A few warm connections to one host, last-in first-out, some kept for what makes the account safer.

One httpx client with a big pool takes its time over which connection to use when many requests are in flight
(PERFORMANCE 5); a transport with exactly one connection cannot. The one used last is the warmest, so it goes
out first; the others idle until a burst needs them. Reserved ones serve `Lane.SAFE` alone, so that twenty
cancels never stand behind a page of candles.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable

from services.venues.wire.budget import Lane
from services.venues.wire.connection import WarmTransport

KEEPALIVE_S = 20.0
"""Shorter than servers close idle connections: one that dies under a send makes an unknown outcome."""

MakeTransport = Callable[[], WarmTransport]


def transport_maker(verify: ssl.SSLContext | bool) -> MakeTransport:
    """Transports of one connection each, over one TLS context."""

    def make() -> WarmTransport:
        return WarmTransport(verify, KEEPALIVE_S)

    return make


class Pool:
    """`shared` connections for everything and `reserved` ones for `Lane.SAFE`."""

    def __init__(self, make: MakeTransport, *, shared: int = 12, reserved: int = 8) -> None:
        self._all = [make() for _ in range(shared + reserved)]
        self._shared = self._all[:shared]
        self._reserved = self._all[shared:]
        self._home = {id(transport): self._reserved for transport in self._reserved}
        self._waiting: dict[bool, deque[asyncio.Future[WarmTransport]]] = {
            True: deque(),
            False: deque(),
        }

    async def take(self, lane: Lane) -> WarmTransport:
        """A free connection; waits while all that this lane may use are out. `give` it back."""
        safe = lane is Lane.SAFE
        found = self.take_warm(lane)
        if found is not None:
            return found
        for free in self._free(lane):
            if free:
                return free.pop()
        waiting: asyncio.Future[WarmTransport] = asyncio.get_running_loop().create_future()
        self._waiting[safe].append(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            # Handed over in the same tick as the caller gave up: it must not be lost.
            if waiting.done() and not waiting.cancelled():
                self.give(waiting.result())
            raise

    def take_warm(self, lane: Lane) -> WarmTransport | None:
        """One that can be written to at once; None = `take` has to wait, or it has to be opened first."""
        for free in self._free(lane):
            if free and free[-1].warm:
                return free.pop()
        return None

    def _free(self, lane: Lane) -> tuple[list[WarmTransport], ...]:
        """Where a lane looks. What makes safer is rare, so its own connections are mostly cold: a shared one
        that is free and warm is better than a handshake before a hedge."""
        return (self._reserved, self._shared) if lane is Lane.SAFE else (self._shared,)

    def give(self, transport: WarmTransport) -> None:
        """Back, on top. Whoever waits for something safe is served first."""
        reserved = id(transport) in self._home
        for safe in (True,) if reserved else (True, False):
            queue = self._waiting[safe]
            while queue:
                waiting = queue.popleft()
                if not waiting.done():
                    waiting.set_result(transport)
                    return
        (self._reserved if reserved else self._shared).append(transport)

    @property
    def idle(self) -> int:
        return len(self._shared) + len(self._reserved)

    async def close(self) -> None:
        for transport in self._all:
            await transport.aclose()
