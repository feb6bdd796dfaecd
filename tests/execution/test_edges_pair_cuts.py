"""A cut of the margin ladder, an exit beside it, and what of both a worse state lets go on (SEMANTICS 3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.domain.enums import PairState, Purpose
from services.execution.pair_reduce import begin
from services.execution.pair_requests import ask_close, ask_unwind
from services.settings.parameters import Pair, Settings
from tests.execution.hand import Hand, orders

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


@pytest.mark.parametrize("state", [S.CLOSING, S.UNWINDING, S.FROZEN, S.IN_DOUBT])
def test_where_exits_pass_an_exit_goes_on_behind_the_unwinding(state: PairState) -> None:
    hand = put(state, resume=S.CLOSING, close_reason="x", then_close=state is S.UNWINDING)
    ask_unwind(hand.work(), hand.pair, "reducing", exits_pass=True)
    then = hand.pair.resume if state is S.IN_DOUBT else hand.pair.state
    assert (then, hand.pair.then_close, hand.pair.close_reason) == (S.UNWINDING, True, "x")


def test_late_fills_that_leave_one_leg_or_none_end_the_pair() -> None:
    """Found by a kill: a lot that an order lost with the engine left of one leg stood as a hedged pair."""
    wide = Settings(pair=Pair(residual_fraction=D("0.02")))
    for short, cuts in (("0.396", []), ("0", [(2, D("0.004"), True)])):
        hand = Hand(settings=wide).put(S.HEDGED, short, str(D(short) + D("0.004")), hedged_ts=1)
        found = orders(hand.tick())
        assert [(each.leg, each.quantity, each.reduce_only) for each in found] == cuts
        assert hand.pair.state is (S.UNWINDING if cuts else S.HEDGED)
    none = Hand().put(S.HEDGED, "0", "0", hedged_ts=1)
    assert not orders(none.tick())
    assert none.pair.state is S.CLOSED
    waits = Hand().put(S.HEDGED, "0", "0", hedged_ts=1)
    waits.memo("a", 1)
    waits.tick()
    assert waits.pair.state is S.HEDGED


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
