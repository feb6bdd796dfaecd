"""The simulated exchange in process, under test: its own books are the truth, its faults the provocations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from services.domain.effects import SetFault
from services.domain.enums import FaultKind
from services.domain.events import AccountReport, Event
from services.venues.sim.facts import HOUR_NS
from services.venues.sim.world import World, make_world
from services.workers.simserver.house import Seat
from services.workers.simserver.worlds import served_world
from tests.conformance.subject import NS, Can, Entry, Subject

VENUE = "beta"
"""It settles funding every hour."""
PERP = "BTC-USDT-PERP.beta"
STEP_NS = NS // 50
LONG_S = 300


class SimSubject(Subject):
    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self.name, self.perp = VENUE, PERP
        self.seat = seat
        self.door = seat.exchange.doors[VENUE]
        seat.listeners.append(self._hear)

    def _hear(self, venue: str, event: Event) -> None:
        if venue == VENUE:
            self.heard.append((self.seat.queue.now, event))

    def now(self) -> int:
        return self.seat.queue.now

    async def until(self, found: Callable[[], Any], what: str) -> None:
        end = self.now() + LONG_S * NS
        while not found():
            assert self.now() < end, f"{what} never came"
            self.seat.advance(self.now() + STEP_NS)

    async def elapse(self, seconds: float) -> None:
        self.seat.advance(self.now() + int(seconds * NS))

    def truth(self) -> AccountReport:
        return self.seat.exchange.books(VENUE)

    def mark(self) -> Decimal:
        return self.seat.venue(VENUE).floor.mark(PERP)

    def _fault(self, kind: FaultKind, *, on: bool) -> None:
        self.seat.exchange.set_fault(SetFault(kind=kind, venue=VENUE, chance=Decimal(int(on))))

    async def lose_reply(self) -> None:
        self._fault(FaultKind.TIMEOUT, on=True)

    async def fail_questions(self, *, on: bool) -> None:
        self._fault(FaultKind.TIMEOUT, on=False)
        self._fault(FaultKind.SERVER_ERROR, on=on)

    async def cut(self) -> None:
        self._fault(FaultKind.OUTAGE, on=True)

    async def mend(self) -> None:
        self._fault(FaultKind.OUTAGE, on=False)

    async def say_twice(self, *, on: bool) -> None:
        self._fault(FaultKind.DUPLICATE, on=on)

    async def overtake(self, *, on: bool) -> None:
        self._fault(FaultKind.REORDER, on=on)


def tested_world() -> World:
    """Five minutes before a full hour, at which `beta` settles."""
    begin = make_world("calm", 1).start // HOUR_NS * HOUR_NS + HOUR_NS - 300 * NS
    world = served_world("calm", 1, step_s=1.0, synthetic=0, start=begin)
    # What is not looked at costs time: one perpetual and one pair a venue will do.
    few = tuple(each for each in world.instruments if each.symbol in ("BTC-USDT-PERP", "BTC/USD", "USDT/USD"))
    return replace(world, instruments=few)


@asynccontextmanager
async def opened() -> AsyncIterator[Subject]:
    world = tested_world()
    yield SimSubject(Seat(world, None, world.start))


SIM = Entry("sim", opened, frozenset(Can), cases=35)
