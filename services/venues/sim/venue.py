"""One simulated venue as the desk meets it: it implements `VirtualVenue` over a line with a latency.

What moves the books lies in `floor`, `clearing` and `deadman` and happens at market time.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Protocol

from services.domain.events import (
    AccountReport,
    CancelRejected,
    OrderRejected,
    OrderUnknown,
    RateRow,
    VenueLink,
)
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import RequestFailed, VenueFacts
from services.venues.port import Outbox
from services.venues.sim.answers import account_report, order_report
from services.venues.sim.clearing import Clearing
from services.venues.sim.deadman import DeadMan
from services.venues.sim.facts import CAPABILITIES, DAY_NS, NS, RateLimits
from services.venues.sim.floor import TradingFloor
from services.venues.sim.frames import FrameCutter
from services.venues.sim.limits import Limiter
from services.venues.sim.line import Line
from services.venues.sim.log import Entry
from services.venues.sim.source import Board
from services.venues.sim.spoiled import restamped
from services.venues.sim.state import VenueState
from services.venues.sim.winding import SmallOrders

KEEP_NS = 30 * DAY_NS
"""Fills, payments and ended orders are answered for this long."""
SEND_TIMEOUT_NS = 2 * NS
"""When a send into a dead line is given up."""
RESTATE_NS = 30 * NS
"""This long after a complete frame the next one is complete again: no row need be trusted for longer."""


class House(Protocol):
    """What a venue needs of the exchange that owns it."""

    @property
    def live(self) -> bool:
        """False while the log is replayed: nothing is sent, nothing is logged."""

    @property
    def instants(self) -> int:
        """Market instants so far."""

    def log(self, entry: Entry) -> None: ...

    def wake(self, now: int, token: object) -> None: ...


class SimVenue:
    def __init__(
        self,
        name: str,
        instruments: tuple[Instrument, ...],
        board: Board,
        state: VenueState,
        outbox: Outbox,
        house: House,
        latency: Random,
        outages: tuple[tuple[int, int], ...],
        rates: RateLimits,
        small_orders: bool = False,
    ) -> None:
        """`outages`: market times between which the venue cannot be reached. `small_orders`: an account that
        is short of margin is wound up bit by bit (`winding`)."""
        self.name = name
        self.state = state
        self._outbox = outbox
        self._house = house
        self.line = Line(outbox, house, latency, outages)
        self.floor = TradingFloor(
            name, instruments, board, state, self._write, self.line.send, shut_below_margin=small_orders
        )
        steps = SmallOrders(self.floor) if small_orders else None
        self._clearing = Clearing(self.floor, board, self.line.send, steps)
        self._dead_man = DeadMan(self.floor, self.line, outbox, self._write)
        self.limiter = Limiter(rates)
        self._feed = FrameCutter(name, self.floor.books, board)
        self._restated = 0
        self._greeting: tuple[RateRow, ...] | None = None
        self._missed: tuple[RateRow, ...] = ()
        """Settled rates of an outage: they come with the first frame after it."""

    # --- the desk's side ---------------------------------------------------------------------------------

    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(self.floor.listed.values())

    def submit(self, now: int, order: OrderRequest, most: Decimal | None = None) -> None:
        """`most`: by a fault, the most it can meet on its arrival."""
        if self.line.down(now):
            lost = now + SEND_TIMEOUT_NS
            self._outbox.deliver(
                lost, OrderUnknown(self.name, order.client_order_id, "no connection to the venue", lost)
            )
            return
        self._hear(now, lambda ts: self._take(ts, order, most))

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        def act(ts: int) -> None:
            no = self.limiter.cancel(ts)
            if no is None:
                self.floor.revoke(ts, instrument, client_order_id, venue_order_id)
            else:
                self.line.send(ts, lambda due: CancelRejected(self.name, client_order_id, no, ts, due))

        self._hear(now, act)

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self._ask(
            now, "query", client_order_id, lambda ts: self._answer_query(ts, instrument, client_order_id)
        )

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        self._ask(
            now,
            "read",
            request,
            lambda ts: self.line.send(ts, lambda due: self.report(ts, due, request, fills_since)),
        )

    def dead_man(self, now: int, timeout_ms: int) -> None:
        self._ask(now, "dead man", self.name, lambda ts: self._dead_man.arm(ts, timeout_ms))

    def _take(self, ts: int, order: OrderRequest, most: Decimal | None) -> None:
        no = self.limiter.order(ts, order.instrument)
        if no is None:
            self.floor.place(ts, order, most)
        else:
            self.line.send(ts, lambda due: OrderRejected(self.name, order.client_order_id, no, ts, due))

    def _ask(self, now: int, what: str, subject: str, act: Callable[[int], None]) -> None:
        """A question; one over the budget fails, with the limit that was met."""

        def arrived(ts: int) -> None:
            no = self.limiter.question(ts)
            if no is None:
                act(ts)
                return
            self.line.send(
                ts,
                lambda due: RequestFailed(venue=self.name, what=what, subject=subject, reason=no, ts=due),
            )

        self._hear(now, arrived)

    def wake(self, now: int, token: object) -> None:
        self._house.wake(now, token)

    def transfer(self, now: int, coin: str, amount: Decimal) -> None:
        """A deposit (> 0) or withdrawal, as if made on the venue's own pages."""
        self._hear(now, lambda ts: self.floor.move_coins(ts, coin, amount))

    def _hear(self, now: int, act: Callable[[int], None]) -> None:
        """A command sets out; into a dead line nobody hears it, and nobody answers."""

        def arrived(ts: int) -> None:
            self._dead_man.expire(ts)
            act(ts)

        self.line.carry(now, arrived)

    # --- the log -----------------------------------------------------------------------------------------

    def _write(self, ts: int, **command: Any) -> None:
        self._house.log(Entry(self._house.instants, ts, self.name, **command))

    def replay(self, entry: Entry) -> None:
        """A logged command happens again, in silence."""
        self._dead_man.expire(entry.ts)
        if entry.order is not None:
            self.floor.place(entry.ts, entry.order, Decimal(entry.most) if entry.most else None)
        elif entry.cancel:
            self.floor.revoke(entry.ts, "", "", entry.cancel)
        elif entry.coin:
            self.floor.move_coins(entry.ts, entry.coin, Decimal(entry.amount))
        elif entry.taken:
            self._clearing.deleverage(entry.ts, entry.percent, entry.taken)
        elif entry.dead_man is not None:
            self._dead_man.arm(entry.ts, entry.dead_man)

    def caught_up(self, ts: int) -> None:
        """The log is replayed up to `ts`."""
        self._dead_man.expire(ts)

    # --- faults (`faulty`) -------------------------------------------------------------------------------

    def restate(self) -> None:
        """The next frame is complete, as after a question for it."""
        self._restated = 0

    def reconnect(self, ts: int, reason: str) -> None:
        """Our end gives the line up and opens it anew."""
        self._lose(ts, reason)
        self._greet(ts, self._greeting or ())

    def go_dark(self, begin: int, end: int) -> None:
        """An outage between two market times."""
        self.line.go_dark(begin, end)

    def come_back(self, now: int) -> None:
        """An outage that lasts ends now."""
        self.line.come_back(now)

    def take_part(self, ts: int, pick: int, percent: int) -> None:
        """Auto-deleverage one of the account's positions: as final as any trade, so it is written down."""
        self._dead_man.expire(ts)
        held = list(self.state.account.holdings)
        if held:
            name = held[pick % len(held)]
            entry = Entry(self._house.instants, ts, self.name, taken=name, percent=percent)
            self._house.log(entry)
            self._clearing.deleverage(ts, percent, name)

    # --- questions ---------------------------------------------------------------------------------------

    def _answer_query(self, ts: int, instrument: str, client_order_id: str) -> None:
        found = order_report(self.floor, ts, instrument, client_order_id)
        self.line.send(ts, partial(restamped, found))

    def report(self, ts: int, due: int, request: str, since: int) -> AccountReport:
        """The account as it stands; fills, payments and transfers at or after `since`."""
        return account_report(self.floor, ts, due, request, since)

    # --- the market --------------------------------------------------------------------------------------

    def open(self, ts: int, settled: tuple[RateRow, ...]) -> None:
        """The exchange opens: `settled` rates so far come with the first frame."""
        self._dead_man.watch()
        self._greet(ts, settled)

    def _greet(self, ts: int, settled: tuple[RateRow, ...]) -> None:
        """The connection comes up; the next frame is complete and carries the settled rates."""
        self._greeting = settled
        if self.line.down(ts):
            self._lose(ts, "connection lost")
            return
        self._restated = 0
        self.line.greet(
            ts,
            lambda due: VenueFacts(venue=self.name, ts=due, **CAPABILITIES),
            lambda due: VenueLink(venue=self.name, ts=due, up=True, reason="connected"),
            *self._dead_man.greeting(ts),
        )

    def _lose(self, ts: int, reason: str) -> None:
        self.line.lost(ts, VenueLink(venue=self.name, ts=ts, up=False, reason=reason))

    def on_instant(
        self,
        ts: int,
        settled: tuple[RateRow, ...],
        predicted: dict[str, RateRow],
        refreshed: bool,
        flow: Random,
    ) -> None:
        """The market has moved to `ts`: fundings are paid, resting orders filled, the frame goes out."""
        self._dead_man.expire(ts)
        floor = self.floor
        for book in floor.books.values():
            if book.taken:
                book.taken.clear()
        for row in settled:
            self._clearing.settle(ts, row)
        for book in floor.books.values():
            if book.bids or book.asks:
                floor.trade_through(ts, book, flow)
        if floor.waiting:
            floor.release(ts)
        if self.state.account.holdings:
            self._clearing.watch(ts)
        self.state.frames += 1
        if self._house.live:
            self._publish(ts, settled, predicted, refreshed)

    def _publish(
        self, ts: int, settled: tuple[RateRow, ...], predicted: dict[str, RateRow], refreshed: bool
    ) -> None:
        if self.line.down(ts):
            self._missed += settled
            if not self.line.dark:
                self._lose(ts, "connection lost")
            return
        rates = settled
        if self.line.dark:
            rates, self._missed = (*self._missed, *settled), ()
            self._greet(ts, self._greeting or ())
        self.line.release(ts)
        for make in self._dead_man.greeting(ts):
            self.line.send(ts, make)
        if ts - self._restated >= RESTATE_NS:
            self._restated, refreshed = ts, True
            self._feed.forget()
        if self._greeting is not None:
            # Back-fill first, each settled row once: the picture keeps them oldest first.
            rates, refreshed, self._greeting = (*self._greeting, *rates), True, None
        if refreshed:
            rates = (*rates, *(row for name, row in predicted.items() if name in self.floor.books))
        self.line.frame(ts, lambda due: self._feed.cut(ts, due, self.state.frames, rates))

    def deleverage(self, ts: int, percent: int) -> None:
        """A scenario's auto-deleveraging."""
        self._clearing.deleverage(ts, percent)

    def forget_old(self, ts: int) -> None:
        """Drop what no question asks for any more; the checkpoint stays small."""
        state, since = self.state, ts - KEEP_NS
        account = state.account
        account.fills = [f for f in account.fills if f.ts_event >= since]
        account.payments = [p for p in account.payments if p.ts_event >= since]
        for order in [o for o in state.orders.values() if not o.live and o.closed_ts < since]:
            del state.orders[order.venue_order_id]
            state.by_client.pop(order.client_order_id, None)
