"""Stops of what stands alone, through the whole desk against the simulated venue (SEMANTICS 8, rows G)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from services.desk.desk import Desk
from services.desk.views.figures import Figures
from services.desk.views.positions import position_views
from services.domain.effects import Stopped
from services.domain.enums import OrderState, PairState, Purpose, Side
from services.domain.events import Event, MarketFrame, MarkRow, StopRequested, Timer, WorkingRow
from services.domain.orders import OrderRequest
from services.execution.pair_legs import excess
from services.views.desk import StopView
from tests.desk.world import Answers, DeskWorld, S, on_leg, quick, refuse, swallow

D = Decimal
PERP = "BTC-USDT-PERP.alpha"
SHORT_PERP = "ETH-USDT-PERP.alpha"


class Marks:
    """Moves the marks that the desk hears, not the venue's."""

    def __init__(self) -> None:
        self.factor: dict[str, float] = {}

    def __call__(self, due: int, event: Event) -> Answers:
        if not isinstance(event, MarketFrame):
            return ((due, event),)
        rows = tuple(
            MarkRow(row.instrument, row.mark * self.factor.get(row.instrument, 1.0), row.index)
            for row in event.marks
        )
        return ((due, replace(event, marks=rows)),)


def desk() -> DeskWorld:
    """Nobody trades but the tests."""
    return DeskWorld("calm", settings=replace(quick(), strategies={})).run(20)


def trade(w: DeskWorld, quantity: str, side: Side = Side.BUY, instrument: str = PERP) -> OrderRequest:
    """A ticket of ours fills: a position that belongs to no pair."""
    core = w.desk.core
    spec = core.instruments[instrument]
    mark = core.picture.mark(instrument)
    assert mark is not None
    order = OrderRequest(
        client_order_id=core.ids.draw(Purpose.TICKET),
        instrument=instrument,
        side=side,
        quantity=D(quantity),
        price=spec.round_price(side, mark * (1 + D("0.01") * side.sign)),
        purpose=Purpose.TICKET,
        origin="operator",
    )
    core.orders.add(order, w.now)
    core.orders.sent(order.client_order_id, w.now)
    w.exchange.venues[spec.venue].submit(w.now, order)
    return order


def resting(w: DeskWorld) -> list[WorkingRow]:
    """Conditional orders by the exchange's own books."""
    return [row for venue in w.exchange.venues for row in w.exchange.books(venue).orders if row.trigger]


def stop_of(w: DeskWorld, instrument: str = PERP) -> StopView:
    return next(row for row in position_views(Figures(w.desk.core)) if row.instrument == instrument).stop


def heard(w: DeskWorld) -> set[str]:
    return {note.key for note in w.told}


def local_orders(w: DeskWorld) -> list[OrderRequest]:
    return [each.order for each in w.sent if each.order.purpose is Purpose.STOP and not each.order.trigger]


def test_bug_g2_an_unpaired_position_has_a_local_stop_and_a_backstop_at_the_venue() -> None:
    w = desk()
    trade(w, "0.5")
    w.run(1)
    (row,) = resting(w)
    stop = w.desk.core.stops.get(PERP)
    assert stop is not None
    assert (row.side, row.quantity, row.reduce_only) == (Side.SELL, D("0.5"), True)
    assert row.trigger is not None
    assert abs(row.trigger / stop.entry - D("0.96")) < D("0.0001")
    assert abs(stop.level / stop.entry - D("0.98")) < D("0.003")
    assert stop_of(w) == StopView(kind="LOCAL", local=stop.level, resting=row.trigger)
    assert len(w.desk.core.orders.open_orders()) == 1
    # It is no burden on what the desk may do: nothing of it may fill at present prices.
    w.run(60)
    assert len(resting(w)) == 1
    w.books_agree()


def test_bug_g3_a_short_position_is_stopped_above() -> None:
    w = desk()
    trade(w, "5", Side.SELL, SHORT_PERP)
    w.run(1)
    (row,) = resting(w)
    stop = w.desk.core.stops.get(SHORT_PERP)
    assert stop is not None
    assert row.side is Side.BUY
    assert row.trigger is not None
    assert stop.entry < stop.level < row.trigger


