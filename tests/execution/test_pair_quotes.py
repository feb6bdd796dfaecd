"""Leg 1 as a resting order: re-quotes, hedges, withdrawal in every state (SEMANTICS 7, PARAMETERS exec)."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from services.domain.enums import PairState, Purpose, Side, TimeInForce
from services.domain.orders import OrderRequest
from services.execution.pair_state import LegPolicy, Pair
from services.settings.parameters import Execution, Settings
from tests.execution.builders import (
    BTC_A,
    BTC_B,
    GOOD,
    MS,
    SECOND,
    Answer,
    Market,
    Rest,
    market,
    opened,
)

D = Decimal
NOTHING = Answer(fills=())
WHOLE = Rest(fills=((300, D(1)),))
MAKER = Settings(exec=Execution(entry_style="maker", exit_style="maker"))
ENTRY_ONLY = Settings(exec=Execution(entry_style="maker"))
EXIT_ONLY = Settings(exec=Execution(exit_style="maker"))


def quoting(
    quantity: str = "0.2",
    rests: list[Rest] | None = None,
    script: list[Answer] | None = None,
    settings: Settings = MAKER,
    **more: object,
) -> tuple[Market, Pair]:
    world = market(script, settings=settings)
    world.rests.extend(rests or [])
    pair = world.machine.get(opened(world, quantity, **more))
    assert pair is not None
    return world, pair


def hedged(quantity: str = "0.2") -> tuple[Market, Pair]:
    world, pair = quoting(quantity, settings=EXIT_ONLY)
    world.run(10)
    assert pair.state is PairState.HEDGED
    return world, pair


def quotes(world: Market) -> list[OrderRequest]:
    return [order for order in world.placed if order.post_only]


def takes(world: Market, after: int = 0) -> list[OrderRequest]:
    return [order for order in world.placed[after:] if not order.post_only]


def drift(world: Market, step: str, every_ms: int = 500, seconds: int = 60) -> None:
    """The thin leg's market goes away, a little at a time."""
    mid = world.book.mids[BTC_B]
    assert mid is not None
    for count in range(1, seconds * 1000 // every_ms):
        mid += D(step)
        world.push(world.now + count * every_ms * MS, "mid", (BTC_B, mid))


# -- entry ---------------------------------------------------------------------------------------------------


def test_leg_1_rests_at_its_own_side_of_the_book_and_each_fill_is_hedged_at_once() -> None:
    world, pair = quoting(rests=[Rest(fills=((300, D("0.5")), (900, D("0.5"))))])
    world.run(5)
    first, *hedges = world.placed
    assert (first.instrument, first.side, first.post_only, first.tif) == (
        BTC_B, Side.BUY, True, TimeInForce.GTC,
    )  # fmt: skip
    assert (first.purpose, first.reduce_only) == (Purpose.ENTRY, False)
    touch = world.book.touch(BTC_B)
    assert touch is not None
    assert first.price == touch[0] < D(23010)
    assert first.quantity * first.price <= 5000
    assert [order.purpose for order in hedges] == [Purpose.HEDGE, Purpose.HEDGE]
    assert [order.quantity for order in hedges] == [D("0.1"), D("0.1")]
    assert all(order.tif is TimeInForce.IOC and not order.post_only for order in hedges)
    # Told 20 ms after the fill, 22 ms after the intent, at the venue 20 ms later: hedged in that very turn.
    assert [at - world.placed_at[0] for at in world.placed_at[1:]] == [342 * MS, 942 * MS]
    assert pair.state is PairState.HEDGED
    assert world.positions == {BTC_A: D("-0.2"), BTC_B: D("0.2")}
    assert not world.cancels


def test_a_quote_left_behind_is_moved_three_times_in_fifteen_seconds_and_then_dropped() -> None:
    world, pair = quoting()
    drift(world, "1")
    world.run(40)
    assert len(quotes(world)) == 4
    prices = [order.price for order in quotes(world)]
    assert prices == sorted(set(prices), key=lambda price: price or D(0))
    assert [order.attempt for order in quotes(world)] == [1, 2, 3, 4]
    placed = [at for at, order in zip(world.placed_at, world.placed, strict=True) if order.post_only]
    assert placed[-1] - placed[0] < 15 * SECOND
    assert world.cancels[-1][0] == placed[0] + 15 * SECOND
    assert (pair.state, pair.failed) == (PairState.CLOSED, True)
    assert world.machine.failures(BTC_A, BTC_B) == 1
    assert takes(world) == []


def test_a_quote_that_still_leads_the_book_is_left_alone_until_its_time_is_over() -> None:
    world, pair = quoting()
    world.run(14)
    assert (len(quotes(world)), world.cancels) == (1, [])
    world.run(2)
    assert (len(world.cancels), pair.state, pair.failed) == (1, PairState.CLOSED, True)


def test_an_entry_filled_in_part_ends_hedged_smaller_and_costs_no_cooldown() -> None:
    world, pair = quoting(rests=[Rest(fills=((400, D("0.3")),))])
    world.run(30)
    assert (pair.state, pair.failed) == (PairState.HEDGED, False)
    assert pair.short.size == pair.long.size == D("0.06")
    assert world.machine.failures(BTC_A, BTC_B) == 0


def test_a_post_only_refusal_counts_as_a_quote_and_never_becomes_a_taking_order() -> None:
    world, pair = quoting(rests=[Rest(kind="reject")] * 9)
    world.run(30)
    assert len(quotes(world)) == 4
    assert takes(world) == []
    assert (pair.state, pair.failed) == (PairState.CLOSED, True)
    placed = world.placed_at
    assert all(later - earlier >= 400 * MS for earlier, later in pairwise(placed))


def test_after_a_refusal_the_next_quote_may_fill() -> None:
    world, pair = quoting(rests=[Rest(kind="reject"), WHOLE])
    world.run(10)
    assert pair.state is PairState.HEDGED
    assert [order.attempt for order in quotes(world)] == [1, 2]


def test_each_slice_is_an_attempt_of_its_own() -> None:
    world, pair = quoting("0.4", [WHOLE, WHOLE])
    world.run(10)
    assert [order.attempt for order in quotes(world)] == [1, 1]
    assert (pair.state, pair.short.size) == (PairState.HEDGED, D("0.4"))
    assert len(takes(world)) == 2


def test_small_fills_accumulate_and_are_hedged_together() -> None:
    """Three fills of a single lot of the finer grid: the joint lot is two."""
    world = market(settings=MAKER)
    world.book.depths[BTC_A] = D("1")
    world.rests.append(Rest(fills=((100, D("0.005")), (3000, D("0.005")), (6000, D("0.99")))))
    pair = world.machine.get(opened(world, "0.2"))
    assert pair is not None
    world.run(2)
    assert (len(world.placed), pair.naked.quantity) == (1, D("0.001"))
    world.run(3)
    assert [order.quantity for order in takes(world)] == [D("0.002")]
    world.run(5)
    assert (pair.state, pair.short.size, pair.long.size) == (PairState.HEDGED, D("0.2"), D("0.2"))


def test_a_denial_by_the_gate_ends_the_quoting() -> None:
    world, pair = quoting(rests=[Rest(kind="deny")])
    world.run(30)
    assert (len(world.placed), pair.state) == (1, PairState.CLOSED)


def test_leg_2_not_filled_in_time_withdraws_leg_1_before_it_is_reversed() -> None:
    world, pair = quoting(rests=[Rest(fills=((100, D("0.5")),))], script=[NOTHING] * 8)
    world.run(3)
    cancelled = [at for at, name in world.cancels if name == quotes(world)[0].client_order_id]
    assert len(cancelled) == 1
    unwinds = [o for o in world.placed if o.purpose is Purpose.UNWIND]
    assert unwinds
    assert world.placed_at[world.placed.index(unwinds[0])] == cancelled[0] + 40 * MS
    world.run(60)
    assert (pair.state, world.positions[BTC_B]) == (PairState.CLOSED, 0)


def test_policy_proceed_withdraws_leg_1_at_the_time_out_and_goes_on_inside_the_hedge_bands() -> None:
    world, pair = quoting(
        rests=[Rest(fills=((100, D("0.5")),))], script=[NOTHING] * 9, entry_policy=LegPolicy.PROCEED
    )
    world.run(60)
    assert world.cancels[0][0] - world.placed_at[1] == 2000 * MS
    assert pair.state is PairState.HEDGED
    for order in takes(world):
        mid = world.book.mid(order.instrument)
        assert mid is not None
        assert order.price is not None
        assert abs(order.price / mid - 1) * 10_000 <= 50
        assert order.purpose is Purpose.HEDGE


# -- withdrawal ----------------------------------------------------------------------------------------------


def at_rest(world: Market, pair: Pair) -> str:
    """The id of the one resting order, accepted and untouched."""
    world.run(1)
    (order,) = quotes(world)
    assert pair.state is PairState.OPENING
    assert not world.cancels
    return order.client_order_id


def test_a_halt_withdraws_in_the_same_step_counts_the_late_fill_and_cuts_it() -> None:
    world, pair = quoting(rests=[Rest(fills=((995, D("0.5")),), late=True)])
    name = at_rest(world, pair)
    world.halted = True
    world.carry_out(world.machine.request_unwind(pair.id, "halt", world.now, world.book))
    assert world.cancels == [(world.now, name)]
    assert pair.state is PairState.UNWINDING
    world.run(20)
    assert pair.state is PairState.CLOSED
    assert [order.purpose for order in takes(world)] == [Purpose.UNWIND]
    assert all(order.reduce_only for order in takes(world))
    assert world.positions[BTC_B] == 0


def test_a_freeze_withdraws_in_the_same_step() -> None:
    world, pair = quoting()
    name = at_rest(world, pair)
    world.carry_out(world.machine.freeze(pair.id, "beta silent", world.now))
    assert world.cancels == [(world.now, name)]
    world.run(5)
    assert (pair.state, len(world.placed)) == (PairState.CLOSED, 1)


def test_a_pause_withdraws_and_the_entry_ends_with_what_it_has() -> None:
    world, pair = quoting(rests=[Rest(fills=((500, D("0.5")),))])
    world.run(1)
    world.carry_out(world.machine.stop_resting(pair.id, "paused", world.now, world.book))
    assert [at for at, _ in world.cancels] == [world.now]
    world.run(5)
    assert (pair.state, pair.short.size, pair.long.size) == (PairState.HEDGED, D("0.1"), D("0.1"))
    assert len(quotes(world)) == 1


def test_a_pause_does_not_stop_an_entry_that_takes() -> None:
    world, pair = quoting("0.4", settings=EXIT_ONLY)
    world.step()
    world.carry_out(world.machine.stop_resting(pair.id, "paused", world.now, world.book))
    world.run(5)
    assert (pair.state, pair.short.size) == (PairState.HEDGED, D("0.4"))


@pytest.mark.parametrize("leg", [BTC_A, BTC_B])
def test_stale_data_of_either_leg_withdraw_it(leg: str) -> None:
    world, pair = quoting()
    name = at_rest(world, pair)
    world.book.mids[leg] = None
    world.run(0)
    world.step()
    assert [each for _, each in world.cancels] == [name]
    world.run(20)
    assert (pair.state, len(quotes(world))) == (PairState.CLOSED, 1)


def test_a_hedge_in_doubt_withdraws_leg_1_and_nothing_is_sent_on_a_guess() -> None:
    world, pair = quoting(rests=[Rest(fills=((100, D("0.5")),))], script=[Answer(kind="swallowed")])
    world.run(2)
    assert pair.state is PairState.IN_DOUBT
    assert [name for _, name in world.cancels] == [quotes(world)[0].client_order_id]
    assert len(world.placed) == 2
    world.run(60)
    assert pair.state in (PairState.HEDGED, PairState.CLOSED)
    assert sum(world.positions.values()) == 0


def test_a_quote_in_doubt_is_withdrawn_and_its_fills_are_hedged_once_known() -> None:
    world, pair = quoting(rests=[Rest(kind="lost", fills=((100, D("0")), (2500, D("0.5"))), late=True)])
    world.run(3)
    assert len(quotes(world)) == 1
    world.run(60)
    assert pair.state in (PairState.HEDGED, PairState.CLOSED)
    assert not pair.unsettled
    assert sum(world.positions.values()) == 0


@pytest.mark.parametrize("cancel", ["lost", "refused"])
def test_a_cancel_that_did_not_work_is_asked_for_again(cancel: str) -> None:
    world, pair = quoting(rests=[Rest(cancel=cancel)])
    at_rest(world, pair)
    world.halted = True
    world.carry_out(world.machine.request_unwind(pair.id, "halt", world.now, world.book))
    world.run(60)
    assert pair.state is PairState.CLOSED
    assert len(world.cancels) == 2
    assert not any(each.live for each in world.standing.values())


# -- exit ----------------------------------------------------------------------------------------------------


def test_an_exit_rests_reduce_only_and_its_fills_take_the_other_leg_along() -> None:
    world, pair = hedged("0.4")
    world.rests.extend([WHOLE, WHOLE])
    entered = len(world.placed)
    world.carry_out(world.machine.request_close(pair.id, "max hold", world.now, world.book))
    world.run(10)
    assert pair.state is PairState.CLOSED
    first, second = quotes(world)
    assert (first.instrument, first.side, first.reduce_only) == (BTC_B, Side.SELL, True)
    touch = world.book.touch(BTC_B)
    assert touch is not None
    assert first.price == second.price == touch[1]
    others = takes(world, entered)
    assert [(o.instrument, o.reduce_only, o.purpose) for o in others] == [(BTC_A, True, Purpose.EXIT)] * 2


def test_an_exit_whose_attempt_is_over_takes_slice_by_slice() -> None:
    world, pair = hedged("0.4")
    drift(world, "-1", seconds=90)  # a falling market runs away from the offer
    world.rests.extend([Rest()] * 4 + [WHOLE])
    entered = len(world.placed)
    asked = world.now
    world.carry_out(world.machine.request_close(pair.id, "max hold", world.now, world.book))
    world.run(60)
    assert pair.state is PairState.CLOSED
    kinds = ["rest" if order.post_only else order.instrument for order in world.placed[entered:]]
    assert kinds == ["rest"] * 4 + [BTC_B, BTC_A] + ["rest", BTC_A]
    taking = world.placed_at[entered + 4] - asked
    assert 15 * SECOND <= taking < 16 * SECOND


@pytest.mark.parametrize("purpose", [Purpose.STOP, Purpose.UNWIND, Purpose.FLATTEN])
def test_protection_never_rests_and_withdraws_what_does(purpose: Purpose) -> None:
    world, pair = hedged()
    world.carry_out(world.machine.request_close(pair.id, "max hold", world.now, world.book))
    world.run(1)
    (resting,) = quotes(world)
    world.carry_out(world.machine.request_close(pair.id, "pair stop", world.now, world.book, purpose=purpose))
    assert world.cancels == [(world.now, resting.client_order_id)]
    entered = len(world.placed)
    world.run(10)
    assert pair.state is PairState.CLOSED
    assert all(not order.post_only and order.purpose is purpose for order in world.placed[entered:])


def test_a_halt_withdraws_a_resting_exit_and_cuts_what_it_filled_late() -> None:
    world, pair = hedged()
    world.rests.append(Rest(fills=((995, D("0.5")),), late=True))
    world.carry_out(world.machine.request_close(pair.id, "max hold", world.now, world.book))
    world.run(1)
    world.halted = True
    world.carry_out(world.machine.request_unwind(pair.id, "halt", world.now, world.book))
    assert [at for at, _ in world.cancels] == [world.now]
    world.run(20)
    assert (pair.state, pair.short.size, pair.long.size) == (PairState.HEDGED, D("0.1"), D("0.1"))
    assert takes(world)[-1].purpose is Purpose.UNWIND


def test_a_stop_lets_an_exit_take_at_once() -> None:
    world, pair = hedged()
    world.carry_out(world.machine.request_close(pair.id, "max hold", world.now, world.book))
    world.run(1)
    world.carry_out(world.machine.stop_resting(pair.id, "stop", world.now, world.book))
    assert len(world.cancels) == 1
    world.run(3)
    assert pair.state is PairState.CLOSED
    assert len(quotes(world)) == 1


def test_an_exit_that_rests_and_cannot_fill_its_other_leg_is_withdrawn_and_the_rest_left_alone() -> None:
    world, pair = hedged()
    world.rests.append(Rest(fills=((100, D("0.5")),)))
    world.script.extend([NOTHING] * 200)
    world.carry_out(world.machine.request_close(pair.id, "max hold", world.now, world.book))
    world.run(30)
    assert (pair.state, pair.long.size, pair.short.size) == (PairState.CLOSING, D("0.1"), D("0.2"))
    assert len(world.cancels) == 1
    assert any(page.reducing for page in world.pages)
    world.script.clear()
    world.run(60)
    assert pair.state is PairState.CLOSED


def test_the_default_policy_takes_in_and_out() -> None:
    world, pair = quoting(settings=Settings())
    world.run(10)
    world.carry_out(world.machine.request_close(pair.id, "max hold", world.now, world.book))
    world.run(10)
    assert pair.state is PairState.CLOSED
    assert quotes(world) == []
    assert world.placed[0].tif is TimeInForce.IOC
    assert GOOD.fills == (D(1),)
