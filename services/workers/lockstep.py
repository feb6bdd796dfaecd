"""An engine in lock-step with the served simulator: the desk over sockets, in virtual time (RUNTIME 6).

For comparisons: the same desk, journal and store as every engine, the `ftx` client over real sockets, and a
market that moves only when we say so. The server goes on to the next word for our account and stops; we wait
until all that it said has arrived; the desk takes it; what the desk sends leaves one by one, in its order. So
the decisions depend on nothing but the world, and must be the ones of the same world in process.

The server's orders take its own latency. A question over REST is answered at once while the market stands,
so its way there and back is waited for here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from msgspec import Struct, structs

from services.domain.effects import Notify
from services.domain.events import Event, MarketFrame, VenueLink
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import VenueFacts
from services.drive.machine import VirtualMachine
from services.drive.queue import VirtualQueue
from services.drive.standing import SessionNote
from services.protocol.redact import Redactor
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.secrets import secret_of
from services.settings.venues import VenueWire
from services.venues.ftx.build import build_ftx
from services.venues.ftx.schemas import Step
from services.venues.ftx.stepped import MarketClock, SteppedFtx, stepped
from services.venues.live import LiveVenue
from services.venues.port import Outbox, VirtualVenue
from services.venues.wire.budget import Budget
from services.venues.wire.rest import Timings
from services.venues.wire.stream import Habits
from services.workers.live_engine import LiveEngine
from services.workers.wires import ftx_settings

log = logging.getLogger("stableconsole.engine")

PATIENCE_S = 30.0
"""Wall seconds until everything that is under way must have arrived."""


LEAVES = 30
"""Turns of the loop in which a request leaves, before the server is asked whether it has it."""


class LockstepLost(RuntimeError):
    """The two sides are out of step; the text says how."""


class Errand(Struct, frozen=True):
    """What the desk asked of a venue."""

    venue: str
    go: Callable[[], None]
    waits: bool
    """Its end needs the market to move: an order, the dead-man's switch."""
    late_ns: int
    """What is told before the market moves is heard so much later."""


class SteppedDoor:
    """A venue as the machine meets it: notes what is asked, in its order. A `VirtualVenue`."""

    def __init__(
        self, venue: SteppedFtx, errands: deque[Errand], queue: Callable[[], VirtualQueue], way_ns: int
    ) -> None:
        self.name = venue.name
        self.venue = venue
        self._errands = errands
        self._queue = queue
        self._way_ns = way_ns

    def instruments(self) -> tuple[Instrument, ...]:
        return self.venue.instruments()

    def prepare(self, order: OrderRequest) -> None:
        self.venue.prepare(order)

    def submit(self, now: int, order: OrderRequest) -> None:
        self._note(partial(self.venue.submit, now, order), waits=True)

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        self._note(partial(self.venue.cancel, now, instrument, client_order_id, venue_order_id), waits=False)

    def dead_man(self, now: int, timeout_ms: int) -> None:
        self._note(partial(self.venue.dead_man, now, timeout_ms), waits=True)

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self._later(now, partial(self.venue.query, now, instrument, client_order_id))

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        self._later(now, partial(self.venue.read_account, now, request, fills_since))

    def _note(self, go: Callable[[], None], *, waits: bool) -> None:
        self._errands.append(Errand(self.name, go, waits, 2 * self._way_ns))

    def _later(self, now: int, go: Callable[[], None]) -> None:
        """It arrives a way later, and asks what is true then."""
        self._queue().wake(now + self._way_ns, Errand(self.name, go, False, self._way_ns))

    def wake(self, now: int, token: object) -> None:
        raise RuntimeError("a venue over sockets asks for no wake")


class OnTheWay:
    """What was on its way and has arrived: the machine's waker."""

    def __init__(self, errands: deque[Errand], queue: Callable[[], VirtualQueue]) -> None:
        self._errands = errands
        self._queue = queue

    def wake(self, now: int, token: object) -> None:
        if isinstance(token, Errand):
            self._errands.append(token)
        else:
            self._queue().deliver(now, token)  # type: ignore[arg-type] # `Mail` puts events in


class Mail:
    """The venues' outbox: a word that comes at once while the market stands is heard its ways later."""

    def __init__(self, outbox: Outbox, queue: Callable[[], VirtualQueue]) -> None:
        self._outbox = outbox
        self._queue = queue
        self._greeting: list[Event] = []
        self.late_ns = 0

    def greet(self, now: int) -> None:
        """The market says that the line is up: the client's own word on it is heard now."""
        greeting, self._greeting = self._greeting, []
        for event in greeting:
            self._outbox.deliver(now, structs.replace(event, ts=now))

    def deliver(self, due: int, event: Event) -> None:
        if isinstance(event, VenueFacts | VenueLink):
            self._greeting.append(event)
            return
        if isinstance(event, MarketFrame) or not self.late_ns:
            self._outbox.deliver(due, event)
            return
        # Behind whatever else the venue says at that very instant: its answers keep their order.
        at = due + self.late_ns
        self._queue().wake(at, structs.replace(event, ts=at))

    def wake(self, due: int, token: object) -> None:
        self._outbox.wake(due, token)


