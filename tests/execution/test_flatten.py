"""Flatten ends flat with a proof, or says exactly what is left (SEMANTICS 10)."""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import PairState, Purpose, Side
from services.domain.events import AccountReport, PositionRow, WorkingRow
from services.domain.orders import OrderRequest
from services.execution.actions import Action, Ask, CancelForeign, CancelOrder, Flattened
from services.execution.flatten import FlattenBookState, FlattenMachine, RestingOrder, Scope
from services.execution.ids import IdCounter
from services.settings.parameters import Settings
from tests.execution.builders import (
    BTC_A,
    BTC_B,
    INSTRUMENTS,
    MS,
    SECOND,
    USDC_B,
    USDT_A,
    Answer,
    Book,
    Market,
    market,
    opened,
)

D = Decimal
EVERYTHING = Scope()


@dataclass
class View(Book):
    world: Any = None

    def positions(self) -> dict[str, Decimal]:
        return {name: size for name, size in sorted(self.world.ledger.items()) if size}

    def resting(self) -> tuple[RestingOrder, ...]:
        ours = [
            RestingOrder(
                entry.venue,
                entry.request.instrument,
                entry.id,
                entry.venue_order_id,
                entry.request.reduce_only,
                False,
                entry.in_doubt,
                entry.request.pair,
            )
            for entry in self.world.market.table.open_orders()
        ]
        return (*ours, *self.world.resting.values())


@dataclass
class World:
    """A market with a desk that only flattens: ledger by counted fills, account reads, foreign orders."""

    market: Market
    view: View = field(default_factory=View)
    ledger: dict[str, Decimal] = field(default_factory=dict)
    resting: dict[str, RestingOrder] = field(default_factory=dict)
    canceled: list[str] = field(default_factory=list)
    ended: list[Flattened] = field(default_factory=list)
    deaf: bool = False
    """Account reads are never answered."""

    def __post_init__(self) -> None:
        self.view.world = self
        self.market.book = self.view
        self.market.cuts = True
        ids: IdCounter = self.market.machine._ids
        self.machine = FlattenMachine(Settings(), INSTRUMENTS, ids, self.market.machine)

    def hold(self, instrument: str, size: str, *, known: bool = True) -> None:
        self.market.positions[instrument] = self.market.positions.get(instrument, D(0)) + D(size)
        if known:
            self.ledger[instrument] = self.ledger.get(instrument, D(0)) + D(size)

    def rest(self, name: str, instrument: str, *, reducing: bool, foreign: bool = True) -> None:
        venue = instrument.rpartition(".")[2]
        self.resting[name] = RestingOrder(venue, instrument, "", name, reducing, foreign)

    def flatten(self, scope: Scope = EVERYTHING) -> str:
        self.market.halted = True
        flatten, actions = self.machine.start(scope, "operator", "operator", self.market.now, self.view)
        self.carry_out(actions)
        return flatten

    def carry_out(self, actions: tuple[Action, ...]) -> None:
        world = self.market
        plain: list[Action] = []
        for action in actions:
            match action:
                case Ask():
                    if not self.deaf:
                        world.push(world.now + 20 * MS, "event", ("read", action.venue))
                case CancelForeign():
                    self.canceled.append(action.venue_order_id)
                    self.resting.pop(action.venue_order_id, None)
                case CancelOrder() if action.client_order_id in self.resting:
                    self.canceled.append(action.client_order_id)
                    self.resting.pop(action.client_order_id)
                case Flattened():
                    self.ended.append(action)
                case _:
                    plain.append(action)
        world.carry_out(tuple(plain))
        self.follow()

    def follow(self) -> None:
        """Orders denied while carrying out actions have news too."""
        world = self.market
        while world.denied:
            client_order_id = world.denied.pop(0)
            entry = world.table.get(client_order_id)
            if entry is not None:
                self.carry_out(self.machine.on_order(entry, world.now, self.view))

    def report(self, venue: str) -> AccountReport:
        world = self.market
        rows = tuple(
            PositionRow(name, size, D(1), None)
            for name, size in sorted(world.positions.items())
            if size and name.endswith(f".{venue}")
        )
        orders = tuple(
            WorkingRow("", order.venue_order_id, order.instrument, Side.BUY, D(1), D(0), D(1), order.reducing)
            for order in self.resting.values()
            if order.venue == venue
        )
        return AccountReport(
            venue=venue,
            request="",
            balances=(),
            positions=rows,
            orders=orders,
            ts_event=world.now - 10 * MS,
            ts=world.now,
        )

    def run(self, seconds: int) -> None:
        world = self.market
        end = world.now + seconds * SECOND
        while world.queue and world.queue[0][0] <= end:
            due, _, kind, what = world.queue[0]
            if kind == "event" and isinstance(what, tuple):
                world.queue.pop(0)

                heapq.heapify(world.queue)
                world.now = max(world.now, due)
                self.carry_out(self.machine.on_report(self.report(what[1]), world.now, self.view))
                continue
            if kind == "timer" and what.startswith("flatten:"):
                heapq.heappop(world.queue)
                world.now = max(world.now, due)
                if world.timers.get(what) == due:
                    self.carry_out(self.machine.on_timer(what[8:], world.now, self.view))
                continue
            counted = {entry.id: entry.filled for entry in world.table.open_orders()}
            world.step()
            changed = []
            for client_order_id, before in counted.items():
                entry = world.table.get(client_order_id)
                assert entry is not None
                name = entry.request.instrument
                grown = (entry.filled - before) * entry.request.side.sign
                self.ledger[name] = self.ledger.get(name, D(0)) + grown
                changed.append(entry)
            for entry in changed:
                self.carry_out(self.machine.on_order(entry, world.now, self.view))
            self.follow()


