"""The exchange behind the server: one market and one clock, and an account of its own for every key.

An account is a whole simulated exchange over the same world: the market is a function of the world alone, so
all of them see the same prices at the same instants, and no account's orders reach another's (nor could they
move the market, which is generated). Commands go through the venue's own door, latency and faults included;
what comes back wakes the request that waits for it and goes out on the account's streams.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.domain.effects import SetFault
from services.domain.enums import FaultKind
from services.domain.events import (
    CancelRejected,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    OrderUnknown,
)
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport, RequestFailed
from services.drive.queue import Kind
from services.venues.sim.exchange import SimExchange, build_exchange
from services.venues.sim.limits import OrderLimits
from services.venues.sim.matching import CROSSES
from services.venues.sim.venue import SimVenue
from services.venues.sim.world import World
from services.workers.simserver.cut import CutQueue
from services.workers.simserver.held import Ways
from services.workers.simserver.keys import Key, folder_name
from services.workers.simserver.killed import Killed
from services.workers.simserver.leverage import Leverage, bounded
from services.workers.simserver.tape import Tape
from services.workers.simserver.triggers import Triggers

NS = 1_000_000_000
_BREATH_S = 0.02
"""The longest sleep of the clock."""

ON_ITS_WAY_NS = NS
"""A cancel that has not arrived by then is lost, and may be asked for again."""
DEAD_MAN = " dead man"
"""Where the answer about the switch is waited for; no client id has a space."""
PUBLIC = ("", "")
"""The account that nobody owns: its market is what strangers see."""


Listener = Callable[[str, Event], None]
"""Hears (venue, event)."""


class Seat:
    """One account: its exchange, its queue, who listens and who waits."""

    def __init__(
        self,
        world: World,
        folder: Path | None,
        start: int,
        latency_ns: int | None = None,
        limits: dict[str, OrderLimits] | None = None,
    ) -> None:
        """`limits`: by venue, of new orders, where other accounts of the same owner share them."""
        self.listeners: list[Listener] = []
        self.watchers: list[Callable[[str], None]] = []
        """Hear of each frame of a venue at the instant of the market that it shows."""
        self.said: dict[str, int] = {}
        """Stream frames handed to this account's connections, by venue."""
        self.queue = CutQueue(start, self._cut)
        self.exchange: SimExchange = build_exchange(world, folder, self.queue, small_orders=True)
        if latency_ns is not None:
            self.exchange.set_latency(latency_ns)
        for name, shared in (limits or {}).items():
            self.exchange.venues[name].limiter.orders = shared
        self.exchange.start(start)
        self.leverage = Leverage(None if folder is None else folder / "leverage.json")
        self._own = {name: dict(each.floor.listed) for name, each in self.exchange.venues.items()}
        """The markets as the venues list them."""
        self.ways = {name: Ways() for name in self.exchange.venues}
        for name in self.exchange.venues:
            self._lever(name)
        self.triggers: dict[str, Decimal] = {}
        """Venue order id -> the trigger price that a conditional order was asked for with."""
        self.killed = Killed(None if folder is None else folder / "killed.jsonl")
        self._quotes: dict[tuple[str, str], OrderRequest] = {}
        """Post-only orders on their way."""
        self._waiting: dict[tuple[str, str], asyncio.Future[Event]] = {}
        self._canceling: dict[tuple[str, str], int] = {}
        """Venue and order of each cancel that may be on its way -> when it set out."""
        self._drawn = 0
        self.conditionals = Triggers(
            lambda venue, order: self.exchange.doors[venue].submit(self.queue.now, order),
            self.draw_id,
            lambda venue, instrument: self.venue(venue).floor.mark(instrument),
            lambda: self.queue.now,
            None if folder is None else folder / "conditionals.json",
        )

    def venue(self, name: str) -> SimVenue:
        return self.exchange.venues[name]

    def set_leverage(self, venue: str, value: Decimal) -> None:
        self.leverage.put(venue, value)
        self._lever(venue)

    def _lever(self, venue: str) -> None:
        listed, value = self.venue(venue).floor.listed, self.leverage.of(venue)
        listed.update({name: bounded(spec, value) for name, spec in self._own[venue].items()})

    def draw_id(self) -> str:
        """A client id for an order that came without one; it is never shown. An account that has come back
        from its books has used some."""
        used = {name: venue.floor.state.by_client for name, venue in self.exchange.venues.items()}
        self._drawn += 1
        while any(
            f"~{self._drawn}" in names or self.killed.named(venue, f"~{self._drawn}") is not None
            for venue, names in used.items()
        ):
            self._drawn += 1
        return f"~{self._drawn}"

    def advance(self, until: int) -> None:
        """Everything up to and including `until` happens."""
        while (due := self.queue.next_due()) is not None and due <= until:
            self.happen()
        self.queue.now = max(self.queue.now, until)

    def happen(self) -> Event | None:
        """The next thing; the event that the account was told, if it was one."""
        entry = self.queue.pop()
        if entry is not None and entry[2] is Kind.EVENT:
            event: Event = entry[3]  # type: ignore[assignment] # the queue's kind says so
            self._hear(event)
            return event
        if entry is not None and entry[2] is Kind.WAKE:
            self.exchange.wake(entry[0], entry[3])
        return None

    def waiting(self) -> dict[str, int]:
        """Requests that wait for the exchange's word, by venue."""
        found: dict[str, int] = {}
        for venue, _ in self._waiting:
            found[venue] = found.get(venue, 0) + 1
        return found

    def _cut(self, venue: str) -> None:
        for watcher in list(self.watchers):
            watcher(venue)

    def _hear(self, event: Event) -> None:
        venue = getattr(event, "venue", "")
        if isinstance(event, OrderAccepted | OrderRejected | OrderUnknown):
            quote = self._quotes.pop((venue, event.client_order_id), None)
            if quote is not None and isinstance(event, OrderRejected) and event.reason == CROSSES:
                self.killed.add(venue, quote, event.ts_event)
            self._answer((venue, event.client_order_id), event)
        elif isinstance(event, OrderCanceled | CancelRejected):
            self._answer((venue, _cancel_of(event.client_order_id)), event)
        elif isinstance(event, DeadManReport) or (
            isinstance(event, RequestFailed) and event.what == "dead man"
        ):
            self._answer((venue, DEAD_MAN), event)
        self.conditionals.hear(venue, event)
        for listener in list(self.listeners):
            listener(venue, event)

    def _answer(self, name: tuple[str, str], event: Event) -> None:
        waiting = self._waiting.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(event)

    async def dead_man(self, venue: str, timeout_ms: int) -> DeadManReport | RequestFailed:
        """Arm, beat or disarm; the venue's word on it."""
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[venue, DEAD_MAN] = waiting
        # Past the fault layer: what it does to a request the HTTP side has drawn already.
        self.venue(venue).dead_man(self.queue.now, timeout_ms)
        word: DeadManReport | RequestFailed = await waiting
        return word

    async def place(self, venue: str, order: OrderRequest) -> Event:
        """The venue's first word on it. A fault may keep that word back for ever: the caller gives up."""
        waiting: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiting[venue, order.client_order_id] = waiting
        if order.post_only:
            self._quotes[venue, order.client_order_id] = order
        self.exchange.doors[venue].submit(self.queue.now, order)
        return await waiting

    def cancel(self, venue: str, instrument: str, venue_order_id: str) -> bool:
        """False: one is on its way already."""
        now, key = self.queue.now, (venue, venue_order_id)
        if now - self._canceling.get(key, -ON_ITS_WAY_NS) < ON_ITS_WAY_NS:
            return False
        self._canceling = {each: at for each, at in self._canceling.items() if now - at < ON_ITS_WAY_NS} | {
            key: now
        }
        self.venue(venue).cancel(now, instrument, "", venue_order_id)
        return True

    async def cancel_named(
        self, venue: str, instrument: str, client_order_id: str, venue_order_id: str
    ) -> Event:
        """The venue's word on it: `OrderCanceled`, or `CancelRejected`."""
        waiting: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiting[venue, _cancel_of(client_order_id)] = waiting
        self.venue(venue).cancel(self.queue.now, instrument, client_order_id, venue_order_id)
        return await waiting


