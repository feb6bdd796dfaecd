"""Instruments, prices, and a tiny market that answers orders as a script says, faults included."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from services.domain.enums import InstrumentKind, OrderState, PairState, Side
from services.domain.events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
)
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.execution.actions import Action, Arm, Ask, Became, CancelOrder, Disarm, Escalate, Place, Probe
from services.execution.ids import IdCounter
from services.execution.pairs import PairMachine
from services.execution.table import OrderTable
from services.settings.parameters import Settings

D = Decimal
MS = 10**6
SECOND = 10**9
START = 1_677_628_800 * SECOND

BTC_A = "BTC-USDT-PERP.alpha"
BTC_B = "BTC-USDC-PERP.beta"
USDT_A = "USDT-PERP.alpha"
USDC_B = "USDC-PERP.beta"


SPOT_A = "BTC/USD.alpha"
SPOT_B = "BTC/USD.beta"
LEGS = {"hedge": (BTC_A, BTC_B), "peg": (USDT_A, USDC_B), "spot": (SPOT_A, SPOT_B)}
"""By the pair's kind: (short, long)."""


def perp(name: str, underlying: str, quote: str, tick: str, lot: str, minimum: str = "0") -> Instrument:
    symbol, _, venue = name.rpartition(".")
    return Instrument(
        id=name,
        venue=venue,
        symbol=symbol,
        kind=InstrumentKind.PERP,
        underlying=underlying,
        quote=quote,
        settle=quote,
        price_increment=D(tick),
        size_increment=D(lot),
        min_size=D(lot),
        min_notional=D(minimum),
        taker_fee=D("0.0005"),
        maker_fee=D("0.0002"),
    )


def spot(name: str, underlying: str, tick: str, lot: str, minimum: str = "0") -> Instrument:
    """Against dollars; no venue has a reduce-only flag for it."""
    plain = perp(name, underlying, "USD", tick, lot, minimum)
    return msgspec.structs.replace(plain, kind=InstrumentKind.SPOT, tiers=None, reduce_only_supported=False)


INSTRUMENTS = {
    BTC_A: perp(BTC_A, "BTC", "USDT", "0.1", "0.001", "5"),
    BTC_B: perp(BTC_B, "BTC", "USDC", "0.1", "0.002", "5"),
    USDT_A: perp(USDT_A, "USDT", "USD", "0.0001", "1"),
    USDC_B: perp(USDC_B, "USDC", "USD", "0.0001", "1"),
    SPOT_A: spot(SPOT_A, "BTC", "0.1", "0.001", "5"),
    SPOT_B: spot(SPOT_B, "BTC", "0.1", "0.002", "5"),
}


@dataclass
class Book:
    """A `Prices` with everything known, until a test takes something away."""

    mids: dict[str, Decimal | None] = field(
        default_factory=lambda: {
            BTC_A: D("23000"),
            BTC_B: D("23010"),
            USDT_A: D("1.0002"),
            USDC_B: D("0.9998"),
            SPOT_A: D("23000"),
            SPOT_B: D("22950"),
        }
    )
    depths: dict[str, Decimal | None] = field(
        default_factory=lambda: {
            BTC_A: D("10"),
            BTC_B: D("5"),
            USDT_A: D("250000"),
            USDC_B: D("125000"),
            SPOT_A: D("10"),
            SPOT_B: D("5"),
        }
    )
    lasts: dict[str, Decimal | None] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    """Venues that have not been read."""
    data_only: tuple[str, ...] = ()

    def mid(self, instrument: str) -> Decimal | None:
        return self.mids.get(instrument)

    def touch(self, instrument: str) -> tuple[Decimal, Decimal] | None:
        """Half a basis point to either side of the mid, on the grid."""
        mid = self.mids.get(instrument)
        if mid is None:
            return None
        spec, half = INSTRUMENTS[instrument], mid * D("0.00005")
        return spec.round_price(Side.BUY, mid - half), spec.round_price(Side.SELL, mid + half)

    def depth(self, instrument: str, side: Side) -> Decimal | None:
        return self.depths.get(instrument)

    def last(self, instrument: str) -> Decimal | None:
        return self.lasts.get(instrument, self.mids.get(instrument))

    def usd(self, instrument: str) -> Decimal | None:
        return D(1)

    def barren(self) -> tuple[str, ...]:
        return self.data_only

    def unread(self) -> tuple[str, ...]:
        return self.silent