def world(script: list[Answer] | None = None) -> World:
    return World(market(script))


def singles(flat: World) -> list[OrderRequest]:
    return [order for order in flat.market.placed if order.purpose is Purpose.FLATTEN]


def test_flatten_of_nothing_is_proven_by_a_fresh_read_of_every_venue() -> None:
    flat = world()
    flat.flatten()
    flat.run(5)
    (end,) = flat.ended
    assert end.flat
    assert end.left == ()
    assert [line.partition(":")[0] for line in end.proof] == ["alpha", "beta"]


def test_flatten_closes_positions_bounded_by_the_book_with_reducing_orders() -> None:
    flat = world()
    flat.hold(BTC_A, "25")
    flat.hold(USDC_B, "-90000")
    flat.flatten()
    flat.run(10)
    assert flat.ended[0].flat
    assert all(order.reduce_only for order in singles(flat))
    assert [order.quantity for order in singles(flat) if order.instrument == BTC_A] == [10, 10, 5]
    assert not any(flat.market.positions.values())


def test_bands_widen_after_nothing_filled() -> None:
    flat = world([Answer(fills=())] * 6)
    flat.hold(BTC_A, "1")
    flat.flatten()
    flat.run(10)
    bands = [round(abs(o.price / D(23000) - 1) * 10_000) for o in singles(flat) if o.price is not None]
    assert bands == [20, 50, 100, 200, 500, 500, 500]
    assert flat.ended[0].flat


@pytest.mark.parametrize("beside", ["0.1", "-0.1", "0.5"])
def test_flatten_takes_the_whole_pair_in_step_and_what_stands_beside_it(beside: str) -> None:
    """Also when a foreign trade stands against the leg: the venue only knows the net."""
    flat = world()
    pair_id = opened(flat.market)
    flat.market.run(10)
    flat.ledger.update(flat.market.positions)
    flat.hold(BTC_A, beside)
    flat.flatten(Scope(venue="alpha"))
    flat.run(20)
    pair = flat.market.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.CLOSED
    assert flat.ended[0].flat
    assert not any(flat.market.positions.values())
    assert flat.market.worst_naked <= 5000 or D(beside) > 0
    assert len(flat.ended[0].proof) == 2


def test_flatten_of_a_pair_leaves_everything_else() -> None:
    flat = world()
    pair_id = opened(flat.market)
    flat.market.run(10)
    flat.ledger.update(flat.market.positions)
    flat.hold(USDT_A, "500")
    flat.flatten(Scope(pair=pair_id))
    flat.run(20)
    assert flat.ended[0].flat
    assert flat.market.positions[USDT_A] == 500
    assert flat.market.positions[BTC_A] == 0


def test_risk_increasing_orders_are_canceled_first_and_protective_ones_when_flat() -> None:
    flat = world([Answer(latency_ms=300)])
    flat.hold(BTC_A, "1")
    flat.rest("foreign-bid", BTC_B, reducing=False)
    flat.rest("backstop", BTC_A, reducing=True)
    flat.flatten()
    assert flat.canceled == ["foreign-bid"]
    flat.run(5)
    assert flat.canceled == ["foreign-bid", "backstop"]
    assert flat.ended[0].flat


