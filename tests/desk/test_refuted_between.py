"""Holes between the parts that looking at each part alone does not show (SEMANTICS 3, 7, 8, 10)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.domain.enums import PairState, Purpose, Side
from services.domain.events import (
    AccountReport,
    Event,
    OrderAccepted,
    PositionRow,
    WorkingRow,
)
from services.domain.venue_events import RequestFailed
from tests.desk.test_protection import PERP, Marks, desk, local_orders, resting, trade
from tests.desk.test_quotes import maker_world, quoted
from tests.desk.world import MS, Answers, DeskWorld, S, on_leg, quick, refuse

D = Decimal


def hedged() -> DeskWorld:
    return DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED]).run(1)


def test_a_foreign_order_far_from_the_market_does_not_stand_in_the_way_of_a_stop() -> None:
    """A take-profit by hand on what we hold: our stop takes the position off all the same."""
    w = desk()
    marks = Marks()
    w.wire.hook = marks
    trade(w, "0.5")
    w.run(5)
    mark = w.exchange.venues["alpha"].floor.mark(PERP)
    far = w.desk.core.instruments[PERP].round_price(Side.SELL, mark * D("1.05"))
    w.foreign(PERP, Side.SELL, "0.5", price=str(far))
    w.run(5)
    assert len(w.desk.state.venues["alpha"].foreign_orders) == 1
    marks.factor[PERP] = 0.975
    w.run(10)
    assert w.position(PERP) == 0
    assert all(order.reduce_only for order in local_orders(w))


def test_a_foreign_order_does_not_stand_in_the_way_of_the_cut_of_a_naked_leg() -> None:
    w = DeskWorld(settings=quick())
    w.until(lambda w: PairState.OPENING in w.pair_states())
    pair = w.pair()
    assert pair is not None
    for leg in pair.legs:
        mark = w.exchange.venues[leg.instrument.rpartition(".")[2]].floor.mark(leg.instrument)
        side = leg.side.opposite
        far = w.desk.core.instruments[leg.instrument].round_price(side, mark * (1 + D("0.05") * -side.sign))
        w.foreign(leg.instrument, side, "2", price=str(far))
    w.on_submit = on_leg(3 - pair.first, refuse)
    w.run(40)
    assert any(w.desk.state.venues[v].foreign_orders for v in ("alpha", "beta"))
    assert not any(w.naked().values()), w.naked()


def test_a_small_difference_is_adopted_beside_a_fill_that_is_newer_than_the_read() -> None:
    """What is adopted is the difference; the fill since the picture was taken is in our book already."""
    perp = "USDT-PERP.alpha"
    w = desk()
    trade(w, "100", instrument=perp)
    w.run(5)
    core = w.desk.core
    assert core.ledger.size(core.instruments[perp]) == 100
    report = w.exchange.books("alpha")
    rows = tuple(
        replace(row, size=row.size + 1) if row.instrument == perp else row for row in report.positions
    )
    at = w.now
    trade(w, "50", instrument=perp)
    w.run(1)
    assert core.ledger.size(core.instruments[perp]) == 150
    core.state.venue("alpha").asked = "late"
    w.machine.feed(replace(report, positions=rows, request="late", ts_event=at, ts=w.now))
    assert core.ledger.size(core.instruments[perp]) == 151


@pytest.mark.parametrize("what", ["pair", "other venue"])
def test_the_proof_of_a_scoped_flatten_looks_at_the_legs_of_its_pairs(what: str) -> None:
    """The venue still shows a leg of the pair: no read is called a proof before our books have taken it."""
    w = hedged()
    pair = w.pair()
    assert pair is not None
    leg = pair.long
    venue = leg.instrument.rpartition(".")[2]
    other = pair.short.instrument.rpartition(".")[2]

    def still_there(due: int, event: Event) -> Answers:
        if isinstance(event, AccountReport) and event.venue == venue and not w.desk.core.pairs.live():
            rows = tuple(r for r in event.positions if r.instrument != leg.instrument)
            row = PositionRow(leg.instrument, D("0.5"), D(20000), None)
            return ((due, replace(event, positions=(*rows, row))),)
        return ((due, event),)

    w.wire.hook = still_there
    name = w.command("flatten", what=pair.id if what == "pair" else other)
    w.until(lambda w: name in w.done, 120)
    assert w.desk.core.ledger.size(w.desk.core.instruments[leg.instrument]) == D("0.5")
    assert ("reconcile", f"account:{venue}") in [cause[:2] for cause in w.causes()]


def test_two_reads_believe_a_missing_leg_beside_a_resting_backstop() -> None:
    w = hedged()
    pair = w.pair()
    assert pair is not None
    leg = pair.long
    trade(w, "0.1", leg.side, instrument=leg.instrument)
    w.run(3)
    assert any(row.instrument == leg.instrument for row in resting(w))
    venue = leg.instrument.rpartition(".")[2]

    def lost(due: int, event: Event) -> Answers:
        """The venue holds 0.05 less than all fills say, and lists no fill for it."""
        if isinstance(event, AccountReport) and event.venue == venue:
            rows = tuple(
                replace(r, size=r.size - leg.side.sign * (leg.size if pair.state is PairState.HEDGED else 0))
                if r.instrument == leg.instrument
                else r
                for r in event.positions
            )
            return ((due, replace(event, positions=rows)),)
        return ((due, event),)

    w.wire.hook = lost
    w.run(45)
    assert w.decisions("leg missing"), w.causes()


def test_an_order_of_ours_that_comes_to_life_after_it_was_given_up_is_canceled() -> None:
    """Given up past the settling time, listed as working later: nobody would watch its fills."""
    w = desk()
    core = w.desk.core
    order = trade(w, "0.5")
    w.run(5)
    mark = w.exchange.venues["alpha"].floor.mark(PERP)
    late = replace(
        order,
        client_order_id=core.ids.draw(Purpose.ENTRY),
        price=core.instruments[PERP].round_price(Side.BUY, mark * D("0.97")),
        purpose=Purpose.ENTRY,
    )
    core.orders.add(late, w.now)
    core.orders.sent(late.client_order_id, w.now)
    w.run(40)  # never arrives: in doubt, then given up
    entry = core.orders.get(late.client_order_id)
    assert entry is not None
    assert entry.settled, entry
    w.exchange.venues["alpha"].submit(w.now, late)
    w.wire.hook = lambda due, event: () if isinstance(event, OrderAccepted) else ((due, event),)
    w.run(60)
    assert [r for r in w.exchange.books("alpha").orders if not r.trigger] == []


@pytest.mark.parametrize("held", [True, False])
def test_a_stop_of_a_lost_store_rests_only_while_it_protects_something(held: bool) -> None:
    """After a rebuild: left behind, it would stop the leg of the next pair on that instrument."""
    w = desk()
    w.desk.state.former = ["zz9999"]
    if held:
        trade(w, "0.5")
        w.run(2)
    former = "zz9999000000001s0001"

    def listed(due: int, event: Event) -> Answers:
        if not isinstance(event, AccountReport) or event.venue != "alpha":
            return ((due, event),)
        row = WorkingRow(former, "v9", PERP, Side.SELL, D("0.5"), D(0), D(20000), True, D(21000))
        return ((due, replace(event, orders=(*event.orders, row))),)

    w.wire.hook = listed
    w.run(35)
    assert (former in [each.client_order_id for each in w.cancel_effects()]) is not held


def test_a_flatten_is_proven_though_the_venues_clock_lags() -> None:
    w = hedged()

    def behind(due: int, event: Event) -> Answers:
        if isinstance(event, AccountReport):
            return ((due, replace(event, ts_event=event.ts_event - 3 * S)),)
        return ((due, event),)

    w.wire.hook = behind
    name = w.command("flatten")
    w.until(lambda w: name in w.done, 120)
    assert w.done[name].exit == 0, w.done[name].text


def test_a_read_is_taken_after_the_venues_clock_was_set_back() -> None:
    w = hedged()

    def behind(due: int, event: Event) -> Answers:
        if isinstance(event, AccountReport):
            return ((due, replace(event, ts_event=event.ts_event - 3600 * S)),)
        return ((due, event),)

    w.wire.hook = behind
    w.run(200)
    name = w.command("flatten")
    w.until(lambda w: name in w.done, 120)
    assert w.done[name].exit == 0, w.done[name].text


def test_a_backstop_rests_while_a_flatten_meets_no_answer_and_no_book() -> None:
    """Conditional orders go when all is flat; a death of the engine in between must find them."""
    w = desk()
    trade(w, "0.5")
    w.run(2)
    w.on_submit = lambda world, order: None if order.purpose is Purpose.FLATTEN else order
    name = w.command("flatten")
    w.run(30)
    assert [row.quantity for row in resting(w)] == [D("0.5")]
    w.on_submit = lambda world, order: order
    w.until(lambda w: name in w.done, 120)
    assert w.done[name].exit == 0, w.done[name].text
    assert resting(w) == []
    assert w.positions() == {}


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("part", ["0.5", "1"])
def test_a_leg_that_is_taken_while_its_pair_opens_leaves_nothing_naked(part: str, number: int) -> None:
    w = DeskWorld(settings=quick())
    w.until(lambda w: any(each.leg(number).size for each in w.desk.core.pairs.live()))
    pair = w.pair()
    assert pair is not None
    assert pair.state is PairState.OPENING
    leg = pair.leg(number)
    spec = w.desk.core.instruments[leg.instrument]
    taken = spec.round_size(abs(w.position(leg.instrument)) * D(part))
    w.foreign(leg.instrument, leg.side.opposite, str(taken))
    w.run(60)
    assert not any(w.naked().values()), w.naked()
    w.books_agree()


def test_a_flatten_ends_though_every_cancel_brings_an_error_at_first() -> None:
    """Ours and somebody else's: asked again until they are gone."""
    w = maker_world(post_only_window_s=120, post_only_requotes=20)
    w.until(quoted, 600)
    w.foreign("ETH-USDT-PERP.beta", Side.BUY, "1", price="1200.00")
    w.run(3)
    left = dict.fromkeys(w.exchange.venues, 4)

    def failing(name: str, passed: Callable[[int, str, str, str], None]) -> Callable[..., None]:
        def cancel(now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
            if left[name]:
                left[name] -= 1
                due = now + 20 * MS
                said = client_order_id or venue_order_id
                w.queue.deliver(
                    due, RequestFailed(venue=name, what="cancel", subject=said, reason="500", ts=due)
                )
                return
            passed(now, instrument, client_order_id, venue_order_id)

        return cancel

    for name, venue in w.exchange.venues.items():
        venue.cancel = failing(name, venue.cancel)  # type: ignore[method-assign]
    identity = w.command("flatten")
    w.until(lambda w: identity in w.done, 120)
    assert w.done[identity].exit == 0, w.done[identity].text
    assert min(left.values()) == 0
    assert all(not w.exchange.books(name).orders for name in w.exchange.venues)
    assert w.positions() == {}
