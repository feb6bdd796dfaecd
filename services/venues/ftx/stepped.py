"""The FTX-dialect client in lock-step with our served simulator: nothing of it runs by the wall's clock.

Orders, reads, streams and parsers are the client's own. What goes is every timer: market data are asked for
when the server says that they have changed, and whoever drives it can see what is still under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import structs

from services.venues.ftx import schemas as wire
from services.venues.ftx.feed import Feed
from services.venues.ftx.venue import FtxVenue

CONNECT_S = 10.0


class MarketClock:
    """The market's time as the server last told it, ns; it stands between two steps."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class SteppedFtx(FtxVenue):
    """`start` returns when the streams are up."""

    def __init__(self, *args: Any, clock: MarketClock, **more: Any) -> None:
        super().__init__(*args, **more)
        # Asked for whenever the market says that it has changed, and not otherwise.
        self.capabilities = structs.replace(self.capabilities, asked=())
        self._clock = clock

    async def start(self) -> None:
        """As `FtxVenue.start`. Raises TimeoutError too."""
        self._clock.now = max(self._clock.now, await self._api.time_ns())
        await super().start()
        async with asyncio.timeout(CONNECT_S):
            while self._ears is None or not self._ears.ready():
                await asyncio.sleep(0.001)

    def _begin(self, feed: Feed) -> None:
        """Whoever steps the market says when."""

    @property
    def frames(self) -> int:
        """Stream frames heard so far."""
        return 0 if self._ears is None else self._ears.frames

    @property
    def under_way(self) -> int:
        """Requests without their end."""
        return len(self._work)

    @property
    def broken(self) -> bool:
        """The stream was lost: frames may be missing, the steps are no longer the in-process ones."""
        return self._stream is None or self._stream.connects != 1 or self._stream.age() is None

    async def step(self, until: int) -> wire.Step:
        """Raises WireError."""
        return await self._api.step(until)

    async def refresh(self, shown: wire.Shown) -> None:
        """Tell one frame: the quotes that changed, and what `shown` says has changed. Raises WireError."""
        if self._feed is not None:
            await self._feed.refresh(marks=shown.marks, coins=shown.coins, rates=shown.rates)


def stepped(clock: MarketClock) -> Callable[..., SteppedFtx]:
    """What `build_ftx` makes such a venue with."""

    def make(*args: Any, **more: Any) -> SteppedFtx:
        return SteppedFtx(*args, clock=clock, **more)

    return make