def test_a_resting_reducing_order_that_blocks_the_close_is_canceled_early() -> None:
    flat = world([Answer(kind="deny")])
    flat.hold(BTC_A, "1")
    flat.rest("ticket", BTC_A, reducing=True)
    flat.flatten()
    flat.run(5)
    assert flat.canceled == ["ticket"]
    assert flat.ended[0].flat


def test_a_position_only_the_venue_knows_is_closed_too() -> None:
    flat = world()
    flat.hold(BTC_B, "0.5", known=False)
    flat.flatten()
    flat.run(10)
    assert flat.ended[0].flat
    assert flat.market.positions[BTC_B] == 0


def test_dust_is_listed_and_not_retried() -> None:
    flat = world()
    flat.hold(BTC_A, "0.0004")
    flat.flatten()
    flat.run(70)
    (end,) = flat.ended
    assert not end.flat
    assert [(row.subject, row.size) for row in end.left] == [(BTC_A, D("0.0004"))]
    assert "dust" in end.left[0].why
    assert singles(flat) == []


def test_refusals_are_listed_after_a_minute_without_progress() -> None:
    flat = world([Answer(kind="reject")] * 500)
    flat.hold(BTC_A, "1")
    flat.flatten()
    flat.run(59)
    assert flat.ended == []
    flat.run(5)
    (end,) = flat.ended
    ((subject, why),) = [(row.subject, row.why) for row in end.left if row.size]
    assert subject == BTC_A
    assert re.fullmatch(r"rejected: no; order \w+ has not ended", why), "the next attempt is on its way"


def test_no_proof_without_a_fresh_read() -> None:
    flat = world()
    flat.deaf = True
    flat.flatten()
    flat.run(70)
    (end,) = flat.ended
    assert not end.flat
    assert {row.why for row in end.left} == {"no fresh read of the account"}


def test_stale_quotes_do_not_stop_a_flatten_and_no_price_at_all_is_said() -> None:
    flat = world()
    flat.view.mids[BTC_A] = None
    flat.view.lasts[BTC_A] = D(22900)
    flat.hold(BTC_A, "1")
    flat.view.mids[BTC_B] = None
    flat.hold(BTC_B, "1")
    flat.flatten()
    flat.run(70)
    assert flat.market.positions[BTC_A] == 0
    assert [row.why for row in flat.ended[0].left if row.size] == ["no price was ever known"]


def test_a_second_flatten_of_everything_joins_the_first() -> None:
    flat = world()
    flat.hold(BTC_A, "1")
    first = flat.flatten()
    assert flat.flatten(Scope(symbol="BTC-USDT-PERP")) == first
    assert len(flat.machine.running()) == 1
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(flat.machine.state), type=FlattenBookState)
    assert state == flat.machine.state


ANSWERS = st.builds(
    Answer,
    fills=st.lists(st.sampled_from([D("0"), D("0.2"), D("0.5"), D("1")]), max_size=2).map(tuple),
    kind=st.sampled_from(["ioc", "ioc", "ioc", "reject", "deny", "lost", "swallowed"]),
    latency_ms=st.integers(1, 500),
    duplicate=st.booleans(),
    late=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ANSWERS, max_size=8),
    st.lists(ANSWERS, max_size=6),
    st.integers(0, 40),
    st.integers(-3000, 3000),
    st.integers(-30000, 30000),
)
def test_flatten_ends_flat_or_says_what_is_left(
    entry: list[Answer], later: list[Answer], before: int, btc: int, stable: int
) -> None:
    flat = world(entry)
    pair_id = opened(flat.market)
    for _ in range(before):
        flat.market.step()
    flat.market.script.extend(later)
    flat.ledger.update(
        {
            name: sum(
                (
                    e.filled * e.request.side.sign
                    for e in flat.market.table.state.orders.values()
                    if e.request.instrument == name
                ),
                D(0),
            )
            for name in (BTC_A, BTC_B)
        }
    )
    flat.hold(BTC_B, str(D(btc * 2) / 1000))
    flat.hold(USDT_A, str(stable))
    flat.market.halted = True
    flat.market.carry_out(flat.market.machine.request_unwind(pair_id, "flatten", flat.market.now, flat.view))
    flat.flatten()
    placed = len(flat.market.placed)
    flat.run(400)
    (end,) = flat.ended
    assert all(order.reduce_only for order in flat.market.placed[placed:])
    held = {name for name, size in flat.market.positions.items() if size}
    assert end.flat == (not held)
    assert held <= {row.subject for row in end.left}
    if end.flat:
        assert len(end.proof) == 2
    assert flat.ledger.get(BTC_A, D(0)) == flat.market.positions.get(BTC_A, D(0)) or end.left
