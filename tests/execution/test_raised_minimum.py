"""A venue raises an instrument's minimum above what is held of it: nothing here can close that leg any more.

The other leg stays with it, whoever asks: to close it alone would leave a naked leg beyond reach.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from services.domain.enums import PairState, Purpose
from services.execution.actions import Actions
from services.execution.flatten import Scope
from services.execution.pair_reduce import too_small
from services.execution.pair_state import LONG
from tests.execution.builders import BTC_A, BTC_B, INSTRUMENTS, Market, market, opened
from tests.execution.hand import ODD, Hand, cancels, orders
from tests.execution.test_flatten import World

D = Decimal
SIZE = "0.6"
"""13,800 USD: three slices."""


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test lists anew is taken back."""
    for name, spec in list(INSTRUMENTS.items()):
        monkeypatch.setitem(INSTRUMENTS, name, spec)


def minimum(instrument: str, size: str) -> None:
    INSTRUMENTS[instrument] = replace(INSTRUMENTS[instrument], min_size=D(size))


def hedged() -> tuple[Market, str]:
    world = market()
    pair = opened(world, SIZE)
    world.run(60, until=PairState.HEDGED)
    assert world.positions == {BTC_A: D("-0.6"), BTC_B: D("0.6")}
    world.placed.clear()
    world.worst_naked = world.machine.state.pairs[pair].naked.worst = D(0)
    return world, pair


def close(world: Market, pair: str, purpose: Purpose = Purpose.EXIT) -> None:
    world.carry_out(world.machine.request_close(pair, "asked", world.now, world.book, purpose=purpose))


@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.STOP, Purpose.UNWIND, Purpose.FLATTEN])
@pytest.mark.parametrize("stuck", [(BTC_A,), (BTC_B,), (BTC_A, BTC_B)])
def test_neither_leg_is_closed_and_a_person_is_told_once(stuck: tuple[str, ...], purpose: Purpose) -> None:
    world, pair = hedged()
    for name in stuck:
        minimum(name, "1")
    close(world, pair, purpose)
    world.run(120)
    assert world.placed == []
    assert world.machine.state.pairs[pair].state is PairState.FROZEN
    close(world, pair, purpose)
    assert world.became[-1].state is PairState.FROZEN
    assert len(world.became) == 4, "who asks again hears nothing new"
    (page,) = world.pages
    assert page.text == (
        f"0.6 {stuck[0]} is less than its venue takes (1): neither leg is closed;"
        f" close {stuck[0]} at the venue, and the other leg follows"
    )
    assert (page.reducing, page.name) == (False, "stuck")


def test_it_goes_on_by_itself_once_the_venue_takes_such_an_order_again() -> None:
    world, pair = hedged()
    minimum(BTC_A, "1")
    close(world, pair)
    world.run(20)
    minimum(BTC_A, "0.001")
    world.run(60)
    assert world.machine.state.pairs[pair].state is PairState.CLOSED
    assert not any(world.positions.values())


@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.UNWIND, Purpose.FLATTEN])
@pytest.mark.parametrize("spared", [True, UNSET])
def test_a_least_notional_binds_no_closing_order_where_the_venue_spares_it(
    spared: bool | UnsetType, purpose: Purpose
) -> None:
    """Binance's -4164: "unless you choose reduce only". Where nobody has read so, it is held up whole."""
    world, pair = hedged()
    for name in (BTC_A, BTC_B):
        spec = INSTRUMENTS[name]
        INSTRUMENTS[name] = replace(spec, min_notional=D(20_000), reduces_any_notional=spared)
    close(world, pair, purpose)
    world.run(60)
    state = world.machine.state.pairs[pair].state
    assert state is (PairState.CLOSED if spared is True else PairState.FROZEN)
    assert any(world.positions.values()) is (spared is not True)
    assert all(order.reduce_only for order in world.placed)
    assert bool(world.pages) is (spared is not True)
    assert world.worst_naked <= 5_000


def test_what_is_alone_below_the_least_notional_is_cut_where_the_venue_spares_it() -> None:
    """It stood naked for good: too little to hedge, and held too little to cut."""
    world, pair = hedged()
    for name in (BTC_A, BTC_B):
        INSTRUMENTS[name] = replace(INSTRUMENTS[name], min_notional=D(100), reduces_any_notional=True)
    world.positions[BTC_A] = D("-0.598")
    world.carry_out(world.machine.leg_changed(pair, BTC_A, D("0.598"), "leg missing", world.now, world.book))
    world.run(60)
    first = world.placed[0]
    assert (first.instrument, first.quantity, first.reduce_only) == (BTC_B, D("0.002"), True)
    assert not any(world.positions.values())


