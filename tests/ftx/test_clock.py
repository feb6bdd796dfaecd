"""The venue's clock, measured and used: what is signed carries its time, whatever this machine's says."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from services.venues.ftx.build import build_ftx
from services.venues.ftx.hosts import FtxSettings
from services.venues.ftx.sign import STALE_MS
from services.venues.ftx.venue import FtxVenue
from tests.simserver.served import Box
from tests.wire.server import Asked, Script, encoded, serving

AHEAD_MS = 120_000
STALE = "Not logged in: Timestamp too far from current time"


class Elsewhere:
    """A server whose clock is two minutes ahead of ours, and that looks at stamps like the exchange did."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + AHEAD_MS

    def stale(self, asked: Asked) -> bool:
        return abs(int(asked.headers["ftx-ts"]) - self.now_ms()) >= STALE_MS

    def result(self, asked: Asked) -> object:
        return []

    async def __call__(self, asked: Asked) -> bytes:
        self.asked.append(asked.target)
        if asked.target == "/api/time":
            told: object = datetime.fromtimestamp(self.now_ms() / 1000, UTC).isoformat()
        elif "ftx-key" in asked.headers and self.stale(asked):
            return encoded(401, {}, json.dumps({"success": False, "error": STALE}).encode())
        else:
            told = self.result(asked)
        return encoded(200, {}, json.dumps({"success": True, "result": told}).encode())


@asynccontextmanager
async def client(
    *, extensions: bool = False, server: Elsewhere | None = None
) -> AsyncIterator[tuple[FtxVenue, Elsewhere]]:
    server = server or Elsewhere()
    script = Script([server])
    async with serving(script):
        where = script.host.removeprefix("http")
        settings = FtxSettings(
            rest=f"http{where}", stream=f"ws{where}/ws/", key="trader", extensions=extensions
        )
        venue = build_ftx("alpha", settings, "a secret", Box())
        try:
            yield venue, server
        finally:
            await venue.close()


async def test_a_measured_offset_is_signed_with_also_at_the_streams_log_in() -> None:
    async with client() as (venue, server):
        await venue.resync()
        assert await venue._api.balances() == []
        assert server.asked == ["/api/time", "/api/wallet/balances"]
        assert abs(venue._signs() // 1_000_000 - server.now_ms()) < STALE_MS / 2


async def test_a_stamp_that_is_refused_is_measured_anew_and_tried_once_more() -> None:
    async with client() as (venue, server):
        assert await venue._api.balances() == []
        assert server.asked == ["/api/wallet/balances", "/api/time", "/api/wallet/balances"]


async def test_our_own_server_authenticates_by_the_walls_time_whatever_its_market_says() -> None:
    async with client(extensions=True) as (venue, server):
        await venue.resync()
        assert abs(venue._signs() - time.time_ns()) < STALE_MS / 2 * 1_000_000
        assert server.asked == ["/api/time"]
