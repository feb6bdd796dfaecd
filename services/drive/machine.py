"""Joins desk, venues and keeper in virtual time: one event in, its effects carried out in order.

The machine never re-enters `handle`: whatever answers comes back through the queue. While an intent's
commit is outstanding `commit` is not None and the caller must not pop (virtual time stands).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from services.domain.effects import (
    ArmDeadMan,
    Cancel,
    CancelTimer,
    Done,
    Effect,
    Notify,
    Progress,
    QueryOrder,
    ReadAccount,
    Record,
    SaveIntent,
    Send,
    SetFault,
    SetTimer,
    Stopped,
    WriteLatch,
)
from services.domain.enums import FaultKind, TradingState
from services.domain.events import (
    Event,
    LatchHealth,
    MarketFrame,
    StoreHealth,
    StrategyOverrun,
    Timer,
)
from services.domain.instrument import venue_of
from services.domain.orders import OrderRequest
from services.domain.records import Row
from services.drive.ports import DeskPort, Keeper
from services.drive.queue import Kind, VirtualQueue
from services.drive.slow_disk import SlowDisk
from services.drive.working import WorkingOrders
from services.venues.port import Prepares, VirtualVenue

log = logging.getLogger("stableconsole.drive")

LAST_WORDS_NS = 200_000_000
"""How long the cancels of a fatal halt may take to arrive, virtual time."""


_FIRST = frozenset((WriteLatch, Send, Cancel))
"""Carried out before the rows of their half of a turn, in their order. The latch's row is synced, and two
syncs at once wait for each other on the same disk, with the cancels behind them. An order and a cancel wait
for no row: an order's intent is on disk already, or it is protective and waits for nothing."""


class DeskFailed(RuntimeError):
    """The desk raised: the latch is written, cancels are out, the process has to end with status 1."""


class Waker(Protocol):
    """The owner of the venues: it put the tokens of its wakes into the queue."""

    def wake(self, now: int, token: object) -> None: ...


def _ignore(_: object) -> None:
    return