@dataclass(frozen=True)
class Answer:
    """What the market does with one order."""

    fills: tuple[Decimal, ...] = (D(1),)
    """Shares of the quantity, one fill each."""
    kind: str = "ioc"
    """ioc, reject, deny, lost (no word; a probe tells), swallowed (never arrived), silent_after_fill."""
    latency_ms: int = 20
    gap_ms: int = 5
    duplicate: bool = False
    late: bool = False
    """The fills come after the word that the rest is canceled."""


GOOD = Answer()


@dataclass(frozen=True)
class Rest:
    """What the market does with one resting order."""

    fills: tuple[tuple[int, Decimal], ...] = ()
    """(ms after its arrival, share of the quantity), while it stands."""
    kind: str = "rests"
    """rests, reject (it would cross), deny, lost (its accept never comes), swallowed (it never arrived)."""
    latency_ms: int = 20
    cancel: str = "yes"
    """yes, lost (the cancel never arrives), refused (the venue says no, and it goes on standing)."""
    late: bool = False
    """Fills are told later than the word that the rest is canceled."""


UNTOUCHED = Rest()


@dataclass
class Standing:
    """A resting order by the venue's own books."""

    order: OrderRequest
    rest: Rest
    left: Decimal
    fills: list[OrderFilled] = field(default_factory=list)
    live: bool = True
    cancels: int = 0


