"""The bad line between the desk and one simulated venue: a door for what the desk asks, a line for answers.

Without a fault set both hand everything through untouched. What each kind does (PARAMETERS, fault kinds):

- `latency`: answers and commands come many times later, answers in their order.
- `timeout`: the command is acted on and its answer never comes; given up after the send time-out.
- `drop`: one command, answer or frame is lost in silence. A lost frame leaves a hole and is asked for anew.
- `duplicate`, `reorder`: an answer or frame comes twice, or is overtaken by the ones behind it.
- `checksum`: a frame arrives broken: wrong count, impossible numbers. The line asks for a complete one.
- `429`, `5xx`: bursts in which every request fails: 429 was not acted on, of 5xx half was.
- `skew`: the venue's clock jumps by up to 4 s. Stamps made then keep their value.
- `partial`: an immediate order meets only a part of the book.
- `halfopen`: nothing passes either way and nobody says so, until the line is given up and opened anew.
- `reject`: a definite no. `adl`: part of one position is taken. `outage`: the line is down, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from services.domain.enums import FaultKind, OrderType, TimeInForce
from services.domain.events import (
    AccountReport,
    Event,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    VenueLink,
)
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import RequestFailed, VenueFacts
from services.venues.port import Outbox
from services.venues.sim import spoiled
from services.venues.sim.facts import LATENCY_NS, MS, NS
from services.venues.sim.faults import MAX_SKEW_NS, VenueFaults
from services.venues.sim.line import Wish
from services.venues.sim.venue import SEND_TIMEOUT_NS, SimVenue

SILENT_NS = 10 * NS
"""A line without a word for longer is given up by whoever listens to it, and opened anew."""

_OWN_WORDS = (VenueLink, VenueFacts, OrderUnknown, RequestFailed)
"""Said by our own end of the line: no fault of the venue's loses them."""
_ORDER_WORDS = (OrderAccepted, OrderRejected, OrderCanceled, OrderFilled)

REFUSALS = (
    "insufficient margin",
    "price is outside the venue's band",
    "the venue takes no orders at the moment",
    "post-only order would match at once",
)


class Books(Protocol):
    """What the line asks of the venue behind it."""

    def restate(self) -> None:
        """The next frame is complete."""

    def reconnect(self, ts: int, reason: str) -> None:
        """The line goes down and comes up again."""

    def go_dark(self, begin: int, end: int) -> None: ...

    def come_back(self, now: int) -> None: ...

    def take_part(self, ts: int, pick: int, percent: int) -> None:
        """Auto-deleverage one of the account's positions."""


