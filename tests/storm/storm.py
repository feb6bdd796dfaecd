"""A storm on the wire between our client and the served exchange, and what a desk behind it would believe."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from decimal import Decimal

from services.domain.enums import Side, TimeInForce
from services.domain.events import (
    AccountReport,
    Event,
    MarketFrame,
    OrderFilled,
    VenueLink,
)
from services.domain.orders import OrderRequest
from services.domain.venue_events import RequestFailed
from tests.conformance.ftx import FtxSubject
from tests.conformance.sim import VENUE
from tests.simserver.served import KEY
from tests.storm.believer import Believer

FRESH_S = 3.0
"""`max_age` of a quote (PARAMETERS)."""
OVERLAP_NS = 2_000_000_000
"""A read asks for what is this much older than the last one: the venue's clock is not ours."""


class Storm:
    """Blows on `subject`'s wire while orders of the account are filled, some of them sent by others."""

    def __init__(self, subject: FtxSubject, seed: int) -> None:
        self.subject = subject
        self.draw = random.Random(seed)  # a test's weather
        self.done: Counter[str] = Counter()
        self.sent: list[OrderRequest] = []
        self.known: dict[str, OrderFilled] = {}
        """Fills told by the stream or by a read that a desk would have asked for."""
        self.reads = 0
        self.blown_s = 0.0
        self.stale_looks = 0
        """How often a line that had been dead for `max_age` was looked at."""
        self.blocked_looks = 0
        """How often the gate was asked for an entry meanwhile, or with the line down, and refused it."""
        self.believer = Believer(VENUE, {spec.id: spec for spec in subject.door.instruments()}, subject.perp)
        self._up = False
        self._stamp = 0.0
        self._heard = 0
        self._since = 0
        self._dead_at: float | None = None

    # What a desk would know.

    def take(self) -> None:
        """Everything told since the last call."""
        events = [event for _, event in self.subject.heard[self._heard :]]
        self._heard = len(self.subject.heard)
        for event in events:
            self._one(event)

    def _one(self, event: Event) -> None:
        self.believer.hear(event)
        match event:
            case VenueLink():
                self._up = event.up
                if event.up:
                    self.read()
            case MarketFrame():
                self._stamp = event.ts / 1e9
            case OrderFilled():
                self.known[event.trade_id] = event
            case AccountReport():
                self._since = max(self._since, event.ts_event - OVERLAP_NS)
                self.known.update((fill.trade_id, fill) for fill in event.fills)
            case RequestFailed() if event.what == "read" and self._up:
                self.read()
            case _:
                return

    def read(self) -> None:
        self.reads += 1
        self.subject.door.read_account(self.subject.now(), f"storm-{self.reads}", self._since)

    def fresh(self) -> bool:
        """Would a desk price an entry now?"""
        return self._up and time.time() - self._stamp <= FRESH_S

    def look(self) -> None:
        """A line that has carried nothing for as long as a quote may be old must not look alive."""
        self.take()
        dead = self._dead_at is not None and time.monotonic() - self._dead_at > FRESH_S
        if dead:
            self.stale_looks += 1
            assert not self.fresh(), "a dead line looks alive"
        if dead or not self._up:
            assert self.believer.refusal(time.time_ns()), "the gate would let an entry out"
            self.blocked_looks += 1

    # What happens.

    async def blow(self, blows: int, gap_s: float, long_every: int) -> None:
        began = time.monotonic()
        for number in range(1, blows + 1):
            self._trade()
            if number % long_every == 0:
                self.done["long stall"] += 1
                await self._still(FRESH_S + 1.5)
            else:
                name, blow = self.draw.choice(
                    (
                        ("all cut", self._cut_all),
                        ("one cut", self._cut_one),
                        ("stall", self._stall),
                        ("half open", self._half_open),
                        ("refused", self._refuse),
                    )
                )
                self.done[name] += 1
                await blow()
            await self._pass(self.draw.uniform(0.2, 1.8) * gap_s)
        self.blown_s = time.monotonic() - began

    def _trade(self) -> None:
        """One order of the account that no reply here tells of, and one of ours into whatever there is."""
        spec, floor = self.subject.spec(), self.subject.house.seat(KEY.key, "").venue(VENUE).floor
        side = self.draw.choice((Side.BUY, Side.SELL))
        factor = Decimal("1.02") if side is Side.BUY else Decimal("0.98")
        price = spec.round_price(side, floor.mark(spec.id) * factor)
        for ours in (False, True):
            request = self.subject.order(side, spec.min_size * 3, price, tif=TimeInForce.IOC)
            if ours:
                self.sent.append(request)
                self.subject.door.submit(self.subject.now(), request)
            else:
                seat = self.subject.house.seat(KEY.key, "")
                seat.exchange.doors[VENUE].submit(seat.queue.now, request)

    async def _cut_all(self) -> None:
        self.subject.wire.cut()

    async def _cut_one(self) -> None:
        for number in self._some():
            self.subject.wire.cut(number)

    async def _half_open(self) -> None:
        for number in self._some():
            self.subject.wire.half_open(number)

    async def _stall(self) -> None:
        await self._still(self.draw.uniform(0.1, 0.6))

    async def _refuse(self) -> None:
        """Cut, and not to be reached for a while."""
        wire = self.subject.wire
        wire.refusing = True
        wire.cut()
        await self._pass(self.draw.uniform(0.05, 0.3))
        wire.refusing = False

    def _some(self) -> list[int]:
        found = self.subject.wire.connections
        return [self.draw.choice(found)] if found else []

    async def _still(self, seconds: float) -> None:
        wire = self.subject.wire
        wire.stall()
        self._dead_at = time.monotonic()
        await self._pass(seconds)
        self._dead_at = None
        wire.flow()

    async def _pass(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            await asyncio.sleep(0.02)