class Lockstep:
    """One engine and one served house. `open` first, `close` last."""

    def __init__(
        self,
        layout: StateLayout,
        settings: Settings,
        code: str,
        environ: Mapping[str, str],
        redactor: Redactor,
        *,
        way_ns: int,
        notify: Callable[[Notify], None] = lambda _: None,
    ) -> None:
        """`way_ns`: the server's latency each way, without jitter, over 0. Raises ProductError."""
        self._clock = MarketClock()
        self._way_ns = way_ns
        self._notify = notify
        self._errands: deque[Errand] = deque()
        self.venues: dict[str, SteppedFtx] = {}
        self._mails: dict[str, Mail] = {}
        self.steps = 0
        self.world = ""
        """Digest of the served world, once a step was taken: decisions of another one are no comparison."""
        self.engine = LiveEngine(
            layout, settings, code, environ, redactor, build=self._build, wall=self._clock
        )

    def _build(
        self,
        profile: str,
        wires: Mapping[str, VenueWire],
        environ: Mapping[str, str],
        outbox: Outbox,
        redactor: Redactor,
        bans: Path | None,
        paper: Path | None,
    ) -> dict[str, LiveVenue]:
        for name, wire in wires.items():
            mail = self._mails[name] = Mail(outbox, lambda: self.engine.session.queue)
            secret = secret_of(profile, name, environ)
            made = build_ftx(
                name,
                ftx_settings(wire),
                secret,
                mail,
                redactor=redactor,
                timings=Timings(read_s=PATIENCE_S, total_s=PATIENCE_S),
                habits=Habits(silence_s=2 * PATIENCE_S),
                budget=Budget(()),  # of the wall's time; the market's own limits are the server's
                market_time=self._clock,
                make=stepped(self._clock),
            )
            if not isinstance(made, SteppedFtx):
                raise TypeError(f"{name}: not built for steps")
            self.venues[name] = made
        return dict(self.venues)

    async def open(self, note: SessionNote) -> None:
        """Connect, recover, and hear what the venues have said. Raises ProductError, StoreError, OSError."""
        engine = self.engine
        await engine.start()
        await engine.examine()
        engine.open(note)
        doors: dict[str, VirtualVenue] = {
            name: SteppedDoor(venue, self._errands, lambda: engine.session.queue, self._way_ns)
            for name, venue in self.venues.items()
        }
        self.machine = VirtualMachine(
            engine.session.desk,
            doors,
            OnTheWay(self._errands, lambda: engine.session.queue),
            engine.session.queue,
            engine.session.keeper,
            on_notify=self._notify,
            on_handled=engine.session.handled,
        )
        engine.session.first_events()
        engine.tell_clocks(self.machine)

    async def run(self, until: int) -> None:
        """Up to and including that market time, or until the desk has stopped. Raises LockstepLost."""
        machine, queue = self.machine, self.engine.session.queue
        while machine.stopped is None:
            if machine.commit is not None:
                # Virtual time stands for the disk.
                await asyncio.wrap_future(machine.commit)
                machine.durable()
            await self._carry_out()
            due = queue.next_due()
            if due is not None and due <= queue.now:
                machine.step()
            elif queue.now < until:
                await self._advance(until if due is None else min(until, due))
            else:
                return

    async def close(self) -> bool:
        """False = something could not be written."""
        await self.engine.close_venues()
        return self.engine.session.close()

    # --- inside ------------------------------------------------------------------------------------------

    async def _advance(self, until: int) -> None:
        """The server's next words; all of one instant before the desk looks at the first."""
        word = await self._step(until)
        while word.next is not None and word.next <= word.now:
            word = await self._step(word.now)

    async def _step(self, until: int) -> Step:
        word = await self._ask(until)
        await self._until(lambda: self._arrived(word), "what the server has said")
        if word.told == VenueLink.__name__:
            self._mails[word.venue].greet(word.now)
        elif word.told == MarketFrame.__name__ and word.shown is not None:
            await self.venues[word.venue].refresh(word.shown)
        return word

    async def _ask(self, until: int) -> Step:
        self.steps += 1
        word = await next(iter(self.venues.values())).step(until)
        self.world = word.world
        self._clock.now = word.now
        self.engine.session.queue.tick(word.now)
        return word

    def _arrived(self, word: Step) -> bool:
        return all(
            venue.frames >= word.frames.get(name, 0) and venue.under_way <= word.waiting.get(name, 0)
            for name, venue in self.venues.items()
        )

    async def _carry_out(self) -> None:
        """One after the other, each only when the one before it has arrived."""
        while self._errands:
            errand = self._errands.popleft()
            venue = self.venues[errand.venue]
            before = venue.under_way
            for mail in self._mails.values():
                mail.late_ns = errand.late_ns
            errand.go()
            if errand.waits:
                await _turns(LEAVES)
                word = await self._ask(self._clock.now)
                while not self._arrived(word):
                    word = await self._ask(self._clock.now)
            else:
                await self._until(lambda: venue.under_way <= before, f"an answer of {venue.name}")  # noqa: B023
            for mail in self._mails.values():
                mail.late_ns = 0

    async def _until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not done():
            if any(venue.broken for venue in self.venues.values()):
                raise LockstepLost(f"a stream was lost while {what} was under way")
            if time.monotonic() > end:
                raise LockstepLost(f"{what} has not arrived")
            await asyncio.sleep(0)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
