"""A cut of the margin ladder, an exit beside it, and what of both a worse state lets go on (SEMANTICS 3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.domain.enums import PairState, Purpose
from services.execution.pair_reduce import begin
from services.execution.pair_requests import ask_close, ask_unwind
from tests.execution.hand import Hand, orders
from tests.execution.test_pair_reduce import hedged

D = Decimal
S = PairState
EXIT, STOP = Purpose.EXIT, Purpose.STOP


def put(state: PairState, **facts: Any) -> Hand:
    return Hand().put(state, "0.4", "0.4", **facts)


@pytest.mark.parametrize(
    ("state", "resume", "facts", "after", "then", "close", "behind"),
    [
        (S.CLOSING, S.PLANNED, {}, S.CLOSING, S.PLANNED, False, "x"),
        (S.UNWINDING, S.PLANNED, {"then_close": True}, S.UNWINDING, S.PLANNED, True, "x"),
        (S.UNWINDING, S.PLANNED, {}, S.UNWINDING, S.PLANNED, True, ""),
        (S.FROZEN, S.CLOSING, {}, S.UNWINDING, S.CLOSING, True, "x"),
        (S.FROZEN, S.UNWINDING, {"then_close": True}, S.UNWINDING, S.UNWINDING, True, ""),
        (S.IN_DOUBT, S.CLOSING, {}, S.IN_DOUBT, S.CLOSING, False, "x"),
        (S.IN_DOUBT, S.FROZEN, {"then_close": True}, S.IN_DOUBT, S.UNWINDING, True, ""),
    ],
)  # fmt: skip
def test_an_exit_that_a_cut_meets_follows_behind_it_unless_the_policy_stopped_it(
    state: PairState, resume: PairState, facts: dict[str, Any],
    after: PairState, then: PairState, close: bool, behind: str,
) -> None:  # fmt: skip
    hand = put(state, resume=resume, close_reason="x", close_origin="operator", **facts)
    pair = hand.pair
    begin(hand.work(), pair, D("0.25"), "cut", STOP, "desk")
    assert (pair.state, pair.resume, pair.then_close) == (after, then, close)
    assert (pair.shrink, pair.close_reason, pair.close_purpose) == (D("0.25"), "cut", STOP)
    assert (pair.exit_after, pair.exit_origin) == ((behind, "operator") if behind else ("", ""))


@pytest.mark.parametrize("keep", ["0", "0.1"])
def test_an_exit_asked_during_a_cut_follows_behind_it(keep: str) -> None:
    hand = put(S.CLOSING, close_purpose=STOP, close_reason="cut", close_origin="desk", shrink=D("0.25"))
    pair = hand.pair
    if D(keep):
        pair.shrink, pair.short.keep, pair.long.keep = D(0), D(keep), D(keep)
    before = (pair.shrink, pair.short.keep)
    ask_close(hand.work(), pair, "x", EXIT, "operator")
    assert (pair.exit_after, pair.exit_origin, pair.close_reason) == ("x", "operator", "cut")
    assert (pair.shrink, pair.short.keep, pair.close_purpose) == (*before, STOP)
    ask_unwind(hand.work(), pair, "reducing", exits_pass=True)
    assert (pair.then_close, pair.exit_after, pair.close_reason) == (True, "x", "cut")
    ask_unwind(hand.work(), pair, "halt")
    assert (pair.then_close, pair.exit_after, pair.close_reason) == (True, "", "cut")


@pytest.mark.parametrize("behind", ["x", ""])
def test_an_exit_behind_a_cut_does_not_wait_for_an_excess_that_no_venue_cuts(behind: str) -> None:
    """A part fill of the cut left more than the residual and less than an order: the exit was never begun."""
    hand = Hand().put(S.HEDGED, "0.097", "0.1", hedged_ts=1, exit_after=behind, exit_origin="operator")
    sent = orders(hand.tick())
    assert (hand.pair.state, len(sent)) == ((S.CLOSING, 1) if behind else (S.HEDGED, 0))
    assert all(order.reduce_only and order.origin == "operator" for order in sent)


@pytest.mark.parametrize(
    ("purpose", "reason", "shrink", "taken"),
    [
        (EXIT, "cut", "0.25", (EXIT, "x", "operator")),
        (STOP, "", "0.25", (EXIT, "x", "operator")),
        (STOP, "whole", "0", (STOP, "whole", "desk")),
    ],
)
def test_what_is_no_protective_cut_takes_an_exit_at_once_or_has_it_already(
    purpose: Purpose, reason: str, shrink: str, taken: tuple[Purpose, str, str]
) -> None:
    hand = put(S.CLOSING, close_purpose=purpose, close_reason=reason, close_origin="desk", shrink=D(shrink))
    pair = hand.pair
    ask_close(hand.work(), pair, "x", EXIT, "operator")
    assert (pair.close_purpose, pair.close_reason, pair.close_origin) == taken
    assert (pair.exit_after, pair.shrink) == ("", 0)


@pytest.mark.parametrize("state", [S.CLOSING, S.UNWINDING, S.FROZEN, S.IN_DOUBT])
def test_where_exits_pass_an_exit_goes_on_behind_the_unwinding(state: PairState) -> None:
    hand = put(state, resume=S.CLOSING, close_reason="x", then_close=state is S.UNWINDING)
    ask_unwind(hand.work(), hand.pair, "reducing", exits_pass=True)
    then = hand.pair.resume if state is S.IN_DOUBT else hand.pair.state
    assert (then, hand.pair.then_close, hand.pair.close_reason) == (S.UNWINDING, True, "x")


def test_late_fills_that_leave_one_leg_or_none_end_the_pair() -> None:
    """Found by a kill: a lot that an order lost with the engine left of one leg stood as a hedged pair."""
    world, pair, placed = hedged("0.2")
    lot = D("0.002")
    pair.short.size, pair.long.size = D("0.198"), D("0.2")
    world.carry_out(world.machine.on_timer(pair.id, world.now, world.book))
    assert (pair.state, len(world.placed)) == (S.HEDGED, placed), "a lot of residual is allowed"
    pair.short.size, pair.long.size = D(0), lot
    world.carry_out(world.machine.on_timer(pair.id, world.now, world.book))
    cut = world.placed[placed]
    assert (pair.state, cut.leg, cut.quantity, cut.reduce_only) == (S.UNWINDING, 2, lot, True)
    dust = Hand().put(S.HEDGED, "0", "0.001", hedged_ts=1)
    assert not orders(dust.tick())
    assert dust.pair.state is S.CLOSED
    none = Hand().put(S.HEDGED, "0", "0", hedged_ts=1)
    assert not orders(none.tick())
    assert none.pair.state is S.CLOSED
    waits = Hand().put(S.HEDGED, "0", "0", hedged_ts=1)
    waits.memo("a", 1)
    waits.tick()
    assert waits.pair.state is S.HEDGED


def test_a_thaw_wakes_what_is_frozen_and_nothing_else() -> None:
    for state, after in ((S.HEDGED, S.HEDGED), (S.FROZEN, S.CLOSING)):
        hand = put(state, resume=S.CLOSING, frozen_by_desk=True, close_reason="x")
        hand.machine.thaw(hand.id, hand.now, hand.prices)
        assert (hand.pair.state, hand.pair.frozen_by_desk) == (after, False)


def test_what_the_policy_stopped_waits_for_a_person_behind_a_doubt_too() -> None:
    """A late word on one of its orders is none: it went on unwinding when the doubt ended."""
    hand = put(S.FROZEN, resume=S.UNWINDING, close_reason="x", then_close=True, frozen_reason="stopped")
    pair = hand.pair
    pair.long.size = D("0.3")
    hand.memo("a", 1, in_doubt=True)
    hand.tick()
    assert (pair.state, pair.resume, pair.stopped) == (S.IN_DOUBT, S.FROZEN, True)
    pair.orders["a"].in_doubt, pair.orders["a"].settled = False, True
    assert not orders(hand.tick())
    assert (pair.state, pair.resume, pair.stopped, pair.text) == (S.FROZEN, S.UNWINDING, True, "stopped")
    pair.orders["a"].in_doubt = True
    hand.tick()
    ask_unwind(hand.work(), pair, "halt")
    pair.orders["a"].in_doubt = False
    (cut,) = orders(hand.tick())
    assert (pair.state, cut.quantity, cut.purpose) == (S.UNWINDING, D("0.100"), Purpose.UNWIND)
