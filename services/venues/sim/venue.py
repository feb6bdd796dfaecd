"""One simulated venue as the desk meets it: commands arrive after a latency, answers leave before one.

It implements `VirtualVenue`. Private events keep their order (none overtakes an earlier one) and are never
dropped. What moves the books lies in `floor` and `clearing` and happens at market time.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Protocol

from msgspec.structs import replace

from services.domain.events import (
    AccountReport,
    BalanceRow,
    Event,
    OrderReport,
    OrderUnknown,
    PositionRow,
    RateRow,
    VenueLink,
    WorkingRow,
)
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.port import Outbox
from services.venues.sim.book import SimOrder
from services.venues.sim.clearing import Clearing
from services.venues.sim.facts import DAY_NS, LATENCY_JITTER_NS, LATENCY_NS, NS, WEIGHTS
from services.venues.sim.floor import TradingFloor
from services.venues.sim.frames import FrameCutter
from services.venues.sim.log import Entry
from services.venues.sim.matching import working
from services.venues.sim.source import Board
from services.venues.sim.state import VenueState

KEEP_NS = 30 * DAY_NS
"""Fills, payments and ended orders are answered for this long."""
SEND_TIMEOUT_NS = 2 * NS
"""When a send into a dead line is given up."""
RESTATE_NS = 30 * NS
"""This long after a complete frame the next one is complete again: no row need be trusted for longer."""


class Wish:
    """A command under way to the exchange: the token of its wake."""

    __slots__ = ("act",)

    def __init__(self, act: Callable[[int], None]) -> None:
        self.act = act


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
        outages: tuple[tuple[int, int], ...] = (),
    ) -> None:
        """`outages`: market times between which the venue cannot be reached."""
        self.name = name
        self.state = state
        self._outbox = outbox
        self._house = house
        self._latency = latency
        self.floor = TradingFloor(name, instruments, board, state, self._write, self._send)
        self._clearing = Clearing(self.floor, board, self._send)
        self._feed = FrameCutter(name, self.floor.books, board)
        self._up_at = self._down_at = self._frame_at = 0
        self._restated = 0
        self._greeting: tuple[RateRow, ...] | None = None
        self._outages = outages
        self._dark = False
        self._missed: tuple[RateRow, ...] = ()
        """Settled rates of an outage: they come with the first frame after it."""

    # --- the desk's side ---------------------------------------------------------------------------------

    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(self.floor.listed.values())

    def submit(self, now: int, order: OrderRequest, most: Decimal | None = None) -> None:
        """`most`: by a fault, the most it can meet on its arrival."""
        if self._dark_until(now):
            lost = now + SEND_TIMEOUT_NS
            self._outbox.deliver(
                lost, OrderUnknown(self.name, order.client_order_id, "no connection to the venue", lost)
            )
            return
        self._arrive_later(now, lambda ts: self.floor.place(ts, order, most))

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        self._arrive_later(now, lambda ts: self.floor.revoke(ts, instrument, client_order_id, venue_order_id))

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self._arrive_later(now, lambda ts: self._answer_query(ts, instrument, client_order_id))

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        self._arrive_later(
            now, lambda ts: self._send(ts, lambda due: self.report(ts, due, request, fills_since))
        )

    def wake(self, now: int, token: object) -> None:
        self._house.wake(now, token)

    def transfer(self, now: int, coin: str, amount: Decimal) -> None:
        """A deposit (> 0) or withdrawal, as if made on the venue's own pages."""
        self._arrive_later(now, lambda ts: self.floor.move_coins(ts, coin, amount))

    # --- time --------------------------------------------------------------------------------------------

    def _delay(self) -> int:
        return LATENCY_NS + int((2.0 * self._latency.random() - 1.0) * LATENCY_JITTER_NS)

    def _arrive_later(self, now: int, act: Callable[[int], None]) -> None:
        if self._dark_until(now):
            # Nobody hears it, and nobody answers: the desk's own probes and timers are what remains.
            return
        self._up_at = max(self._up_at, now + self._delay())
        self._outbox.wake(self._up_at, Wish(act))

    def _send(self, ts: int, make: Callable[[int], Event]) -> None:
        if self._house.live:
            leaves = max(ts, self._dark_until(ts))
            self._down_at = max(self._down_at, leaves + self._delay())
            self._outbox.deliver(self._down_at, make(self._down_at))

    def _dark_until(self, ts: int) -> int:
        """The end of the outage that `ts` lies in; 0 = the line is up."""
        for begin, end in self._outages:
            if begin <= ts < end:
                return end
        return 0

    def _write(
        self,
        ts: int,
        order: OrderRequest | None = None,
        cancel: str = "",
        coin: str = "",
        amount: str = "",
        most: str = "",
    ) -> None:
        self._house.log(Entry(self._house.instants, ts, self.name, order, cancel, coin, amount, most))

    def replay(self, entry: Entry) -> None:
        """A logged command happens again, in silence."""
        if entry.order is not None:
            self.floor.place(entry.ts, entry.order, Decimal(entry.most) if entry.most else None)
        elif entry.cancel:
            self.floor.revoke(entry.ts, "", "", entry.cancel)
        elif entry.coin:
            self.floor.move_coins(entry.ts, entry.coin, Decimal(entry.amount))
        elif entry.taken:
            self._clearing.deleverage(entry.ts, entry.percent, entry.taken)

    # --- faults (`faulty`) -------------------------------------------------------------------------------

    def restate(self) -> None:
        """The next frame is complete, as after a question for it."""
        self._restated = 0

    def reconnect(self, ts: int, reason: str) -> None:
        """Our end gives the line up and opens it anew."""
        self._outbox.deliver(ts, VenueLink(venue=self.name, ts=ts, up=False, reason=reason))
        self.greet(ts, self._greeting or ())

    def go_dark(self, begin: int, end: int) -> None:
        """An outage between two market times."""
        self._outages = (*(each for each in self._outages if each[1] > begin), (begin, end))

    def come_back(self, now: int) -> None:
        """An outage that lasts ends now."""
        self._outages = tuple((begin, min(end, now) if begin <= now else end) for begin, end in self._outages)

    def take_part(self, ts: int, pick: int, percent: int) -> None:
        """Auto-deleverage one of the account's positions: as final as any trade, so it is written down."""
        held = list(self.state.account.holdings)
        if held:
            name = held[pick % len(held)]
            entry = Entry(self._house.instants, ts, self.name, taken=name, percent=percent)
            self._house.log(entry)
            self._clearing.deleverage(ts, percent, name)

    # --- questions ---------------------------------------------------------------------------------------

    def _answer_query(self, ts: int, instrument: str, client_order_id: str) -> None:
        sim = self.floor.find(instrument, client_order_id, "")
        if sim is None:
            none = OrderReport(
                venue=self.name, client_order_id=client_order_id, found=False, ts_event=ts, ts=ts
            )
            self._send(ts, lambda due: replace(none, ts=due))
            return
        found = OrderReport(
            venue=self.name,
            client_order_id=client_order_id,
            found=True,
            state=sim.state,
            venue_order_id=sim.venue_order_id,
            filled=sim.filled * self.floor.listed[sim.instrument].size_increment,
            fills=tuple(f for f in self.state.account.fills if f.venue_order_id == sim.venue_order_id),
            ts_event=ts,
            ts=ts,
        )
        self._send(
            ts, lambda due: replace(found, ts=due, fills=tuple(replace(f, ts=due) for f in found.fills))
        )

    def report(self, ts: int, due: int, request: str, since: int) -> AccountReport:
        """The account as it stands; fills, payments and transfers at or after `since`."""
        account = self.state.account
        return AccountReport(
            venue=self.name,
            request=request,
            balances=tuple(
                BalanceRow(coin, amount, *WEIGHTS.get(coin, (None, None)))
                for coin, amount in account.balances.items()
            ),
            positions=tuple(
                PositionRow(name, held.size, held.entry, None) for name, held in account.holdings.items()
            ),
            orders=tuple(self._working_row(o) for o in working(self.state)),
            fills=tuple(replace(f, ts=due) for f in account.fills if f.ts_event >= since),
            payments=tuple(replace(p, ts=due) for p in account.payments if p.ts_event >= since),
            transfers=tuple(replace(t, ts=due) for t in account.transfers if t.ts_event >= since),
            ts_event=ts,
            ts=due,
        )

    def _working_row(self, order: SimOrder) -> WorkingRow:
        instrument = self.floor.listed[order.instrument]
        lot = instrument.size_increment
        return WorkingRow(
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            instrument=order.instrument,
            side=order.side,
            quantity=order.lots * lot,
            filled=order.filled * lot,
            price=None if order.ticks is None else order.ticks * instrument.price_increment,
            reduce_only=order.reduce_only,
        )

    # --- the market --------------------------------------------------------------------------------------

    def greet(self, ts: int, settled: tuple[RateRow, ...]) -> None:
        """The connection comes up; the next frame is complete and carries the settled rates so far."""
        self._restated = 0
        self._greeting = settled
        self._send(ts, lambda due: VenueLink(venue=self.name, ts=due, up=True, reason="connected"))
        self._frame_at = self._down_at

    def on_instant(
        self,
        ts: int,
        settled: tuple[RateRow, ...],
        predicted: dict[str, RateRow],
        refreshed: bool,
        flow: Random,
    ) -> None:
        """The market has moved to `ts`: fundings are paid, resting orders filled, the frame goes out."""
        floor = self.floor
        for book in floor.books.values():
            if book.taken:
                book.taken.clear()
        for row in settled:
            self._clearing.settle(ts, row)
        for book in floor.books.values():
            if book.bids or book.asks:
                floor.trade_through(ts, book, flow)
        if self.state.account.holdings:
            self._clearing.watch(ts)
        self.state.frames += 1
        if not self._house.live:
            return
        rates = settled
        if self._dark_until(ts):
            self._missed += settled
            if not self._dark:
                self._dark = True
                down = VenueLink(venue=self.name, ts=ts, up=False, reason="connection lost")
                self._outbox.deliver(ts, down)
            return
        if self._dark:
            self._dark = False
            rates, self._missed = (*self._missed, *settled), ()
            self.greet(ts, self._greeting or ())
        if ts - self._restated >= RESTATE_NS:
            self._restated, refreshed = ts, True
            self._feed.forget()
        if self._greeting is not None:
            # Back-fill first, each settled row once: the picture keeps them oldest first.
            rates, refreshed, self._greeting = (*self._greeting, *rates), True, None
        if refreshed:
            rates = (*rates, *(row for name, row in predicted.items() if name in floor.books))
        self._frame_at = max(self._frame_at, ts + self._delay())
        self._outbox.deliver(self._frame_at, self._feed.cut(ts, self._frame_at, self.state.frames, rates))

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