class FaultyLine:
    """What a venue answers, on its way to the desk: an `Outbox` over the real one."""

    def __init__(self, outbox: Outbox, faults: VenueFaults) -> None:
        self._outbox = outbox
        self.faults = faults
        self.books: Books | None = None
        self.asked: dict[str, int] = {}
        """Account read -> the moment it really asked for, while the clock may have jumped."""
        self._last = 0

    def wake(self, due: int, token: object) -> None:
        self._outbox.wake(due, token)

    def deliver(self, due: int, event: Event) -> None:
        faults = self.faults
        if not faults.on or isinstance(event, _OWN_WORDS):
            self._outbox.deliver(due, event)
            return
        if isinstance(event, MarketFrame):
            self._frame(due, event)
            return
        if faults.going_on(FaultKind.HALF_OPEN, due) or self._unheard(event, due):
            return
        if faults.jumped:
            event = self._by_clock(event)
        if faults.hit(FaultKind.DROP):
            return
        self._on_its_way(due, event)
        if faults.hit(FaultKind.DUPLICATE):
            self._arrive(due + faults.between(MS, 400 * MS), event)

    def say(self, due: int, event: Event) -> None:
        """A word of our own end of the line, or one made by a fault."""
        self._outbox.deliver(due, event)

    def end(self, kind: FaultKind, now: int) -> None:
        """Set a fault to 0: a burst that holds the line ends with it."""
        silent = self.faults.going_on(FaultKind.HALF_OPEN, now)
        self.faults.set(kind, 0.0, now)
        if self.books is None:
            return
        if kind is FaultKind.OUTAGE:
            self.books.come_back(now)
        elif kind is FaultKind.HALF_OPEN and silent:
            self.books.reconnect(now, "silent connection given up")

    def _unheard(self, event: Event, due: int) -> bool:
        if not isinstance(event, _ORDER_WORDS):
            return False
        # What a fill says comes by another stream than the answer to the send.
        stream = isinstance(event, OrderFilled | OrderCanceled)
        return self.faults.muted(event.client_order_id, due, fill=stream)

    def _by_clock(self, event: Event) -> Event:
        event = spoiled.by_clock(event, self.faults)
        if isinstance(event, AccountReport):
            event = spoiled.since(event, self.asked.pop(event.request, 0))
        return event

    def _on_its_way(self, due: int, event: Event) -> None:
        """Late answers keep their order; a reordered one is overtaken by those behind it."""
        faults = self.faults
        if faults.hit(FaultKind.LATENCY):
            due += faults.between(4 * LATENCY_NS, 120 * LATENCY_NS)
        due = self._last = max(due, self._last)
        if faults.hit(FaultKind.REORDER):
            due += faults.between(MS, 600 * MS)
        self._arrive(due, event)

    def _arrive(self, due: int, event: Event) -> None:
        self._outbox.deliver(due, spoiled.restamped(event, due))

    # -- frames, and what lasts --------------------------------------------------------------------------

    def _frame(self, due: int, frame: MarketFrame) -> None:
        """A frame's turn is also the moment at which what lasts may begin."""
        faults, books = self.faults, self.books
        if books is not None:
            self._begin(due, books)
        if faults.going_on(FaultKind.HALF_OPEN, due):
            return
        if faults.jumped:
            frame = spoiled.by_clock(frame, faults)  # type: ignore[assignment] # of the same type
        if faults.hit(FaultKind.DROP):
            self._restate()
            return
        if faults.hit(FaultKind.CHECKSUM):
            self._arrive(due, spoiled.garbled(frame, faults.draw))
            self._restate()
            return
        if faults.hit(FaultKind.LATENCY):
            due += faults.between(4 * LATENCY_NS, 120 * LATENCY_NS)
        if faults.hit(FaultKind.REORDER):
            due += faults.between(NS, 12 * NS)
            self._restate()
        self._arrive(due, frame)
        if faults.hit(FaultKind.DUPLICATE):
            self._arrive(due + faults.between(MS, 3 * NS), frame)

    def _begin(self, due: int, books: Books) -> None:
        faults = self.faults
        faults.jump(due)
        end = faults.begins(FaultKind.OUTAGE, due)
        if end is not None:
            books.go_dark(due, end)
        end = faults.begins(FaultKind.HALF_OPEN, due)
        if end is not None:
            self._later(end, lambda ts: self._give_up(ts, end, books))
        if faults.hit(FaultKind.ADL):
            pick, percent = faults.between(0, 1_000), faults.between(10, 70)
            self._later(due, lambda ts: books.take_part(ts, pick, percent))

    def _give_up(self, ts: int, end: int, books: Books) -> None:
        """The silence ends: whoever listens has noticed, and has opened the line anew."""
        if FaultKind.HALF_OPEN in self.faults.chances and ts >= end:
            books.reconnect(ts, "silent connection given up")

    def _restate(self) -> None:
        if self.books is not None:
            self.books.restate()

    def _later(self, due: int, act: Callable[[int], None]) -> None:
        self._outbox.wake(due, Wish(act))