@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.FLATTEN])
def test_once_a_person_has_closed_it_at_the_venue_the_other_leg_follows(purpose: Purpose) -> None:
    world, pair = hedged()
    minimum(BTC_A, "1")
    close(world, pair, purpose)
    world.run(20)
    world.positions[BTC_A] = D(0)
    world.carry_out(world.machine.leg_changed(pair, BTC_A, D(0), "leg missing", world.now, world.book))
    world.run(60)
    assert world.machine.state.pairs[pair].state is PairState.CLOSED
    assert not any(world.positions.values())


@pytest.mark.parametrize("stuck", [BTC_A, BTC_B])
@pytest.mark.parametrize("after", range(1, 6))
def test_raised_in_the_middle_of_a_close_it_leaves_no_more_than_a_slice_alone(stuck: str, after: int) -> None:
    world, pair = hedged()
    close(world, pair)
    while len(world.placed) < after:
        assert world.step()
    minimum(stuck, "1")
    world.run(120)
    left = world.positions[BTC_A] + world.positions[BTC_B]
    assert abs(left) * 23_010 <= 5_000
    assert world.worst_naked <= 5_000
    closed = world.machine.state.pairs[pair].state is PairState.CLOSED
    assert closed is not any(world.positions.values()), "what stands is watched"
    assert closed is not bool(world.pages)


def test_a_cut_of_the_margin_ladder_ends_hedged_at_the_size_that_is_left() -> None:
    world, pair = hedged()
    world.carry_out(world.machine.request_reduce(pair, D("0.5"), "usage", world.now, world.book))
    while len(world.placed) < 3:
        assert world.step()
    minimum(BTC_A, "1")
    world.run(60)
    held = world.machine.state.pairs[pair]
    assert held.state is PairState.HEDGED
    assert abs(held.short.size - held.long.size) * 23_010 <= 5_000


def test_the_margin_ladder_that_asks_at_each_look_is_not_answered_anew() -> None:
    """Each look thawed and froze the pair again: three rows a look for as long as the usage was high."""
    world, pair = hedged()
    minimum(BTC_A, "1")
    for _ in range(4):
        world.carry_out(world.machine.request_reduce(pair, D("0.5"), "usage", world.now, world.book))
        world.run(5)
    assert world.placed == []
    assert world.machine.state.pairs[pair].state is PairState.FROZEN
    assert len(world.pages) == 1
    told = len(world.became)
    world.carry_out(world.machine.request_reduce(pair, D("0.5"), "usage", world.now, world.book))
    assert len(world.became) == told
    minimum(BTC_A, "0.001")
    world.run(60)
    assert not any(world.positions.values())


def test_what_is_worth_little_is_dust_as_ever() -> None:
    world = market()
    pair = opened(world, "0.004")
    world.run(60, until=PairState.HEDGED)
    minimum(BTC_A, "1")
    close(world, pair)
    world.run(60)
    assert world.machine.state.pairs[pair].state is PairState.CLOSED
    assert world.positions == {BTC_A: D("-0.004"), BTC_B: D(0)}, "92 USD"


# -- a flatten ----------------------------------------------------------------------------------------------


def flat_with(a: str, b: str) -> World:
    flat = World(market())
    flat.hold(BTC_A, a)
    flat.hold(BTC_B, b)
    return flat


def test_a_flatten_says_that_both_legs_are_left_and_why() -> None:
    world, _ = hedged()
    flat = World(world)
    flat.ledger.update(world.positions)
    minimum(BTC_A, "1")
    flat.flatten()
    flat.run(90)
    (end,) = flat.ended
    assert not end.flat
    assert {(row.subject, row.size) for row in end.left} == {(BTC_A, D("-0.6")), (BTC_B, D("0.6"))}
    assert all("less than its venue takes (1)" in row.why for row in end.left)
    assert world.placed == []


@pytest.mark.parametrize(
    ("a", "b", "left"),
    [("-0.6", "0.6", "0.6"), ("-0.6", "0.9", "0.6"), ("-0.6", "0.4", "0.4"), ("-0.6", "-0.4", "0")],
)
def test_a_flatten_that_knows_no_pair_leaves_what_hedges_it(a: str, b: str, left: str) -> None:
    flat = flat_with(a, b)
    minimum(BTC_A, "1")
    flat.flatten()
    flat.run(90)
    (end,) = flat.ended
    assert not end.flat
    assert (flat.market.positions[BTC_A], flat.market.positions[BTC_B]) == (D(a), D(left))
    reasons = {row.subject: row.why for row in end.left}
    assert reasons[BTC_A] == "dust: below one lot or the venue's minimum"
    assert reasons.get(BTC_B) == ("waits for what hedges it" if D(left) else None)