def _cancel_of(client_order_id: str) -> str:
    """Whose word a request waits for, when it is not the first word on an order."""
    return f"cancel {client_order_id}"


class House:
    """All accounts, and the time that moves them together."""

    def __init__(
        self,
        world: World,
        keys: tuple[Key, ...],
        *,
        folder: Path | None = None,
        speed: float = 1.0,
        lockstep: bool = False,
        clock: Callable[[], float] = time.monotonic,
        latency_ms: float | None = None,
        late_ns: int = 0,
    ) -> None:
        """`lockstep`: time moves by `advance` alone. Accounts are opened when first used.

        `late_ns`: how long ago the world's start was, so that market time agrees with the wall's.
        """
        self.world = world
        self.digest = world.digest
        self.keys = {key.key: key for key in keys}
        self.lockstep = lockstep
        self.stepped = False
        """A client moves the time from word to word."""
        self._folder = folder
        self._speed = speed
        self._latency_ms = latency_ms
        self._clock = clock
        self._started = clock() - late_ns / NS
        self._start = world.start
        self.now = world.start
        self._faults: list[SetFault] = []
        self._seats: dict[tuple[str, str], Seat] = {}
        self._limits: dict[str, dict[str, OrderLimits]] = {}
        self.public = self.seat(*PUBLIC)
        self.tapes = {venue: Tape(world.digest, venue) for venue in world.venues}
        self.public.watchers.append(self._print)

    def seat(self, key: str, subaccount: str) -> Seat:
        """The account of a key, caught up with the market."""
        name = (key, subaccount)
        found = self._seats.get(name)
        if found is None:
            folder = None
            if self._folder is not None and key:
                folder = self._folder / folder_name(key, subaccount)
                folder.mkdir(parents=True, exist_ok=True)
            latency = None if self._latency_ms is None else int(self._latency_ms * 1e6)
            found = self._seats[name] = Seat(self.world, folder, self._start, latency, self._limits_of(key))
            for fault in self._faults:
                found.exchange.set_fault(fault)
            found.advance(self.now)
        return found

    def _print(self, venue: str) -> None:
        self.tapes[venue].frame(self.public.venue(venue).floor, self.public.queue.now)

    def open_interest(self, venue: str, instrument: str) -> Decimal:
        """Of all accounts, each against the background; base units."""
        held = (seat.venue(venue).floor.state.account.size(instrument) for seat in self._seats.values())
        return sum((abs(size) for size in held), Decimal(0))

    def _limits_of(self, key: str) -> dict[str, OrderLimits]:
        """One count of new orders for a key and all of its sub-accounts (ftx.md 1.3)."""
        if key not in self._limits:
            self._limits[key] = {venue: OrderLimits(self.world.rates) for venue in self.world.venues}
        return self._limits[key]

    def set_fault(self, kind: FaultKind, venue: str, chance: Decimal) -> None:
        """On every account, also on those that are opened later."""
        fault = SetFault(kind=kind, venue=venue, chance=chance)
        self._faults = [each for each in self._faults if (each.kind, each.venue) != (kind, venue)]
        if chance > 0:
            self._faults.append(fault)
        for seat in self._seats.values():
            seat.exchange.set_fault(fault)

    def advance(self, until: int) -> None:
        """Move all accounts to a market time."""
        self.now = max(self.now, until)
        for seat in list(self._seats.values()):
            seat.advance(self.now)

    def step(self, seat: Seat, until: int) -> Event | None:
        """Move on to the next word that `seat` is told, or to `until`; all others go along."""
        self.stepped = True
        while (due := seat.queue.next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            for other in self._seats.values():
                if other is not seat:
                    other.advance(self.now)
            told = seat.happen()
            if told is not None:
                return told
        self.advance(until)
        return None

    def next_due(self) -> int | None:
        """The next market time at which anything happens."""
        dues = [due for seat in self._seats.values() if (due := seat.queue.next_due()) is not None]
        return min(dues, default=None)

    async def run(self) -> None:
        """Move the time with the wall's, until cancelled; in lock-step nothing moves by itself."""
        while True:
            if self.lockstep:
                await asyncio.sleep(_BREATH_S)
                continue
            await self._catch_up(self._start + int((self._clock() - self._started) * self._speed * NS))
            due = self.next_due()
            ahead = _BREATH_S if due is None else (due - self.now) / NS / self._speed
            await asyncio.sleep(max(0.0, min(ahead, _BREATH_S)))

    async def _catch_up(self, until: int) -> None:
        """In slices, requests between them: a speed that the machine cannot keep makes the market slower than
        asked, never the server deaf."""
        while self.now < until:
            began = self._clock()
            while self.now < until and self._clock() - began < _BREATH_S:
                self.advance(min(until, self.now + NS))
            await asyncio.sleep(0)

    def close(self) -> None:
        for seat in self._seats.values():
            seat.exchange.close()
