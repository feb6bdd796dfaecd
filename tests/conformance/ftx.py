"""Our FTX-dialect client over real sockets against the simulated exchange as a server, under test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from services.domain.enums import FaultKind
from services.domain.events import AccountReport, Event
from services.venues.ftx import feed
from services.venues.ftx.build import build_ftx
from services.venues.ftx.hosts import FtxSettings
from services.venues.ftx.rest import WINDOWS
from services.venues.ftx.venue import FtxVenue
from services.venues.port import Outbox
from services.venues.wire.budget import Budget, Window
from services.venues.wire.rest import Timings
from services.venues.wire.stream import Habits
from services.workers.simserver.house import House
from tests.conformance.sim import LONG_S, PERP, VENUE, tested_world
from tests.conformance.subject import NS, Can, Entry, Subject
from tests.conformance.wire import Wire
from tests.simserver.served import KEY, serving

TICK_S = 0.01
TICK_NS = NS // 20
"""Market time runs at five times the wall's."""
PATIENCE_S = 15.0


class WireSubject(Subject):
    """A client of ours behind a wire that can be cut, in front of the served exchange; also its outbox."""

    def __init__(self, house: House, wire: Wire) -> None:
        super().__init__()
        self.name, self.perp = VENUE, PERP
        self.house, self.wire = house, wire
        self._changed = asyncio.Event()
        self.patience_s = PATIENCE_S

    def build(self, outbox: Outbox, *, keyed: bool, wall: Callable[[], int] = time.time_ns) -> FtxVenue:
        return build_ftx(
            VENUE,
            FtxSettings(
                rest=f"http://127.0.0.1:{self.wire.port}",
                stream=f"ws://127.0.0.1:{self.wire.port}/ws/",
                key=KEY.key if keyed else "",
                symbols=("BTC-USDT-PERP", "BTC/USD"),
                extensions=keyed,
            ),
            KEY.secret if keyed else None,
            outbox,
            wall=wall,
            timings=Timings(read_s=1.0, total_s=1.5),
            habits=Habits(beat_s=0.3, silence_s=1.0, ready_s=2.0),
            budget=Budget(
                tuple(Window(name=each.name, span_s=each.span_s, limit=10_000) for each in WINDOWS)
            ),
        )

    # The client's outbox.

    def deliver(self, due: int, event: Event) -> None:
        self.heard.append((self.house.now, event))
        self._changed.set()

    def wake(self, due: int, token: object) -> None:
        raise AssertionError("a live venue wakes by itself")

    # The harness.

    def now(self) -> int:
        return self.house.now

    async def until(self, found: Callable[[], Any], what: str) -> None:
        try:
            async with asyncio.timeout(self.patience_s):
                while not found():
                    self._changed.clear()
                    # What the books of the server say is not told: looked at now and then.
                    try:
                        await asyncio.wait_for(self._changed.wait(), 0.05)
                    except TimeoutError:
                        continue
        except TimeoutError:
            told = [type(event).__name__ for event in self.events if type(event).__name__ != "MarketFrame"]
            raise AssertionError(f"{what} never came; heard {told}") from None

    async def elapse(self, seconds: float) -> None:
        end = self.house.now + int(seconds * NS)
        while self.house.now < end:
            self.house.advance(min(end, self.house.now + LONG_S * NS))
            await asyncio.sleep(0.001)
        # What has happened is under way.
        await asyncio.sleep(0.02)

    async def cut(self) -> None:
        self.wire.refusing = True
        self.wire.cut()

    async def mend(self) -> None:
        self.wire.refusing = False


class FtxSubject(WireSubject):
    """The client with a key: it trades on the server."""

    def __init__(self, house: House, wire: Wire) -> None:
        super().__init__(house, wire)
        self.client = self.build(self, keyed=True)
        self.door = self.client

    def truth(self) -> AccountReport:
        return self.house.seat(KEY.key, "").exchange.books(VENUE)

    def mark(self) -> Decimal:
        return self.house.seat(KEY.key, "").venue(VENUE).floor.mark(PERP)

    def _fault(self, kind: FaultKind, *, on: bool) -> None:
        self.house.set_fault(kind, VENUE, Decimal(int(on)))

    async def lose_reply(self) -> None:
        self.wire.mute_next = b"POST /api/orders"

    async def fail_questions(self, *, on: bool) -> None:
        self._fault(FaultKind.SERVER_ERROR, on=on)

    async def say_twice(self, *, on: bool) -> None:
        self._fault(FaultKind.DUPLICATE, on=on)

    async def overtake(self, *, on: bool) -> None:
        self._fault(FaultKind.REORDER, on=on)


@asynccontextmanager
async def wired() -> AsyncIterator[tuple[House, Wire]]:
    """The served exchange behind a wire, its market under way."""
    with patch.multiple(feed, STATS_S=0.3, MARKS_S=0.3, COINS_S=0.5):
        async with serving(tested_world(), lockstep=True) as (house, server):
            wire = Wire(server.ports[VENUE])
            await wire.listen()
            house.advance(house.now + NS)
            clock = asyncio.create_task(run_clock(house))
            try:
                yield house, wire
            finally:
                clock.cancel()
                await asyncio.gather(clock, return_exceptions=True)
                await wire.close()


async def run_clock(house: House) -> None:
    while True:
        house.advance(house.now + TICK_NS)
        await asyncio.sleep(TICK_S)


@asynccontextmanager
async def opened() -> AsyncIterator[Subject]:
    async with wired() as (house, wire):
        subject = FtxSubject(house, wire)
        try:
            await subject.client.start()
            yield subject
        finally:
            await subject.client.close()


FTX = Entry("ftx", opened, frozenset(Can), cases=35)