def test_bug_g1_g2_a_crossed_mark_sends_a_reducing_order_and_flat_cancels_the_backstop() -> None:
    w = desk()
    marks = Marks()
    w.wire.hook = marks
    trade(w, "0.5")
    w.run(5)
    assert local_orders(w) == []
    marks.factor[PERP] = 0.985
    w.run(10)
    assert local_orders(w) == [], "the mark is what triggers, and it is not there yet"
    marks.factor[PERP] = 0.975
    w.run(10)
    assert all(order.reduce_only and order.side is Side.SELL for order in local_orders(w))
    assert w.positions() == {}
    assert resting(w) == []
    assert w.desk.core.state.unpaired == {}
    assert w.desk.core.stops.get(PERP) is None
    w.books_agree()


def test_bug_g4_g7_adding_takes_the_new_average_entry_and_never_loosens() -> None:
    w = desk()
    trade(w, "0.5")
    w.run(5)
    core = w.desk.core
    first = core.stops.get(PERP)
    assert first is not None
    level, entry = first.level, first.entry
    core.state.unpaired_entry[PERP] = entry * D("1.01")
    trade(w, "0.5")
    w.run(5)
    second = core.stops.get(PERP)
    assert second is not None
    assert second.size == D(1)
    held = core.ledger.position(core.instruments[PERP])
    assert held is not None
    assert entry < second.entry < entry * D("1.01"), "an average of our own fills, not the last fill's price"
    assert second.level > level
    (row,) = resting(w)
    assert row.quantity == D(1)
    trade(w, "0.4", Side.SELL)
    w.run(5)
    assert core.stops.get(PERP).entry == second.entry  # type: ignore[union-attr]
    (row,) = resting(w)
    assert row.quantity == D("0.6")


def test_bug_g5_a_foreign_trade_that_takes_the_position_takes_its_stop() -> None:
    w = desk()
    trade(w, "0.5")
    w.run(5)
    w.foreign(PERP, Side.SELL, "0.5")
    w.run(5)
    assert w.desk.core.stops.get(PERP) is None
    assert resting(w) == []
    trade(w, "0.3", Side.SELL)
    w.run(5)
    stop = w.desk.core.stops.get(PERP)
    assert stop is not None
    assert (stop.sign, stop.size) == (-1, D("0.3"))
    assert [(row.side, row.quantity) for row in resting(w)] == [(Side.BUY, D("0.3"))]


def again(w: DeskWorld, blob: bytes) -> None:
    """Another engine over the same exchange."""
    w.desk = Desk(w.settings, w.desk.core.instruments, Desk.restore(blob))
    w.machine.desk = w.desk
    w.machine.feed(Timer(name="start", ts=w.now))


def test_bug_g6_a_restart_keeps_level_and_best_and_doubles_nothing() -> None:
    w = desk()
    marks = Marks()
    w.wire.hook = marks
    trade(w, "0.5")
    w.run(5)
    marks.factor[PERP] = 1.03
    w.run(5)
    before = w.desk.core.stops.get(PERP)
    assert before is not None
    assert before.trailing
    level = before.level
    again(w, w.desk.export())
    marks.factor[PERP] = 1.0
    w.run(2)
    stop = w.desk.core.stops.get(PERP)
    assert stop is not None
    assert stop.level >= level
    w.run(60)
    assert w.positions() == {}, "the ratchet held: back at entry it is crossed"
    assert resting(w) == []


def test_after_a_restart_a_backstop_whose_row_was_lost_is_adopted() -> None:
    w = desk()
    trade(w, "0.5")
    w.run(5)
    (row,) = resting(w)
    core = w.desk.core
    core.state.backstops.stops.clear()
    del core.state.orders.orders[row.client_order_id]
    again(w, w.desk.export())
    w.run(60)
    assert [each.client_order_id for each in resting(w)] == [row.client_order_id]
    assert w.decisions("backstop") != []
    assert w.desk.core.backstops.level(PERP) == row.trigger
    assert not any(book.foreign_orders for book in w.desk.core.state.venues.values())


def test_one_that_the_venue_lost_is_placed_again() -> None:
    w = desk()
    trade(w, "0.5")
    w.run(5)
    (row,) = resting(w)
    w.exchange.venues["alpha"].floor.revoke(w.now, PERP, "", row.venue_order_id)
    w.run(5)
    (other,) = resting(w)
    assert other.client_order_id != row.client_order_id
    # Lost without a word: the next read shows it.
    w.wire.hook = lambda due, event: () if event.__class__.__name__ == "OrderCanceled" else ((due, event),)
    w.exchange.venues["alpha"].floor.revoke(w.now, PERP, "", other.venue_order_id)
    w.run(65)
    assert len(resting(w)) == 1


