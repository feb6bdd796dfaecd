"""The pair machine, situation by situation (SEMANTICS 5.5 to 5.9, 7 and 10)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.enums import PairState, Purpose, Side
from services.domain.orders import OrderRequest
from services.execution.pair_state import LegPolicy
from services.execution.pairs import PairMachine
from tests.execution.builders import (
    BTC_A,
    BTC_B,
    GOOD,
    INSTRUMENTS,
    MS,
    SECOND,
    USDT_A,
    Answer,
    Book,
    Market,
    market,
    opened,
    planned,
)

D = Decimal
NOTHING = Answer(fills=())


def bps_from_mid(world: Market, order: OrderRequest) -> Decimal:
    mid = world.book.mid(order.instrument)
    assert mid is not None
    assert order.price is not None
    return abs(order.price / mid - 1) * 10_000


def states(world: Market) -> list[PairState]:
    return [word.state for word in world.became]


def test_entry_goes_thin_leg_first_in_slices_and_hedges_each_fill_at_once() -> None:
    world = market()
    pair_id = opened(world, "0.4")
    world.run(5)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert states(world) == [PairState.OPENING, PairState.HEDGED]
    assert pair.short.size == pair.long.size == D("0.4")
    assert [order.instrument for order in world.placed] == [BTC_B, BTC_A, BTC_B, BTC_A]
    for order in world.placed:
        mid = world.book.mid(order.instrument)
        assert mid is not None
        assert order.quantity * mid <= 5000
        assert order.quantity % D("0.002") == 0
    for first, hedge in (world.placed[:2], world.placed[2:]):
        assert first.purpose is Purpose.ENTRY
        assert bps_from_mid(world, first) <= 3
        assert hedge.purpose is Purpose.HEDGE
        assert bps_from_mid(world, hedge) <= 10
        assert hedge.quantity == first.quantity


def test_each_fill_is_hedged_at_once_and_never_twice() -> None:
    """Bug E9: the filled quantity is hedged, not the wished one."""
    thirds = Answer(fills=(D("0.5"), D("0.3"), D("0.2")), gap_ms=5)
    slow = Answer(latency_ms=300)
    world = market([thirds, slow, slow, slow])
    opened(world, "0.2")
    world.run(5)
    hedges = [order for order in world.placed if order.purpose is Purpose.HEDGE]
    assert [order.quantity for order in hedges] == [D("0.100"), D("0.060"), D("0.040")]
    sent = [world.placed_at[world.placed.index(order)] for order in hedges]
    assert sent[1] - sent[0] == 5 * MS
    assert world.positions == {BTC_B: D("0.2"), BTC_A: D("-0.2")}


def test_fills_below_the_joint_lot_accumulate_as_naked_notional() -> None:
    world = market([Answer(fills=(D("0.004"), D("0.6")), gap_ms=500)])
    book = world.book
    book.depths[BTC_A] = D("1")  # the finer grid is the thin leg now
    pair_id = opened(world, "0.1")
    while len(world.placed) < 2 and world.step():
        pair = world.machine.get(pair_id)
        assert pair is not None
        if pair.naked.quantity and len(world.placed) == 1:
            assert pair.naked.quantity < D("0.002")
            assert pair.naked.notional == pair.naked.quantity * 23000
            assert pair.naked.since is None
    assert world.placed[1].purpose is Purpose.HEDGE


def test_leg_2_not_filled_in_time_is_reversed_by_reducing_orders_with_widening_bands() -> None:
    """Bug E9: no leg is left alone; what leg 2 did not take is given back."""
    world = market([GOOD, *[NOTHING] * 8])
    pair_id = opened(world, "0.2")
    world.run(20)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.CLOSED
    assert pair.failed
    assert world.machine.failures(BTC_B, BTC_A) == 1
    hedges = [order for order in world.placed if order.purpose is Purpose.HEDGE]
    assert [round(bps_from_mid(world, order)) for order in hedges[:3]] == [10, 20, 50]
    unwinds = [order for order in world.placed if order.purpose is Purpose.UNWIND]
    assert [order.attempt for order in unwinds] == list(range(1, len(unwinds) + 1))
    assert all(order.instrument == BTC_B and order.reduce_only for order in unwinds)
    first_fill = world.placed_at[0] + 27 * MS
    assert world.placed_at[world.placed.index(unwinds[0])] == first_fill + 2000 * MS
    assert world.positions[BTC_B] == 0


def test_reversal_uses_the_emergency_bands_after_the_hedge_bands() -> None:
    world = market([GOOD, *[NOTHING] * 30])
    opened(world, "0.2")
    world.run(40)
    unwinds = [order for order in world.placed if order.purpose is Purpose.UNWIND]
    bands = [round(bps_from_mid(world, order)) for order in unwinds[:8]]
    assert bands == [10, 20, 50, 100, 200, 500, 500, 500]
    assert any(page.reducing for page in world.pages)


def test_hedge_denied_by_the_trading_state_is_reversed_at_once() -> None:
    world = market([GOOD, Answer(kind="deny")])
    pair_id = opened(world, "0.2")
    world.run(5)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.CLOSED
    assert [order.purpose for order in world.placed] == [Purpose.ENTRY, Purpose.HEDGE, Purpose.UNWIND]
    assert pair.naked.worst_ns < 100 * MS


def test_entry_policy_proceed_goes_on_hedging_inside_the_hedge_bands() -> None:
    world = market([GOOD, *[NOTHING] * 9])
    pair_id = opened(world, "0.2", entry_policy=LegPolicy.PROCEED)
    world.run(60)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.HEDGED
    assert all(bps_from_mid(world, order) <= 50 for order in world.placed)
    assert world.pages


def test_entry_policy_cancel_stops_and_pages_with_the_leg_naked() -> None:
    world = market([GOOD, *[NOTHING] * 20])
    pair_id = opened(world, "0.2", entry_policy=LegPolicy.CANCEL)
    world.run(10)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.FROZEN
    assert world.pages[-1].reducing
    world.script.clear()
    world.carry_out(world.machine.thaw(pair_id, world.now, world.book))
    world.run(10)
    assert pair.state is PairState.CLOSED


def test_leg_1_that_never_fills_costs_a_cooldown_and_nothing_else() -> None:
    world = market([NOTHING] * 5)
    pair_id = opened(world)
    world.run(10)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert (pair.state, pair.failed, len(world.placed)) == (PairState.CLOSED, True, 3)
    again = opened(market([Answer(kind="deny")]))
    assert again
    assert world.machine.failures(BTC_A, BTC_B) == 1


def test_peg_pairs_match_in_notional_with_two_quantities() -> None:
    world = market()
    pair, _, _ = world.machine.plan(
        strategy="funding_arb",
        kind="peg",
        short=USDT_A,
        long="USDC-PERP.beta",
        short_quantity=D("8000.7"),
        long_quantity=D("8003"),
        capital=D(100000),
        origin="strategy:funding_arb",
        reason="",
        now=world.now,
    )
    assert pair is not None
    assert (pair.short.target, pair.long.target) == (D(8000), D(8003))
    world.carry_out(world.machine.start(pair.id, world.now, world.book))
    world.run(10)
    assert pair.state is PairState.HEDGED
    assert abs(pair.short.size - D(8000)) <= 1
    assert abs(pair.long.size - D(8003)) <= 1


def test_exit_closes_both_legs_in_step_with_reducing_orders_of_the_strategy() -> None:
    """Bug E16: exits are limits inside a band, with the reduce-only flag."""
    world = market()
    pair_id = opened(world)
    world.run(5)
    entered = len(world.placed)
    world.carry_out(world.machine.request_close(pair_id, "funding flipped", world.now, world.book))
    world.run(5)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.CLOSED
    exits = world.placed[entered:]
    assert [order.instrument for order in exits] == [BTC_B, BTC_A, BTC_B, BTC_A]
    assert all(o.reduce_only and o.purpose is Purpose.EXIT for o in exits)
    assert all(o.origin == "strategy:funding_arb" for o in exits)
    assert exits[0].side is Side.SELL
    assert world.worst_naked <= 5000


def test_exit_leg_that_cannot_fill_freezes_the_other_leg() -> None:
    world = market()
    pair_id = opened(world, "0.2")
    world.run(5)
    world.script.extend([NOTHING] * 3)
    world.carry_out(world.machine.request_close(pair_id, "max hold", world.now, world.book))
    world.run(4)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.FROZEN
    assert pair.short.size == pair.long.size == D("0.2")
    assert world.pages
    world.run(10)
    assert pair.state is PairState.CLOSED


def test_second_exit_leg_that_does_not_fill_leaves_the_first_alone_and_becomes_protective() -> None:
    world = market()
    pair_id = opened(world, "0.4")
    world.run(5)
    entered = len(world.placed)
    world.script.extend([GOOD, *[NOTHING] * 7])
    world.carry_out(world.machine.request_close(pair_id, "max hold", world.now, world.book))
    world.run(60)
    exits = world.placed[entered:]
    waiting = exits[1:8]
    assert {order.instrument for order in waiting} == {BTC_A}
    assert waiting[0].purpose is Purpose.EXIT
    assert waiting[-1].purpose is Purpose.UNWIND
    assert world.machine.get(pair_id).state is PairState.CLOSED  # type: ignore[union-attr]


def test_stale_data_is_no_exit_the_pair_freezes_and_goes_on_when_fresh() -> None:
    world = market()
    pair_id = opened(world, "0.2")
    world.run(5)
    placed = len(world.placed)
    world.book.mids[BTC_A] = None
    world.book.lasts[BTC_A] = D(23000)
    world.carry_out(world.machine.request_close(pair_id, "max hold", world.now, world.book))
    world.run(30)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert (pair.state, len(world.placed)) == (PairState.FROZEN, placed)
    world.book.mids[BTC_A] = D(23000)
    world.run(10)
    assert pair.state is PairState.CLOSED


def test_protective_close_takes_the_stale_leg_first_at_the_last_good_price() -> None:
    world = market()
    pair_id = opened(world, "0.2")
    world.run(5)
    placed = len(world.placed)
    world.book.mids[BTC_A] = None
    world.book.lasts[BTC_A] = D(23000)
    world.carry_out(
        world.machine.request_close(pair_id, "pair stop", world.now, world.book, purpose=Purpose.STOP)
    )
    world.run(10)
    assert world.placed[placed].instrument == BTC_A
    assert world.placed[placed].purpose is Purpose.STOP
    assert world.machine.get(pair_id).state is PairState.CLOSED  # type: ignore[union-attr]


def test_desk_freeze_holds_an_exit_until_thaw_but_not_protection() -> None:
    world = market()
    pair_id = opened(world, "0.2")
    world.run(5)
    pair = world.machine.get(pair_id)
    assert pair is not None
    world.carry_out(world.machine.freeze(pair_id, "beta silent", world.now))
    assert pair.state is PairState.FROZEN
    world.carry_out(world.machine.request_close(pair_id, "max hold", world.now, world.book))
    world.run(60)
    assert (pair.state, pair.short.size) == (PairState.FROZEN, D("0.2"))
    world.carry_out(world.machine.thaw(pair_id, world.now, world.book))
    world.run(10)
    assert pair.state is PairState.CLOSED


def test_order_in_doubt_is_never_sent_again_and_pages_with_the_other_leg_filled() -> None:
    world = market([GOOD, Answer(kind="swallowed")])
    pair_id = opened(world, "0.2")
    world.run(9)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.IN_DOUBT
    assert len(world.placed) == 2
    assert not world.pages
    assert [ask.venue for ask in world.asked] == ["alpha"]
    world.run(2)
    assert world.pages[0].reducing
    world.carry_out(world.machine.request_unwind(pair_id, "REDUCING", world.now, world.book))
    world.run(20)
    assert pair.state is PairState.CLOSED
    assert [order.purpose for order in world.placed] == [Purpose.ENTRY, Purpose.HEDGE, Purpose.UNWIND]
    assert len({order.client_order_id for order in world.placed}) == 3


def test_a_late_fill_after_the_close_is_cut() -> None:
    world = market([Answer(fills=(D("1"),), kind="lost")])
    pair_id = opened(world, "0.02")
    world.run(5)
    pair = world.machine.get(pair_id)
    assert pair is not None
    world.carry_out(world.machine.request_close(pair_id, "x", world.now, world.book))
    world.run(5)
    assert pair.state is PairState.CLOSED
    entry = world.table.get(world.placed[0].client_order_id)
    assert entry is not None
    entry.filled += D("0.01")
    world.positions[BTC_B] += D("0.01")
    world.carry_out(world.machine.on_order(entry, world.now, world.book))
    world.run(5)
    assert pair.state is PairState.CLOSED
    assert world.positions[BTC_B] == 0


def test_partial_adl_cuts_the_other_leg_to_match_then_exits_even_when_halted() -> None:
    world = market()
    pair_id = opened(world)
    world.run(5)
    world.halted = True
    world.positions[BTC_B] = D("0.1")
    world.carry_out(world.machine.leg_changed(pair_id, BTC_B, D("0.1"), "ADL", world.now, world.book))
    unwind = world.placed[-1]
    assert (unwind.instrument, unwind.quantity, unwind.reduce_only) == (BTC_A, D("0.300"), True)
    world.run(10)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.CLOSED
    assert world.positions == {BTC_A: D(0), BTC_B: D(0)}


def test_halt_while_opening_never_opens_the_other_leg() -> None:
    world = market([Answer(fills=(D("0.5"),), latency_ms=100)])
    pair_id = opened(world, "0.2")
    world.run(0)
    world.step()
    world.halted = True
    world.carry_out(world.machine.request_unwind(pair_id, "operator halt", world.now, world.book))
    world.run(10)
    assert [order.instrument for order in world.placed] == [BTC_B, BTC_B]
    assert world.placed[1].purpose is Purpose.UNWIND
    assert world.positions[BTC_B] == 0


def test_halt_leaves_a_hedged_pair_and_ends_a_strategic_close_hedged_with_equal_legs() -> None:
    world = market()
    pair_id = opened(world)
    world.run(5)
    pair = world.machine.get(pair_id)
    assert pair is not None
    world.carry_out(world.machine.request_unwind(pair_id, "halt", world.now, world.book))
    assert (pair.state, pair.short.size) == (PairState.HEDGED, D("0.4"))
    world.carry_out(world.machine.request_close(pair_id, "max hold", world.now, world.book))
    for _ in range(3):
        world.step()
    world.halted = True
    world.carry_out(world.machine.request_unwind(pair_id, "halt", world.now, world.book))
    world.run(10)
    assert pair.state is PairState.HEDGED
    assert D(0) < pair.short.size == pair.long.size < D("0.4")


def test_a_protective_close_goes_on_through_a_halt() -> None:
    world = market()
    pair_id = opened(world)
    world.run(5)
    world.carry_out(
        world.machine.request_close(pair_id, "pair stop", world.now, world.book, purpose=Purpose.STOP)
    )
    world.halted = True
    world.carry_out(world.machine.request_unwind(pair_id, "breaker", world.now, world.book))
    world.run(10)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.CLOSED


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"capital": None}, "capital unknown"),
        ({"capital": D(0)}, "no capital"),
        ({"kind": "triangle"}, "unknown kind"),
        ({"long": "XRP-PERP.alpha"}, "unknown instrument"),
        ({"long": BTC_A}, "same instrument"),
        ({"short_quantity": D("0.0019")}, "minimum"),
        ({"exit_policy": LegPolicy.REVERSE}, "increase a position"),
    ],
)
def test_a_plan_is_refused_with_its_reason(change: dict[str, object], words: str) -> None:
    world = market()
    arguments: dict[str, object] = {
        "strategy": "funding_arb",
        "kind": "hedge",
        "short": BTC_A,
        "long": BTC_B,
        "short_quantity": D("0.1"),
        "long_quantity": D("0.1"),
        "capital": D(100000),
        "origin": "operator",
        "reason": "",
        "now": world.now,
        **change,
    }
    pair, actions, why = world.machine.plan(**arguments)  # type: ignore[arg-type]
    assert pair is None
    assert actions == ()
    assert words in why


def test_opposite_sides_on_one_instrument_are_refused() -> None:
    world = market()
    opened(world)
    pair, _, why = world.machine.plan(
        strategy="other",
        kind="hedge",
        short=BTC_B,
        long=BTC_A,
        short_quantity=D("0.1"),
        long_quantity=D("0.1"),
        capital=D(100000),
        origin="strategy:other",
        reason="",
        now=world.now,
    )
    assert pair is None
    assert "other side" in why


def test_the_slice_is_bounded_by_the_naked_bound_of_a_small_account() -> None:
    world = market()
    pair_id = opened(world, "0.1", capital="40000")
    world.run(10)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.naked_bound == D("2000")
    assert world.worst_naked <= 2000
    assert pair.state is PairState.HEDGED


def test_admission_asks_for_both_legs_at_full_size_and_needs_fresh_prices() -> None:
    book = Book()
    world = market(book=book)
    pair_id = planned(world)
    asked = world.machine.admission(pair_id, book)
    assert asked is not None
    assert [(o.side, o.quantity) for o in asked] == [(Side.SELL, D("0.400")), (Side.BUY, D("0.400"))]
    book.mids[BTC_A] = None
    assert world.machine.admission(pair_id, book) is None
    world.carry_out(world.machine.abandon(pair_id, "denied: leverage", world.now))
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert (pair.state, pair.failed) == (PairState.CLOSED, False)


def test_size_on_counts_only_the_pairs_own_fills() -> None:
    world = market()
    pair_id = opened(world)
    world.run(5)
    machine: PairMachine = world.machine
    assert machine.size_on(BTC_A) == D("-0.4")
    assert machine.size_on(USDT_A) == 0
    assert [pair.id for pair in machine.live()] == [pair_id]
    world.carry_out(machine.request_close(pair_id, "x", world.now, world.book))
    world.run(5)
    machine.forget(pair_id)
    assert machine.get(pair_id) is None
    assert world.now > SECOND
    assert set(INSTRUMENTS) >= {BTC_A}


def test_exit_policy_cancel_stops_with_the_other_leg_standing_until_a_person_decides() -> None:
    world = market()
    pair_id = opened(world, "0.2", exit_policy=LegPolicy.CANCEL)
    world.run(5)
    pair = world.machine.get(pair_id)
    assert pair is not None
    world.script.extend([GOOD, *[NOTHING] * 4])
    placed = len(world.placed)
    world.carry_out(world.machine.request_close(pair_id, "max hold", world.now, world.book))
    world.run(30)
    assert (pair.state, pair.long.size, pair.short.size) == (PairState.FROZEN, 0, D("0.2"))
    assert (pair.naked.quantity, pair.naked.notional) == (D("0.2"), D(4600))
    assert [page.reducing for page in world.pages] == [True]
    tried = world.placed[placed + 1 :]
    assert [round(bps_from_mid(world, order)) for order in tried[:3]] == [10, 20, 50]
    assert all(order.purpose is Purpose.EXIT for order in tried)
    world.carry_out(
        world.machine.request_close(pair_id, "max hold", world.now, world.book, origin="strategy:funding_arb")
    )
    world.run(10)
    assert pair.state is PairState.FROZEN, "a strategy is no person"
    world.script.clear()
    world.carry_out(
        world.machine.request_close(pair_id, "operator", world.now, world.book, origin="operator")
    )
    world.run(10)
    assert (pair.state, world.positions) == (PairState.CLOSED, {BTC_A: D(0), BTC_B: D(0)})


@pytest.mark.parametrize("policy", ["entry", "exit"])
def test_a_halt_cuts_what_the_policy_cancel_left_naked(policy: str) -> None:
    nothing = [NOTHING] * 5
    if policy == "entry":
        world = market([GOOD, *nothing])
        pair_id = opened(world, "0.2", entry_policy=LegPolicy.CANCEL)
    else:
        world = market()
        pair_id = opened(world, "0.2", exit_policy=LegPolicy.CANCEL)
        world.run(5)
        world.script.extend([GOOD, *nothing])
        world.carry_out(world.machine.request_close(pair_id, "max hold", world.now, world.book))
    world.run(10)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.FROZEN
    world.script.clear()
    world.halted = True
    placed = len(world.placed)
    world.carry_out(world.machine.request_unwind(pair_id, "halt", world.now, world.book))
    world.run(10)
    assert pair.state is PairState.CLOSED
    assert all(order.reduce_only for order in world.placed[placed:])
    assert sum(world.positions.values()) == 0


def test_exit_policy_proceed_closes_the_other_leg_as_protection_after_the_time_out() -> None:
    world = market()
    pair_id = opened(world, "0.2")
    world.run(5)
    world.script.extend([GOOD, *[NOTHING] * 8])
    placed = len(world.placed)
    world.carry_out(world.machine.request_close(pair_id, "max hold", world.now, world.book))
    world.run(60)
    bands = [round(bps_from_mid(world, order)) for order in world.placed[placed + 1 :]]
    assert bands[:3] == [10, 20, 50]
    assert max(bands) > 50
    first_protective = next(o for o in world.placed[placed + 1 :] if o.purpose is Purpose.UNWIND)
    naked_from = world.placed_at[placed] + 27 * MS
    assert world.placed_at[world.placed.index(first_protective)] >= naked_from + 2000 * MS
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.CLOSED


def test_dust_below_the_venues_minimum_stops_nothing() -> None:
    """A rest that no venue takes is listed; only what is worth more than the residual allowed reduces."""
    world = market([Answer(fills=(D("0.005"),)), *[NOTHING] * 5])
    world.book.depths[BTC_A] = D("1")
    pair_id = opened(world, "0.2")
    world.run(30)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert not any(page.reducing for page in world.pages)
    assert pair.state in (PairState.HEDGED, PairState.CLOSED)