def test_a_flatten_of_one_venue_leaves_what_hedges_a_leg_beyond_reach_on_the_other() -> None:
    flat = flat_with("-0.6", "0.6")
    minimum(BTC_A, "1")
    flat.flatten(Scope(venue="beta"))
    flat.run(90)
    assert not flat.ended[0].flat
    assert flat.market.positions == {BTC_A: D("-0.6"), BTC_B: D("0.6")}


def test_a_flatten_closes_both_once_the_venue_takes_such_an_order_again() -> None:
    flat = flat_with("-0.6", "0.6")
    minimum(BTC_A, "1")
    flat.flatten()
    flat.run(20)
    minimum(BTC_A, "0.001")
    flat.run(60)
    assert flat.ended[0].flat
    assert not any(flat.market.positions.values())


# -- what counts as held up, by a hand that puts the pair into any state -----------------------------------


def held(
    state: PairState, resume: PairState, short: str = "0.4", long: str = "0.4", least: str = "1"
) -> Hand:
    """The short leg's venue takes nothing under `least` any more."""
    hand = Hand()
    hand.machine._instruments = {**ODD, BTC_A: replace(ODD[BTC_A], min_size=D(least))}
    return hand.put(state, short, long, resume=resume, close_reason="why", frozen_reason="held")


def asked(hand: Hand, purpose: Purpose) -> Actions:
    return hand.machine.request_close(hand.id, "asked", hand.now, hand.prices, purpose=purpose)


def test_an_exit_of_a_pair_that_waits_for_prices_is_not_forgotten_for_a_small_leg() -> None:
    hand = held(PairState.FROZEN, PairState.HEDGED)
    hand.pair.frozen_by_desk = True
    asked(hand, Purpose.EXIT)
    assert hand.pair.resume is PairState.CLOSING


def test_what_may_still_fill_is_cancelled_first() -> None:
    hand = held(PairState.FROZEN, PairState.CLOSING)
    hand.memo("q", LONG, increasing=False, resting=True)
    assert cancels(asked(hand, Purpose.FLATTEN)) == ["q"]
    assert hand.pair.state is PairState.UNWINDING


def test_an_excess_that_can_be_cut_is_cut_before_a_pair_is_held_up() -> None:
    hand = held(PairState.FROZEN, PairState.CLOSING, "5", "5.004", "10")
    (order,) = orders(asked(hand, Purpose.FLATTEN))
    assert (order.leg, order.quantity, order.reduce_only) == (LONG, D("0.004"), True)


def test_a_leg_of_exactly_the_least_size_is_closed() -> None:
    hand = held(PairState.CLOSING, PairState.CLOSING, least="0.4")
    assert orders(hand.tick())
    assert hand.pair.state is PairState.CLOSING


def test_a_leg_that_is_gone_is_not_too_small_whatever_its_price() -> None:
    hand = held(PairState.CLOSING, PairState.CLOSING, "0", "0.4", "0.001")
    hand.prices.mids[BTC_A] = None
    assert too_small(hand.work(), hand.pair) is None


@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.FLATTEN])
@pytest.mark.parametrize("coarse", [BTC_A, BTC_B])
def test_what_a_coarser_lot_leaves_of_one_leg_stays_hedged_by_the_other(
    coarse: str, purpose: Purpose
) -> None:
    """The leg with the finer lot was closed whole, and the rest of the other one, 2,300 USD, stood alone."""
    world, pair = hedged()
    INSTRUMENTS[coarse] = replace(INSTRUMENTS[coarse], size_increment=D("0.25"), min_size=D("0.25"))
    close(world, pair, purpose)
    world.run(120)
    assert world.positions == {BTC_A: D("-0.1"), BTC_B: D("0.1")}
    assert world.machine.state.pairs[pair].state is PairState.FROZEN
    assert world.pages[-1].text.startswith(f"0.1 {coarse} is less than its venue takes (0.25): neither leg")
    INSTRUMENTS[coarse] = replace(INSTRUMENTS[coarse], size_increment=D("0.001"), min_size=D("0.001"))
    world.run(60)
    assert not any(world.positions.values())