def test_a_venue_that_refuses_it_is_an_alarm_and_the_screen_says_local_only() -> None:
    w = desk()
    w.on_submit = lambda world, order: refuse(world, order) if order.trigger is not None else order
    trade(w, "0.5")
    w.run(10)
    assert resting(w) == []
    assert f"backstop:{PERP}" in heard(w)
    assert stop_of(w).resting is None
    assert stop_of(w).local is not None
    tries = [each for each in w.sent if each.order.trigger is not None]
    assert 2 <= len(tries) <= 5, "with back-off"
    w.on_submit = lambda _world, order: order
    w.run(20)
    assert len(resting(w)) == 1
    assert not w.desk.core.alerts.is_open(f"backstop:{PERP}")


def test_bug_g8_a_stale_mark_fires_nothing() -> None:
    w = desk()
    trade(w, "0.5")
    w.run(5)
    w.wire.hook = lambda due, event: () if isinstance(event, MarketFrame) else ((due, event),)
    w.run(60)
    core = w.desk.core
    assert core.picture.fresh_mark(PERP, core.now) is None
    assert local_orders(w) == []
    assert len(resting(w)) == 1, "the venue watches on"


def test_the_venue_releases_it_when_the_desk_cannot_and_the_local_stop_stands_down() -> None:
    """A crash that the desk's own orders do not reach: they are lost on their way."""
    w = desk()
    w.on_submit = lambda world, order: (
        swallow(world, order) if order.purpose is Purpose.STOP and order.trigger is None else order
    )
    marks = Marks()
    w.wire.hook = marks
    trade(w, "0.5")
    w.run(5)
    marks.factor[PERP] = 0.975
    w.run(5)
    assert len(local_orders(w)) == 1, "in doubt: no second one on a guess"
    floor = w.exchange.venues["alpha"].floor
    floor.books[PERP].cell.mark_ticks = floor.books[PERP].cell.mark_ticks * 95 // 100
    floor.release(w.exchange.now)
    w.run(30)
    assert w.positions() == {}
    assert len(local_orders(w)) == 1, "nothing is sent beside a backstop at work"
    stopped = [
        entry for entry in w.desk.core.orders.state.orders.values() if entry.request.trigger is not None
    ]
    assert [entry.state for entry in stopped] == [OrderState.FILLED]
    assert w.desk.core.state.unpaired == {}
    assert resting(w) == []
    w.books_agree()


def test_a_leg_naked_beyond_its_time_out_gets_both_and_loses_them_when_it_is_hedged() -> None:
    """The second leg is lost: in doubt for ten seconds, nothing may be sent on a guess, but the leg that
    stands alone is protected at the venue."""
    w = DeskWorld(settings=quick())
    w.on_submit = on_leg(2, swallow)
    w.until(lambda each: PairState.IN_DOUBT in each.pair_states(), 120)
    w.run(1)
    pair = w.pair()
    assert pair is not None
    number, quantity = excess(pair)
    (row,) = resting(w)
    leg = pair.leg(number)
    assert (row.instrument, row.quantity, row.side) == (leg.instrument, quantity, leg.side.opposite)
    shown = stop_of(w, leg.instrument)
    assert (shown.kind, shown.resting) == ("LOCAL", row.trigger)
    assert shown.local is not None
    w.on_submit = lambda _world, order: order
    w.until(lambda each: not each.naked() or not any(each.naked().values()), 60)
    w.run(2)
    assert resting(w) == []
    assert w.desk.core.state.stops.naked == {}
    w.books_agree()