@dataclass
class Market:
    """Desk and venue in one: carries out actions, keeps its own positions, answers by script."""

    machine: PairMachine
    table: OrderTable
    book: Book
    script: list[Answer]
    now: int = START
    queue: list[tuple[int, int, str, Any]] = field(default_factory=list)
    seq: int = 0
    timers: dict[str, int] = field(default_factory=dict)
    positions: dict[str, Decimal] = field(default_factory=dict)
    truth: dict[str, tuple[OrderRequest, tuple[OrderFilled, ...], bool]] = field(default_factory=dict)
    placed: list[OrderRequest] = field(default_factory=list)
    placed_at: list[int] = field(default_factory=list)
    became: list[Became] = field(default_factory=list)
    pages: list[Escalate] = field(default_factory=list)
    anomalies: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    worst_naked: Decimal = Decimal("0")
    halted: bool = False
    cuts: bool = False
    """The venue cuts a reducing order to the net position; else a too large one fails the test."""
    trades: int = 0
    rests: list[Rest] = field(default_factory=list)
    """For post-only orders, one each; none left: they stand untouched."""
    standing: dict[str, Standing] = field(default_factory=dict)
    cancels: list[tuple[int, str]] = field(default_factory=list)

    def push(self, due: int, kind: str, what: Any) -> None:
        self.seq += 1
        heapq.heappush(self.queue, (due, self.seq, kind, what))

    def carry_out(self, actions: tuple[Action, ...]) -> None:
        pending = list(actions)
        while pending:
            action = pending.pop(0)
            match action:
                case Place():
                    pending.extend(self._place(action.order))
                case CancelOrder():
                    self.cancels.append((self.now, action.client_order_id))
                    applied = self.table.cancel_sent(action.client_order_id, self.now)
                    if action.client_order_id in self.standing:
                        rest = self.standing[action.client_order_id].rest
                        self.push(self.now + rest.latency_ms * MS, "rest_cancel", action.client_order_id)
                    if applied.entry is not None and applied.ended:
                        pending.extend(self.machine.on_order(applied.entry, self.now, self.book))
                case Arm():
                    self.timers[action.name] = action.due
                    self.push(action.due, "timer", action.name)
                case Disarm():
                    self.timers.pop(action.name, None)
                case Became():
                    self.became.append(action)
                case Escalate():
                    self.pages.append(action)
                case Ask():
                    self.asked.append(action)
                case _:
                    raise AssertionError(action)
        self._arm_table()

    def _arm_table(self) -> None:
        due = self.table.next_due()
        if due is not None and self.timers.get("table") != due:
            self.timers["table"] = due
            self.push(due, "timer", "table")

    def _place(self, order: OrderRequest) -> tuple[Action, ...]:
        self.placed.append(order)
        self.placed_at.append(self.now)
        entry = self.table.add(order, self.now)
        if order.post_only:
            return self._place_resting(order)
        answer = self.script.pop(0) if self.script else GOOD
        refused = self.halted and not order.purpose.protective
        if answer.kind == "deny" or refused:
            self.denied.append(order.client_order_id)
            self.table.denied(order.client_order_id, "denied by the gate", self.now)
            return self.machine.on_order(entry, self.now, self.book)
        if order.purpose.protective:
            self._send(order, answer)
        else:
            self.push(self.now + 2 * MS, "durable", (order, answer))
        return ()

    def _place_resting(self, order: OrderRequest) -> tuple[Action, ...]:
        assert not order.purpose.protective
        rest = self.rests.pop(0) if self.rests else UNTOUCHED
        entry = self.table.get(order.client_order_id)
        assert entry is not None
        if rest.kind == "deny" or self.halted:
            self.denied.append(order.client_order_id)
            self.table.denied(order.client_order_id, "denied by the gate", self.now)
            return self.machine.on_order(entry, self.now, self.book)
        self.push(self.now + 2 * MS, "durable", (order, rest))
        return ()

    def _stand(self, order: OrderRequest, rest: Rest) -> None:
        """A post-only order on its way: what becomes of it follows the clock of the venue."""
        self.table.sent(order.client_order_id, self.now)
        venue = order.instrument.rpartition(".")[2]
        at = self.now + rest.latency_ms * MS
        if rest.kind == "swallowed":
            return
        if rest.kind == "reject":
            self.truth[order.client_order_id] = (order, (), False)
            no = OrderRejected(venue, order.client_order_id, "post-only would match", at, at)
            self.push(at, "event", no)
            return
        self.standing[order.client_order_id] = Standing(order, rest, order.quantity)
        if rest.kind != "lost":
            self.push(
                at, "event", OrderAccepted(venue, order.client_order_id, f"v{order.client_order_id}", at, at)
            )
        for delay, share in rest.fills:
            self.push(at + delay * MS, "rest_fill", (order.client_order_id, share))

    def _rest_fill(self, name: str, share: Decimal) -> None:
        each = self.standing[name]
        order = each.order
        lot = INSTRUMENTS[order.instrument].size_increment
        quantity = min(each.left, max((order.quantity * share / lot).to_integral_value(), D(1)) * lot)
        held = self.positions.get(order.instrument, D(0))
        if order.reduce_only:
            quantity = min(quantity, max(held * -order.side.sign, D(0)))
        if not each.live or quantity <= 0:
            return
        self.trades += 1
        told = self.now + each.rest.latency_ms * MS * (4 if each.rest.late else 1)
        fill = OrderFilled(
            venue=order.instrument.rpartition(".")[2],
            instrument=order.instrument,
            client_order_id=name,
            venue_order_id=f"v{name}",
            trade_id=f"t{self.trades}",
            side=order.side,
            quantity=quantity,
            price=order.price or D(1),
            fee=D(0),
            fee_coin="USDT",
            maker=True,
            ts_event=self.now,
            ts=told,
        )
        each.fills.append(fill)
        each.left -= quantity
        each.live = each.left > 0
        self.positions[order.instrument] = held + quantity * order.side.sign
        self.push(told, "event", fill)

    def _rest_cancel(self, name: str) -> None:
        each = self.standing[name]
        each.cancels += 1
        venue, told = each.order.instrument.rpartition(".")[2], self.now + each.rest.latency_ms * MS
        if each.rest.cancel == "lost" and each.cancels == 1:
            return
        if not each.live or (each.rest.cancel == "refused" and each.cancels == 1):
            self.push(told, "event", CancelRejected(venue, name, "no", self.now, told))
            return
        each.live = False
        filled = each.order.quantity - each.left
        self.push(told, "event", OrderCanceled(venue, name, "canceled", filled, self.now, told))

    def _send(self, order: OrderRequest, answer: Answer) -> None:
        self.table.sent(order.client_order_id, self.now)
        venue = order.instrument.rpartition(".")[2]
        at = self.now + answer.latency_ms * MS
        if answer.kind == "reject":
            self.truth[order.client_order_id] = (order, (), False)
            self.push(at, "event", OrderRejected(venue, order.client_order_id, "no", at, at))
            return
        if answer.kind == "swallowed":
            self.push(at, "event", OrderUnknown(venue, order.client_order_id, "timeout", at))
            return
        lot = INSTRUMENTS[order.instrument].size_increment
        fills: list[OrderFilled] = []
        left = order.quantity
        for share in answer.fills:
            quantity = min(left, (order.quantity * share / lot).to_integral_value() * lot)
            if order.reduce_only and self.cuts:
                taken = sum((fill.quantity for fill in fills), D(0))
                net = self.positions.get(order.instrument, D(0)) * -order.side.sign
                quantity = min(quantity, max(net - taken, D(0)))
            if quantity <= 0:
                continue
            left -= quantity
            self.trades += 1
            fills.append(
                OrderFilled(
                    venue=venue,
                    instrument=order.instrument,
                    client_order_id=order.client_order_id,
                    venue_order_id=f"v{order.client_order_id}",
                    trade_id=f"t{self.trades}",
                    side=order.side,
                    quantity=quantity,
                    price=order.price or D(1),
                    fee=D(0),
                    fee_coin="USDT",
                    ts_event=at,
                    ts=at,
                )
            )
        for fill in fills:
            held = self.positions.get(order.instrument, D(0))
            after = held + fill.quantity * order.side.sign
            if order.reduce_only and (abs(after) > abs(held) or after * held < 0):
                raise AssertionError(f"reducing order {order} takes {held} to {after}")
            self.positions[order.instrument] = after
        self.truth[order.client_order_id] = (order, tuple(fills), True)
        if answer.kind == "lost":
            self.push(at, "event", OrderUnknown(venue, order.client_order_id, "timeout", at))
            return
        self.push(
            at, "event", OrderAccepted(venue, order.client_order_id, f"v{order.client_order_id}", at, at)
        )
        filled = order.quantity - left
        end = OrderCanceled(venue, order.client_order_id, "ioc", filled, at, at)
        if answer.late and left > 0:
            self.push(at, "event", end)
        for count, fill in enumerate(fills, 1):
            self.push(at + count * answer.gap_ms * MS, "event", fill)
            if answer.duplicate:
                self.push(at + (count * answer.gap_ms + 1) * MS, "event", fill)
        if left > 0 and not answer.late and answer.kind != "silent_after_fill":
            self.push(at + len(fills) * answer.gap_ms * MS, "event", end)

    def _probe(self, probe: Probe) -> None:
        known = self.truth.get(probe.client_order_id)
        stands = self.standing.get(probe.client_order_id)
        if stands is not None:
            known = (stands.order, tuple(stands.fills), True)
        due = self.now + 20 * MS
        if known is None:
            self.push(
                due,
                "event",
                OrderReport(
                    venue=probe.venue,
                    client_order_id=probe.client_order_id,
                    found=False,
                    ts_event=due,
                    ts=due,
                ),
            )
            return
        order, fills, lived = known
        filled = sum((fill.quantity for fill in fills), D(0))
        state = OrderState.FILLED if filled == order.quantity else OrderState.CANCELED
        if stands is not None and stands.live:
            state = OrderState.ACCEPTED
        self.push(
            due,
            "event",
            OrderReport(
                venue=probe.venue,
                client_order_id=probe.client_order_id,
                found=True,
                state=state if lived else OrderState.REJECTED,
                filled=filled,
                fills=fills,
                ts_event=due,
                ts=due,
            ),
        )

    def step(self) -> bool:
        """One event; False when nothing is left to happen."""
        if not self.queue:
            return False
        due, _, kind, what = heapq.heappop(self.queue)
        if kind == "timer" and self.timers.get(what) != due:
            return True
        self.now = max(self.now, due)
        if kind == "timer":
            self.timers.pop(what, None)
            self._timer(what)
        elif kind == "durable":
            self._durable(*what)
        elif kind == "rest_fill":
            self._rest_fill(*what)
        elif kind == "rest_cancel":
            self._rest_cancel(what)
        elif kind == "mid":
            self.book.mids[what[0]] = what[1]
        else:
            applied = self.table.apply(what, self.now)
            if applied.anomaly:
                self.anomalies.append(applied.anomaly)
            if applied.entry is not None:
                self.carry_out(self.machine.on_order(applied.entry, self.now, self.book))
        self._arm_table()
        self._watch()
        return True

    def _durable(self, order: OrderRequest, answer: Answer | Rest) -> None:
        entry = self.table.get(order.client_order_id)
        if entry is None or entry.state is not OrderState.INITIALIZED:
            return
        if self.halted and not order.purpose.protective:
            self.table.denied(order.client_order_id, "halted", self.now)
            self.carry_out(self.machine.on_order(entry, self.now, self.book))
            return
        if isinstance(answer, Rest):
            self._stand(order, answer)
        else:
            self._send(order, answer)

    def _timer(self, name: str) -> None:
        if name == "table":
            due = self.table.due(self.now)
            for entry in due.doubted:
                self.carry_out(self.machine.on_order(entry, self.now, self.book))
            for probe in due.probes:
                self._probe(probe)
            self.carry_out(tuple(CancelOrder(name) for name in due.cancels))
        elif name.startswith("pair:"):
            self.carry_out(self.machine.on_timer(name[5:], self.now, self.book))

    def _watch(self) -> None:
        for pair in self.machine.state.pairs.values():
            self.worst_naked = max(self.worst_naked, pair.naked.worst)

    def run(self, seconds: int = 60, until: PairState | None = None) -> None:
        end = self.now + seconds * SECOND
        for _ in range(9000):
            if not self.queue or self.queue[0][0] > end:
                break
            self.step()
            if until is not None and any(p.state is until for p in self.machine.state.pairs.values()):
                return
        else:
            raise AssertionError("no end of events")
        self.now = max(self.now, end)


def market(
    script: list[Answer] | None = None, book: Book | None = None, settings: Settings | None = None
) -> Market:
    settings = settings if settings is not None else Settings()
    machine = PairMachine(settings, INSTRUMENTS, IdCounter("abc123"))
    return Market(machine, OrderTable(settings.exec), book or Book(), list(script or []))


def planned(
    world: Market, quantity: str = "0.4", kind: str = "hedge", capital: str = "100000", **more: Any
) -> str:
    names = LEGS[kind]
    pair, actions, why = world.machine.plan(
        strategy="funding_arb",
        kind=kind,
        short=names[0],
        long=names[1],
        short_quantity=D(quantity),
        long_quantity=D(quantity),
        capital=D(capital),
        origin="strategy:funding_arb",
        reason="spread 6.0 bps/8h",
        now=world.now,
        **more,
    )
    assert pair is not None, why
    world.carry_out(actions)
    return pair.id


def opened(world: Market, quantity: str = "0.4", kind: str = "hedge", **more: Any) -> str:
    pair = planned(world, quantity, kind, **more)
    world.carry_out(world.machine.start(pair, world.now, world.book))
    return pair