class VirtualMachine:
    """Synchronous heart of every virtual-time run; pacing and sockets live around it."""

    def __init__(
        self,
        desk: DeskPort,
        venues: dict[str, VirtualVenue],
        waker: Waker,
        queue: VirtualQueue,
        keeper: Keeper,
        on_answer: Callable[[Progress | Done], None] = _ignore,
        on_notify: Callable[[Notify], None] = _ignore,
        on_handled: Callable[[int], None] = _ignore,
        on_fault: Callable[[SetFault], None] = _ignore,
        *,
        disk: SlowDisk | None = None,
        intent_timeout_ms: int = 250,
    ) -> None:
        """`disk`: what the fault `fsync` does; `intent_timeout_ms`: virtual, binds only while it is slow."""
        self.desk = desk
        self.venues = venues
        self.waker = waker
        self.queue = queue
        self.keeper = keeper
        self.on_answer = on_answer
        self.on_notify = on_notify
        self.on_handled = on_handled
        self.on_fault = on_fault
        self.disk = disk if disk is not None else SlowDisk()
        self.intent_timeout_ns = intent_timeout_ms * 1_000_000
        self.waiting: list[int] = []
        self.commit: Future[Any] | None = None
        self.awaited: Future[Any] | None = None
        """The commit of the half turn at hand that an order waits for."""
        self.stopped: Stopped | None = None
        self.on_record: Callable[[Row], None] | None = None
        """Hears the rows that go to the store: pictures are made of them, no decision."""
        self.on_effect: Callable[[Effect, int], None] | None = None
        """Hears every effect with its event's time, as it is journaled: pictures are made of them."""
        self.on_market: Callable[[MarketFrame], None] | None = None
        """Hears the market's frames after the desk: pictures are made of them, no decision."""
        self.working = WorkingOrders()
        self.preparing: list[OrderRequest] = []
        """Of the turn at hand: orders whose intents are being written."""
        self._left: set[str] = set()
        """Venues of orders that are told once as not to be reached."""
        self.events = 0
        self._carry: dict[type, Callable[..., None]] = {
            SaveIntent: self._save_intent,
            WriteLatch: self._latch,
            Send: self._send,
            Cancel: self._cancel,
            QueryOrder: self._query,
            ReadAccount: self._read_account,
            ArmDeadMan: self._arm_dead_man,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Record: self._record,
            Notify: self._notify,
            Progress: self._answer,
            Done: self._answer,
            Stopped: self._stopped,
            SetFault: self._set_fault,
        }

    def feed(self, event: Event) -> None:
        """Journal and handle one event, then carry out its effects in order.

        An exception out of the desk is fatal (RUNTIME 3): raises DeskFailed when all is halted.
        """
        self.keeper.input(event)
        self.events += 1
        try:
            # What an order waits for is carried out before the desk does the rest of its turn.
            self._carry_out(self.desk.decide(event), event.ts)
            if self.awaited is not None:
                if not self.awaited.done():
                    self.keeper.lend()
                self.awaited = None
            self._carry_out(self.desk.follow(), event.ts)
            if self.preparing:
                self._prepare()
            self.working.heard(event)  # a list for the worst case: no order waits for it
        except Exception as error:
            # In the desk, or in what carries its effects out: half a turn is done, nobody knows which.
            self._fail(error, event)
            raise DeskFailed(f"the desk failed on {type(event).__name__}: {_said(error)}") from error
        overran = self.desk.overran()
        if overran is not None:
            # The very next input: a replay drops the strategy at the same place (RUNTIME 3).
            self.feed(StrategyOverrun(strategy=overran, ts=self.queue.now))
        if self.on_market is not None and type(event) is MarketFrame:
            self.on_market(event)
        self.on_handled(self.queue.now)

    def _carry_out(self, effects: tuple[Effect, ...], ts: int) -> None:
        if not effects:
            return
        carries, keep = self._carry, self.keeper.effect
        for effect in effects:
            if type(effect) in _FIRST:
                carries[type(effect)](effect)
        for effect in effects:
            keep(effect)
            if self.on_effect is not None:
                self.on_effect(effect, ts)
            kind = type(effect)
            carry = None if kind in _FIRST else carries.get(kind)
            if carry is not None:
                carry(effect)

    def _fail(self, error: Exception, event: Event) -> None:
        """Latch first, then a cancel for every order that may live, by the driver's own list."""
        now = self.queue.now
        text = f"the desk failed on {type(event).__name__}: {_said(error)}"
        self.keeper.latch(WriteLatch(state=TradingState.HALTED, cause="desk failed", text=text, ts=now))
        self.working.heard(event)
        for order in self.working.all():
            try:
                self.venues[order.venue].cancel(
                    now, order.instrument, order.client_order_id, order.venue_order_id
                )
            except Exception as second:  # one venue that fails too is no reason to leave the others' orders
                log.error("the cancel of %s could not be sent: %s", order.client_order_id, _said(second))
        # The last words are under way for a latency yet; the market hears them, nobody listens any more.
        while (due := self.queue.next_due()) is not None and due <= now + LAST_WORDS_NS:
            entry = self.queue.pop()
            if entry is not None and entry[2] is Kind.WAKE:
                self.waker.wake(due, entry[3])

    def step(self) -> bool:
        """Pop the next entry and let it happen. False when the world has come to its end."""
        entry = self.queue.pop()
        if entry is None:
            return False
        due, _, kind, payload = entry
        if kind is Kind.EVENT:
            self.feed(payload)  # type: ignore[arg-type] # the queue's kinds say what the payload is
        elif kind is Kind.TIMER:
            self.feed(Timer(name=str(payload), ts=due))
        else:
            self.waker.wake(due, payload)
        return True

    def durable(self) -> None:
        """All waiting intents are on disk: say so to the desk, now or when the fault `fsync` has it."""
        waiting, self.waiting = self.waiting, []
        self.commit = None
        for seq in waiting:
            for due, event in self.disk.told(seq, self.queue.now, self.intent_timeout_ns):
                self.queue.deliver(due, event)

    def give_up(self, text: str, kind: str = "") -> None:
        """The store cannot: what waits for it is never sent, and the desk is told (SEMANTICS 14)."""
        self.waiting.clear()
        self.commit = None
        self.feed(StoreHealth(ok=False, text=text, ts=self.queue.now, kind=kind))

    def settle_commits(self) -> None:
        """Blocking form of the wait, for runs without an event loop."""
        if self.commit is not None:
            self.commit.result()
            self.durable()

    def run_until(self, end: int) -> None:
        """Everything up to and including `end`, as fast as it goes. For tests, benches and backtests."""
        while self.stopped is None:
            self.settle_commits()
            due = self.queue.next_due()
            if due is None or due > end:
                break
            self.step()
        self.settle_commits()

    def _save_intent(self, effect: SaveIntent) -> None:
        commit = self.keeper.commit()
        for order in effect.orders:
            if not order.purpose.protective:
                self.commit = self.awaited = commit
                self.waiting.append(effect.seq)
                self.preparing.extend(effect.orders)
                return
        # Sent in the same turn: nobody waits for it, and nothing stands still for it.

    def _prepare(self) -> None:
        """The disk writes: what an order takes to be said is done meanwhile."""
        orders, self.preparing = self.preparing, []
        for order in orders:
            door: object = self.venues.get(venue_of(order.instrument))
            if isinstance(door, Prepares):
                door.prepare(order)

    def _send(self, effect: Send) -> None:
        self.working.sent(effect.order)
        self.venues[venue_of(effect.order.instrument)].submit(self.queue.now, effect.order)

    def _known(self, venue: str) -> VirtualVenue | None:
        """None: the venue has left the profile, and an order there has no last word yet. Nobody can ask: it
        stays in doubt, is told at the start and here, and must not end the engine that has the rest to do."""
        door = self.venues.get(venue)
        if door is None and venue not in self._left:
            self._left.add(venue)
            log.error(
                "%s is no venue of this profile any more, and an order of ours there has no last word: "
                "put it back into the profile, or see to it at the venue",
                venue,
            )
        return door

    def _cancel(self, effect: Cancel) -> None:
        door = self._known(effect.venue)
        if door is None:
            return
        door.cancel(self.queue.now, effect.instrument, effect.client_order_id, effect.venue_order_id)
        if log.isEnabledFor(logging.DEBUG):
            # The wall's monotonic ns, common to all processes: what the way from a key to here took.
            log.debug(
                "cancel handed to %s at %d: %s", effect.venue, time.monotonic_ns(), effect.client_order_id
            )

    def _query(self, effect: QueryOrder) -> None:
        door = self._known(effect.venue)
        if door is not None:
            door.query(self.queue.now, effect.instrument, effect.client_order_id)

    def _read_account(self, effect: ReadAccount) -> None:
        self.venues[effect.venue].read_account(self.queue.now, effect.request, effect.fills_since)

    def _set_fault(self, effect: SetFault) -> None:
        if effect.kind is FaultKind.SLOW_FSYNC:
            self.disk.chance = float(effect.chance)
            return
        self.on_fault(effect)

    def _arm_dead_man(self, effect: ArmDeadMan) -> None:
        self.venues[effect.venue].dead_man(self.queue.now, effect.timeout_ms)

    def _set_timer(self, effect: SetTimer) -> None:
        self.queue.set_timer(effect.name, effect.due)

    def _cancel_timer(self, effect: CancelTimer) -> None:
        self.queue.cancel_timer(effect.name)

    def _latch(self, effect: WriteLatch) -> None:
        error = self.keeper.latch(effect)
        if error is not None:
            # A failing latch is an alert, not a delay.
            self.queue.deliver(self.queue.now, LatchHealth(ok=False, text=error, ts=self.queue.now))

    def _record(self, effect: Record) -> None:
        self.keeper.record(effect.row)
        if self.on_record is not None:
            self.on_record(effect.row)

    def _notify(self, effect: Notify) -> None:
        self.on_notify(effect)

    def _answer(self, effect: Progress | Done) -> None:
        self.on_answer(effect)

    def _stopped(self, effect: Stopped) -> None:
        self.stopped = effect


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