def test_bug_g10_a_stop_of_a_naked_leg_acts_on_the_whole_pair() -> None:
    w = DeskWorld(settings=quick()).until(lambda each: each.pair_states() == [PairState.HEDGED])
    pair = w.pair()
    assert pair is not None
    assert w.desk.core.stops.state.stops == {}, "pair legs have no stop of their own"
    assert resting(w) == []
    assert {row.stop.kind for row in position_views(Figures(w.desk.core))} == {"PAIR"}
    pair.state, pair.resume = PairState.FROZEN, PairState.UNWINDING  # stopped by the leg policy
    w.foreign(pair.long.instrument, Side.SELL, "0.1")
    pair.long.size -= D("0.1")
    pair.naked.since, pair.naked.quantity = w.now - 3 * S, D("0.1")
    marks = Marks()
    w.wire.hook = marks
    w.run(2)
    assert [row.instrument for row in resting(w)] == [pair.short.instrument]
    marks.factor[pair.short.instrument] = 1.03
    w.until(lambda each: not each.positions(), 60)
    w.run(2)
    assert resting(w) == []


def test_backstops_stay_on_a_graceful_stop_and_nothing_else_that_rests() -> None:
    w = desk()
    trade(w, "0.5")
    w.run(5)
    (backstop,) = resting(w)
    sides = w.desk.core.picture.sides(SHORT_PERP)
    assert sides is not None
    ticket = w.answer("buy", symbol=SHORT_PERP, size="0.1", terms=f"@ {sides.bid} post")
    assert ticket.ok, ticket.text
    w.run(1)
    before = len(w.cancels)
    w.machine.feed(StopRequested(reason="stop", deadline=w.now + 10 * S, ts=w.now))
    w.run(2)
    assert w.machine.stopped == Stopped(left=())
    assert resting(w) == [backstop]
    assert [row for venue in w.exchange.venues for row in w.exchange.books(venue).orders] == [backstop]
    assert [name for _, name in w.cancels[before:]] == [msgspec.json.decode(ticket.result)["order"]]
    assert w.desk.state.stopping is not None
    assert w.desk.state.stopping.cancelled == 1


@pytest.mark.parametrize("what", ["", "alpha", PERP])
def test_a_flatten_ends_with_zero_orders_the_conditional_ones_included(what: str) -> None:
    w = desk()
    trade(w, "0.5")
    w.run(5)
    w.foreign(PERP, Side.BUY, "0.1", price="15000")
    w.run(31)
    command = w.command("flatten", what=what)
    w.until(lambda each: command in each.done, 60)
    answer = w.done[command]
    assert answer.ok, answer.text
    assert msgspec.json.decode(answer.result)["orders_left"] == []
    assert w.positions() == {}
    assert [row for venue in w.exchange.venues for row in w.exchange.books(venue).orders] == []


def test_a_halt_leaves_the_backstop_and_lets_the_stop_fire() -> None:
    w = desk()
    marks = Marks()
    w.wire.hook = marks
    trade(w, "0.5")
    w.run(5)
    assert w.answer("halt", reason="test").ok
    w.run(5)
    assert len(resting(w)) == 1
    marks.factor[PERP] = 0.97
    w.run(10)
    assert w.positions() == {}


@pytest.mark.parametrize("whole", [True, False])
def test_a_flatten_of_a_naked_pair_ends_without_its_backstop(whole: bool) -> None:
    w = DeskWorld(settings=quick())
    w.on_submit = on_leg(2, swallow)
    w.until(lambda each: PairState.IN_DOUBT in each.pair_states(), 120)
    w.run(1)
    assert len(resting(w)) == 1
    w.on_submit = lambda _world, order: order
    pair = w.pair()
    assert pair is not None
    command = w.command("flatten", what="" if whole else pair.id)
    w.until(lambda each: command in each.done, 90)
    assert w.done[command].ok, w.done[command].text
    assert w.positions() == {}
    assert resting(w) == []
    w.books_agree()


def test_a_foreign_conditional_order_in_the_scope_goes_too() -> None:
    w = desk()
    trade(w, "0.5")
    w.run(5)
    (row,) = resting(w)
    venue = w.exchange.venues["alpha"]
    venue.floor.place(
        w.exchange.now,
        OrderRequest(
            client_order_id="theirs",
            instrument=PERP,
            side=Side.SELL,
            quantity=D("0.2"),
            price=D(20000),
            reduce_only=True,
            trigger=D(21000),
            purpose=Purpose.STOP,
            origin="foreign",
        ),
    )
    w.run(31)
    assert len(resting(w)) == 2
    assert row.client_order_id in [each.client_order_id for each in resting(w)]
    command = w.command("flatten", what=PERP)
    w.until(lambda each: command in each.done, 60)
    assert w.done[command].ok, w.done[command].text
    assert resting(w) == []