class FaultyDoor:
    """What the desk asks of a venue, on its way there: a `VirtualVenue` over the real one."""

    def __init__(self, venue: SimVenue, line: FaultyLine) -> None:
        self.name = venue.name
        self.venue = venue
        self._line = line
        self._faults = line.faults

    def instruments(self) -> tuple[Instrument, ...]:
        return self.venue.instruments()

    def wake(self, now: int, token: object) -> None:
        self.venue.wake(now, token)

    def submit(self, now: int, order: OrderRequest) -> None:
        faults, name = self._faults, order.client_order_id
        if not faults.on:
            self.venue.submit(now, order)
            return
        if faults.going_on(FaultKind.HALF_OPEN, now):
            return
        soon = now + 2 * LATENCY_NS
        if faults.lasting(FaultKind.THROTTLED, now):
            no = OrderRejected(self.name, name, "429: too many requests", soon, soon)
            self._line.say(soon, no)
            return
        if faults.lasting(FaultKind.SERVER_ERROR, now):
            self._line.say(soon, OrderUnknown(self.name, name, "500: internal error", soon))
            if faults.draw.random() < 0.5:
                return
            self._mute(name, now)
        elif faults.hit(FaultKind.REJECT):
            no = OrderRejected(self.name, name, faults.draw.choice(REFUSALS), soon, soon)
            self._line.say(soon, no)
            return
        elif faults.hit(FaultKind.DROP):
            return
        elif faults.hit(FaultKind.TIMEOUT):
            lost = now + SEND_TIMEOUT_NS
            self._line.say(lost, OrderUnknown(self.name, name, "no answer", lost))
            self._mute(name, now)
        most = self._part(order)
        self._pass(now, lambda ts: self.venue.submit(ts, order, most))

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        self._ask(
            now,
            "cancel",
            client_order_id or venue_order_id,
            lambda ts: self.venue.cancel(ts, instrument, client_order_id, venue_order_id),
        )

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self._ask(now, "query", client_order_id, lambda ts: self.venue.query(ts, instrument, client_order_id))

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        since = fills_since
        if self._faults.jumped:
            # By the venue's clock, which may have jumped: asked for widely here, cut exactly on its way back.
            self._line.asked[request] = fills_since
            since = max(0, fills_since - MAX_SKEW_NS)
        self._ask(now, "read", request, lambda ts: self.venue.read_account(ts, request, since))

    def dead_man(self, now: int, timeout_ms: int) -> None:
        self._ask(now, "dead man", self.name, lambda ts: self.venue.dead_man(ts, timeout_ms))

    def _ask(self, now: int, what: str, subject: str, act: Callable[[int], None]) -> None:
        """A question or a cancel: what fails is told by `RequestFailed`; half of what 5xx says is done."""
        faults = self._faults
        if not faults.on:
            act(now)
            return
        if faults.going_on(FaultKind.HALF_OPEN, now):
            return
        soon = now + 2 * LATENCY_NS
        if faults.lasting(FaultKind.THROTTLED, now):
            self._failed(soon, what, subject, "429")
            return
        if faults.lasting(FaultKind.SERVER_ERROR, now):
            self._failed(soon, what, subject, "500")
            if what == "cancel" and faults.draw.random() < 0.5:
                act(now)
            return
        if faults.hit(FaultKind.DROP):
            return
        if faults.hit(FaultKind.TIMEOUT):
            self._failed(now + SEND_TIMEOUT_NS, what, subject, "no answer")
            if what == "cancel":
                act(now)
            return
        self._pass(now, act)

    def _failed(self, due: int, what: str, subject: str, reason: str) -> None:
        self._line.say(due, RequestFailed(venue=self.name, what=what, subject=subject, reason=reason, ts=due))

    def _pass(self, now: int, act: Callable[[int], None]) -> None:
        """Hand it on, at once or much later. A later command may overtake it: each has its own connection."""
        faults = self._faults
        if faults.hit(FaultKind.LATENCY):
            due = now + faults.between(4 * LATENCY_NS, 120 * LATENCY_NS)
            self._line.wake(due, Wish(act))
        else:
            act(now)

    def _mute(self, client_order_id: str, now: int) -> None:
        """Its answer is lost; half of the time what comes of it is lost too."""
        faults = self._faults
        faults.mute(client_order_id, now + 5 * NS, fills_too=faults.draw.random() < 0.5)

    def _part(self, order: OrderRequest) -> Decimal | None:
        """The most an immediate order may meet; None = all there is."""
        immediate = order.tif is TimeInForce.IOC or order.type is OrderType.MARKET
        if not immediate or not self._faults.hit(FaultKind.PARTIAL):
            return None
        return order.quantity * self._faults.between(0, 95) / 100
