"""Cutting a pair by a fraction: in step, on the joint lot grid, no flip, no increase (SEMANTICS 2, 7)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.enums import PairState, Purpose
from services.execution.pair_legs import within_residual
from services.execution.pair_state import LegPolicy, Pair
from services.settings.parameters import Settings
from tests.decimals import decimals
from tests.execution.builders import BTC_A, BTC_B, GOOD, INSTRUMENTS, Answer, Market, market, opened
from tests.execution.test_pair_properties import CALM, HELD, SCRIPTS, at_rest, steps

D = Decimal
NOTHING = Answer(fills=())


def hedged(quantity: str = "0.4", kind: str = "hedge", **more: object) -> tuple[Market, Pair, int]:
    world = market()
    pair = world.machine.get(opened(world, quantity, kind, **more))
    assert pair is not None
    world.run(10)
    assert pair.state is PairState.HEDGED
    return world, pair, len(world.placed)


def cut(world: Market, pair: Pair, fraction: str, reason: str = "margin ladder") -> None:
    world.carry_out(
        world.machine.request_reduce(pair.id, D(fraction), reason, world.now, world.book, origin="desk")
    )


def test_a_hedged_pair_is_cut_thin_leg_first_in_slices_and_ends_hedged_at_the_smaller_size() -> None:
    world, pair, placed = hedged("0.4")
    cut(world, pair, "0.75")
    world.run(20)
    assert pair.state is PairState.HEDGED
    assert pair.short.size == pair.long.size == pair.short.target == pair.long.target == D("0.100")
    orders = world.placed[placed:]
    assert [order.instrument for order in orders] == [BTC_B, BTC_A] * 2
    assert all(o.reduce_only and o.purpose is Purpose.STOP and o.origin == "desk" for o in orders)
    assert all(order.quantity % D("0.002") == 0 for order in orders)
    assert all(order.quantity * 23010 <= 5000 for order in orders)
    assert pair.close_reason == ""
    assert world.worst_naked <= 5000
    # Nothing of the cut is left behind: a later close takes the whole rest.
    world.carry_out(world.machine.request_close(pair.id, "max hold", world.now, world.book))
    world.run(10)
    assert (pair.state, world.positions[BTC_A], world.positions[BTC_B]) == (PairState.CLOSED, 0, 0)


def test_the_cut_is_rounded_up_to_the_joint_lot() -> None:
    world, pair, _ = hedged("0.1")
    cut(world, pair, "0.25")  # 0.075 stays by the fraction; the coarser lot is 0.002
    world.run(10)
    assert (pair.short.size, pair.long.size) == (D("0.074"), D("0.074"))


def test_a_fraction_below_the_least_order_still_cuts_one_and_a_rest_too_small_is_not_left() -> None:
    world, pair, _ = hedged("0.1")
    cut(world, pair, "0.001")
    world.run(10)
    assert (pair.short.size, pair.state) == (D("0.098"), PairState.HEDGED)
    cut(world, pair, "0.999")
    world.run(10)
    assert (pair.state, world.positions[BTC_A], world.positions[BTC_B]) == (PairState.CLOSED, 0, 0)


@pytest.mark.parametrize("fraction", ["0", "-0.5", "NaN", "Infinity"])
def test_a_fraction_that_says_nothing_is_refused(fraction: str) -> None:
    world, pair, placed = hedged("0.1")
    with pytest.raises(ValueError, match="expected a protective purpose"):
        cut(world, pair, fraction)
    with pytest.raises(ValueError, match="expected a protective purpose"):
        world.machine.request_reduce(pair.id, D("0.5"), "x", world.now, world.book, purpose=Purpose.EXIT)
    assert len(world.placed) == placed


def test_it_works_halted_and_goes_on_through_a_halt() -> None:
    world, pair, placed = hedged("0.4")
    world.halted = True
    cut(world, pair, "0.5")
    world.step()
    world.carry_out(world.machine.request_unwind(pair.id, "breaker", world.now, world.book))
    world.run(20)
    assert (pair.state, pair.short.size, pair.long.size) == (PairState.HEDGED, D("0.2"), D("0.2"))
    assert all(order.reduce_only for order in world.placed[placed:])


def test_a_frozen_pair_is_cut_at_the_last_good_price() -> None:
    world, pair, placed = hedged("0.2")
    world.book.mids[BTC_A] = None
    world.book.lasts[BTC_A] = D(23000)
    world.carry_out(world.machine.freeze(pair.id, "alpha silent", world.now))
    assert pair.state is PairState.FROZEN
    cut(world, pair, "0.5")
    world.run(10)
    assert (pair.state, pair.short.size, pair.long.size) == (PairState.HEDGED, D("0.1"), D("0.1"))
    assert world.placed[placed].instrument == BTC_A


def test_a_pair_stopped_by_the_policy_cancel_is_matched_and_cut() -> None:
    world = market([GOOD, *[NOTHING] * 20])
    pair = world.machine.get(opened(world, "0.2", entry_policy=LegPolicy.CANCEL))
    assert pair is not None
    world.run(10)
    assert pair.state is PairState.FROZEN
    world.script.clear()
    cut(world, pair, "0.5")
    world.run(10)
    assert pair.state is PairState.CLOSED  # leg 2 never stood: matching the legs leaves nothing to keep
    assert world.positions[BTC_B] == 0


def test_an_exit_goes_on_behind_the_cut_with_the_rights_of_an_exit() -> None:
    world, pair, placed = hedged("0.4")
    world.script.extend([NOTHING] * 3)
    world.carry_out(world.machine.request_close(pair.id, "max hold", world.now, world.book))
    world.run(4)
    assert pair.state is PairState.FROZEN
    asked = len(world.placed)
    cut(world, pair, "0.5")
    world.run(10)
    assert pair.state is PairState.CLOSED
    assert {order.purpose for order in world.placed[placed:asked]} == {Purpose.EXIT}
    purposes = [order.purpose for order in world.placed[asked:]]
    assert purposes == [Purpose.STOP] * 2 + [Purpose.EXIT] * 2
    assert {order.origin for order in world.placed[-2:]} == {pair.origin}


@pytest.mark.parametrize("first", ["cut", "close"])
def test_a_halt_ends_the_exit_beside_a_cut_and_not_the_cut(first: str) -> None:
    """The cut is protection; it lends nothing to a close that was asked before or after it."""
    world, pair, placed = hedged("0.4")

    def close() -> None:
        actions = world.machine.request_close(pair.id, "x", world.now, world.book, origin="operator")
        world.carry_out(actions)

    if first == "close":
        close()
    cut(world, pair, "0.5")
    if first == "cut":
        close()
    world.halted = True
    world.carry_out(world.machine.request_unwind(pair.id, "halt", world.now, world.book))
    world.run(20)
    assert (pair.state, pair.short.size, pair.long.size) == (PairState.HEDGED, D("0.2"), D("0.2"))
    assert all(order.reduce_only for order in world.placed[placed:])


def test_a_whole_close_overtakes_a_cut_and_a_second_cut_waits_for_the_first() -> None:
    world, pair, _ = hedged("0.4")
    cut(world, pair, "0.25")
    world.step()
    assert pair.state is PairState.CLOSING
    cut(world, pair, "0.25")
    world.run(20)
    assert (pair.state, pair.short.size) == (PairState.HEDGED, D("0.3"))
    cut(world, pair, "0.25")
    world.step()
    assert pair.state is PairState.CLOSING
    world.carry_out(
        world.machine.request_close(pair.id, "pair stop", world.now, world.book, purpose=Purpose.STOP)
    )
    world.run(20)
    assert pair.state is PairState.CLOSED


def test_a_leg_taken_by_the_venue_during_a_cut_ends_the_pair() -> None:
    world, pair, _ = hedged("0.4")
    cut(world, pair, "0.25")
    world.run(0)
    world.positions[BTC_A] = D("-0.1")
    world.carry_out(world.machine.leg_changed(pair.id, BTC_A, D("0.1"), "ADL", world.now, world.book))
    world.cuts = True
    world.run(30)
    assert pair.state is PairState.CLOSED


@CALM
@given(SCRIPTS, st.sampled_from(HELD), decimals("0.01", "0.99", 2), st.integers(0, 30), st.booleans())
def test_after_a_cut_the_legs_match_at_the_asked_size_and_nothing_increased(
    script: list[Answer], kind: tuple[str, str], fraction: Decimal, before: int, halt: bool
) -> None:
    world, pair, _ = hedged(kind[1], kind[0])
    world.script.extend(script)
    full = (pair.short.size, pair.long.size)
    placed = len(world.placed)
    cut(world, pair, str(fraction))
    steps(world, before)
    if halt:
        world.halted = True
        world.carry_out(world.machine.request_unwind(pair.id, "halt", world.now, world.book))
    world.run(400)
    assert all(o.reduce_only and o.purpose.protective for o in world.placed[placed:])
    assert within_residual(pair, INSTRUMENTS, Settings().pair, world.book)
    at_rest(world, pair.id)
    if pair.state is PairState.CLOSED:
        assert all(size * (1 - fraction) < 2 * lot_of(kind) for size in full)
        return
    assert pair.state is PairState.HEDGED
    for leg, size in zip(pair.legs, full, strict=True):
        lot = lot_of(kind)
        assert size * (1 - fraction) - 2 * lot < leg.size <= max(size * (1 - fraction), size - lot) + lot
        if kind[0] == "hedge":
            assert leg.size % lot == 0
            assert leg.size <= max(size * (1 - fraction), size - lot)


def lot_of(kind: tuple[str, str]) -> Decimal:
    return D("0.002") if kind[0] == "hedge" else D(1)


@CALM
@given(SCRIPTS, st.sampled_from(HELD), decimals("0.01", "0.99", 2), st.integers(0, 60))
def test_a_cut_asked_in_any_state_ends_hedged_or_flat_without_an_increase(
    script: list[Answer], kind: tuple[str, str], fraction: Decimal, before: int
) -> None:
    world = market(script)
    pair = world.machine.get(opened(world, kind[1], kind[0]))
    assert pair is not None
    steps(world, before)
    placed = len(world.placed)
    cut(world, pair, str(fraction))
    world.run(400)
    assert pair.state in (PairState.HEDGED, PairState.CLOSED)
    assert all(order.reduce_only for order in world.placed[placed:])
    at_rest(world, pair.id)
