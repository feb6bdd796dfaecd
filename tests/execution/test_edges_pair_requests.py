"""What a request does to a pair: the whole table, state by state (SEMANTICS 7; docs/mutants.md)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from services.domain.enums import PairState, Purpose, Side
from services.execution.actions import Actions, Became
from services.execution.pair_reduce import all_taken, begin, fix, kept, surplus, whole
from services.execution.pair_requests import ask_close, ask_unwind, begin_anew
from services.execution.pair_state import LONG, SHORT
from tests.execution.builders import BTC_A, BTC_B, SECOND
from tests.execution.hand import ODD, Hand, cancels, due, orders

D = Decimal
S = PairState
EXIT, STOP, UNWIND, FLATTEN = Purpose.EXIT, Purpose.STOP, Purpose.UNWIND, Purpose.FLATTEN


def put(state: PairState, **facts: Any) -> Hand:
    return Hand().put(state, "0.4", "0.4", **facts)


@pytest.mark.parametrize(
    ("state", "resume", "purpose", "origin", "after", "then", "close"),
    [
        (S.HEDGED, S.PLANNED, EXIT, "strategy:s", S.CLOSING, S.PLANNED, False),
        (S.OPENING, S.PLANNED, EXIT, "strategy:s", S.UNWINDING, S.PLANNED, True),
        (S.UNWINDING, S.PLANNED, EXIT, "strategy:s", S.UNWINDING, S.PLANNED, True),
        (S.CLOSING, S.PLANNED, STOP, "desk", S.CLOSING, S.PLANNED, False),
        (S.FROZEN, S.HEDGED, EXIT, "strategy:s", S.FROZEN, S.CLOSING, False),
        (S.FROZEN, S.HEDGED, EXIT, "operator", S.FROZEN, S.CLOSING, False),
        (S.FROZEN, S.CLOSING, EXIT, "operator", S.FROZEN, S.CLOSING, False),
        (S.FROZEN, S.UNWINDING, EXIT, "strategy:s", S.FROZEN, S.UNWINDING, False),
        (S.FROZEN, S.UNWINDING, EXIT, "operator", S.UNWINDING, S.UNWINDING, True),
        (S.FROZEN, S.HEDGED, STOP, "desk", S.UNWINDING, S.HEDGED, True),
        (S.FROZEN, S.CLOSING, FLATTEN, "strategy:s", S.UNWINDING, S.CLOSING, True),
        (S.IN_DOUBT, S.HEDGED, EXIT, "operator", S.IN_DOUBT, S.CLOSING, False),
        (S.IN_DOUBT, S.CLOSING, STOP, "desk", S.IN_DOUBT, S.CLOSING, False),
        (S.IN_DOUBT, S.OPENING, EXIT, "operator", S.IN_DOUBT, S.UNWINDING, True),
        (S.IN_DOUBT, S.UNWINDING, STOP, "desk", S.IN_DOUBT, S.UNWINDING, True),
        (S.IN_DOUBT, S.FROZEN, STOP, "desk", S.IN_DOUBT, S.UNWINDING, True),
    ],
)
def test_a_named_exit(
    state: PairState, resume: PairState, purpose: Purpose, origin: str,
    after: PairState, then: PairState, close: bool,
) -> None:  # fmt: skip
    hand = put(state, resume=resume, shrink=D("0.5"), frozen_by_desk=True)
    hand.pair.short.keep = hand.pair.long.keep = D("0.1")
    work, pair = hand.work(), hand.pair
    ask_close(work, pair, "why", purpose, origin)
    assert (pair.state, pair.resume, pair.then_close) == (after, then, close)
    assert (pair.close_purpose, pair.close_origin, pair.close_reason) == (purpose, origin, "why")
    assert (pair.shrink, pair.short.keep, pair.long.keep) == (0, 0, 0), "the whole pair goes"
    assert pair.frozen_by_desk is not purpose.protective
    said = [(word.state, word.text) for word in work.out if isinstance(word, Became)]
    assert said == ([(after, "why")] if after is not state else [])
    assert pair.unwind_reason == ("why" if after is S.UNWINDING and state is not S.UNWINDING else "")


@pytest.mark.parametrize(
    ("had", "reason", "asked", "taken"),
    [
        (EXIT, "old", STOP, True),
        (EXIT, "old", EXIT, True),
        (STOP, "old", EXIT, False),
        (STOP, "", EXIT, True),
        (STOP, "old", FLATTEN, True),
        (FLATTEN, "old", EXIT, False),
    ],
)
def test_protection_under_way_is_never_weakened(
    had: Purpose, reason: str, asked: Purpose, taken: bool
) -> None:
    hand = put(S.CLOSING, close_purpose=had, close_reason=reason, close_origin="before")
    ask_close(hand.work(), hand.pair, "new", asked, "operator")
    found = (hand.pair.close_purpose, hand.pair.close_reason, hand.pair.close_origin)
    assert found == ((asked, "new", "operator") if taken else (had, reason, "before"))


@pytest.mark.parametrize(
    ("state", "resume", "purpose", "reason", "then_close", "after", "then", "close", "kept_reason"),
    [
        (S.HEDGED, S.PLANNED, EXIT, "", False, S.HEDGED, S.PLANNED, False, ""),
        (S.OPENING, S.PLANNED, EXIT, "", False, S.UNWINDING, S.PLANNED, False, ""),
        (S.CLOSING, S.PLANNED, EXIT, "x", False, S.UNWINDING, S.PLANNED, False, ""),
        (S.CLOSING, S.PLANNED, STOP, "x", False, S.UNWINDING, S.PLANNED, True, "x"),
        (S.CLOSING, S.PLANNED, STOP, "", False, S.UNWINDING, S.PLANNED, False, ""),
        (S.UNWINDING, S.PLANNED, STOP, "x", True, S.UNWINDING, S.PLANNED, True, "x"),
        (S.UNWINDING, S.PLANNED, STOP, "x", False, S.UNWINDING, S.PLANNED, False, "x"),
        (S.UNWINDING, S.PLANNED, EXIT, "x", True, S.UNWINDING, S.PLANNED, False, ""),
        (S.IN_DOUBT, S.HEDGED, EXIT, "", False, S.IN_DOUBT, S.HEDGED, False, ""),
        (S.IN_DOUBT, S.OPENING, EXIT, "", False, S.IN_DOUBT, S.UNWINDING, False, ""),
        (S.IN_DOUBT, S.CLOSING, STOP, "x", False, S.IN_DOUBT, S.UNWINDING, True, "x"),
        (S.FROZEN, S.HEDGED, EXIT, "x", False, S.FROZEN, S.HEDGED, False, ""),
        (S.FROZEN, S.CLOSING, EXIT, "x", False, S.UNWINDING, S.CLOSING, False, ""),
        (S.FROZEN, S.UNWINDING, STOP, "x", True, S.UNWINDING, S.UNWINDING, True, "x"),
    ],
)
def test_the_end_of_active(
    state: PairState, resume: PairState, purpose: Purpose, reason: str, then_close: bool,
    after: PairState, then: PairState, close: bool, kept_reason: str,
) -> None:  # fmt: skip
    hand = put(state, resume=resume, close_purpose=purpose, close_reason=reason, then_close=then_close)
    pair = hand.pair
    ask_unwind(hand.work(), pair, "halt")
    assert (pair.state, pair.resume, pair.then_close, pair.close_reason) == (after, then, close, kept_reason)
    moved = (after, then) != (state, resume)
    assert pair.unwind_reason == ("halt" if moved else "")


@pytest.mark.parametrize(
    ("state", "resume", "facts", "after", "then", "close", "shrink", "reason"),
    [
        (S.HEDGED, S.PLANNED, {}, S.CLOSING, S.PLANNED, False, "0.25", "cut"),
        (S.HEDGED, S.PLANNED, {"close_purpose": STOP}, S.CLOSING, S.PLANNED, False, "0.25", "cut"),
        (S.CLOSING, S.PLANNED, {"close_purpose": STOP}, S.CLOSING, S.PLANNED, False, "0.25", "cut"),
        (S.OPENING, S.PLANNED, {}, S.UNWINDING, S.PLANNED, True, "0.25", "cut"),
        (S.FROZEN, S.HEDGED, {}, S.UNWINDING, S.HEDGED, True, "0.25", "cut"),
        (S.UNWINDING, S.PLANNED, {}, S.UNWINDING, S.PLANNED, True, "0.25", "cut"),
        (S.UNWINDING, S.PLANNED, {"close_reason": "x"}, S.UNWINDING, S.PLANNED, True, "0.25", "cut"),
        (S.UNWINDING, S.PLANNED, {"close_reason": "x", "then_close": True, "close_purpose": FLATTEN},
         S.UNWINDING, S.PLANNED, True, "0", "x"),
        (S.UNWINDING, S.PLANNED, {"then_close": True}, S.UNWINDING, S.PLANNED, True, "0.25", "cut"),
        (S.CLOSING, S.PLANNED, {"close_reason": "x", "close_purpose": STOP},
         S.CLOSING, S.PLANNED, False, "0", "x"),
        (S.CLOSING, S.PLANNED, {}, S.CLOSING, S.PLANNED, False, "0.25", "cut"),
        (S.CLOSING, S.PLANNED, {"close_reason": "x", "shrink": D("0.5"), "close_purpose": STOP},
         S.CLOSING, S.PLANNED, False, "0.5", "cut"),
        (S.CLOSING, S.PLANNED, {"close_reason": "x", "shrink": D("0.1"), "close_purpose": STOP},
         S.CLOSING, S.PLANNED, False, "0.25", "cut"),
        (S.CLOSING, S.PLANNED, {"close_reason": "x", "keep": D("0.1"), "close_purpose": STOP},
         S.CLOSING, S.PLANNED, False, "0", "cut"),
        (S.FROZEN, S.CLOSING, {"close_reason": "x", "close_purpose": UNWIND},
         S.UNWINDING, S.CLOSING, True, "0", "x"),
        (S.FROZEN, S.CLOSING, {"close_reason": "x", "shrink": D("0.5"), "close_purpose": STOP},
         S.UNWINDING, S.CLOSING, True, "0.5", "cut"),
        (S.IN_DOUBT, S.HEDGED, {}, S.IN_DOUBT, S.CLOSING, False, "0.25", "cut"),
        (S.IN_DOUBT, S.CLOSING, {"close_reason": "x", "close_purpose": STOP},
         S.IN_DOUBT, S.CLOSING, False, "0", "x"),
        (S.IN_DOUBT, S.CLOSING, {"close_reason": "x", "shrink": D("0.5"), "close_purpose": STOP},
         S.IN_DOUBT, S.CLOSING, False, "0.5", "cut"),
        (S.IN_DOUBT, S.OPENING, {}, S.IN_DOUBT, S.UNWINDING, True, "0.25", "cut"),
    ],
)  # fmt: skip
def test_a_cut(
    state: PairState, resume: PairState, facts: dict[str, Any],
    after: PairState, then: PairState, close: bool, shrink: str, reason: str,
) -> None:  # fmt: skip
    keep = facts.get("keep", D(0))
    hand = put(state, resume=resume, frozen_by_desk=True, **{k: v for k, v in facts.items() if k != "keep"})
    pair = hand.pair
    pair.short.keep = pair.long.keep = keep
    begin(hand.work(), pair, D("0.25"), "cut", STOP, "ladder")
    assert (pair.state, pair.resume, pair.then_close) == (after, then, close)
    assert (pair.shrink, pair.close_reason, pair.exit_after) == (D(shrink), reason, "")
    assert (pair.close_purpose, pair.close_origin, pair.frozen_by_desk) == (STOP, "ladder", False)
    moved = state is not S.HEDGED and (after is not state or then is S.UNWINDING)
    assert pair.unwind_reason == ("cut" if moved else "")


@pytest.mark.parametrize(
    ("short", "long", "fraction", "keep"),
    [
        ("0.4", "0.4", "0.25", "0.300"),
        ("0.4", "0.3", "0.25", "0.224"),
        ("0.3", "0.4", "0.25", "0.224"),
        ("0.4", "0.4", "0.005", "0.396"),
        ("0.4", "0.4", "0.99", "0.004"),
        ("0.4", "0.4", "0.991", "0"),
    ],
)
def test_what_a_cut_keeps_is_on_the_joint_grid_and_tradable(
    short: str, long: str, fraction: str, keep: str
) -> None:
    hand = Hand().put(S.CLOSING, short, long, shrink=D(fraction))
    hand.pair.short.keep = hand.pair.long.keep = D(7)
    fix(hand.work(), hand.pair)
    assert [leg.keep for leg in hand.pair.legs] == [D(keep)] * 2
    assert [leg.target for leg in hand.pair.legs] == [D(keep) if D(keep) else D("0.4")] * 2
    assert (hand.pair.shrink, kept(hand.pair)) == (0, D(keep) > 0)


def test_what_a_close_still_takes() -> None:
    hand = put(S.CLOSING)
    pair = hand.pair
    pair.short.keep = D("0.397")
    assert (surplus(pair.short), surplus(pair.long), kept(pair)) == (D("0.003"), D("0.4"), True)
    assert not all_taken(hand.work(), pair)
    pair.long.keep = D("0.399")
    assert not all_taken(hand.work(), pair), "0.003 is the least order of the short leg"
    pair.short.keep = D("0.398")
    assert all_taken(hand.work(), pair)
    pair.long.keep = D("0.5")
    assert surplus(pair.long) == 0
    pair.shrink = D("0.5")
    whole(pair)
    assert (pair.shrink, kept(pair)) == (0, False)


# -- the doors of the machine --


def doors(hand: Hand, name: str) -> list[Callable[[], Actions]]:
    machine, now, prices = hand.machine, hand.now, hand.prices
    return [
        lambda: machine.request_close(name, "r", now, prices),
        lambda: machine.request_close(name, "r", now, prices, purpose=STOP),
        lambda: machine.request_reduce(name, D("0.5"), "r", now, prices),
        lambda: machine.request_unwind(name, "r", now, prices),
        lambda: machine.freeze(name, "r", now),
        lambda: machine.stop_resting(name, "r", now, prices),
        lambda: machine.start(name, now, prices),
        lambda: machine.abandon(name, "r", now),
        lambda: machine.leg_changed(name, "DOGE-PERP.alpha", D(0), "r", now, prices),
        lambda: machine.leg_changed(name, BTC_A, D("0.4"), "r", now, prices),
        lambda: machine.leg_changed(name, BTC_A, D("0.5"), "r", now, prices),
    ]


def test_nothing_is_done_to_a_closed_pair_or_to_one_that_is_not_known() -> None:
    hand = put(S.CLOSED, close_reason="was")
    before = copy.deepcopy(hand.machine.state)
    for name in (hand.id, "P-99"):
        for number, door in enumerate(doors(hand, name)):
            assert door() == (), (name, number)
            assert hand.machine.state == before, (name, number)
    assert hand.machine.thaw("P-99", hand.now, hand.prices) == ()
    assert hand.machine.on_timer("P-99", hand.now, hand.prices) == ()
    hand.machine.forget("P-99")


def test_a_planned_pair_is_given_up_by_every_request_and_a_live_one_by_none() -> None:
    for number in range(4):
        hand = Hand()
        hand.now += SECOND
        actions = doors(hand, hand.id)[number]()
        assert actions == (Became(hand.id, S.CLOSED, "r"),)
        assert hand.pair.closed_ts == hand.now
        assert hand.machine.failures(BTC_A, BTC_B) == 0
    hand = put(S.HEDGED)
    before = copy.deepcopy(hand.machine.state)
    for number in (5, 6, 7, 9, 10):
        assert doors(hand, hand.id)[number]() == ()
        assert hand.machine.state == before
    planned = Hand()
    assert doors(planned, planned.id)[5]() == ()
    assert planned.pair.no_rest == ""


def test_an_adopted_pair_is_live_and_its_legs_are_no_longer_unpaired() -> None:
    hand, other = put(S.HEDGED), Hand()
    other.machine.state.pairs.clear()
    other.machine.adopt(hand.pair)
    assert (other.machine.get(hand.id), other.machine.live()) == (hand.pair, (hand.pair,))
    assert other.machine.size_on(BTC_A) == D("-0.4")


def test_only_a_closed_and_settled_pair_is_forgotten() -> None:
    for state, settled, gone in ((S.CLOSED, True, True), (S.CLOSED, False, False), (S.HEDGED, True, False)):
        hand = put(state)
        hand.memo("a", SHORT, settled=settled)
        hand.machine.forget(hand.id)
        assert (hand.machine.get(hand.id) is None) is gone


@pytest.mark.parametrize("fraction", ["1", "1.5"])
def test_a_cut_of_all_is_a_close(fraction: str) -> None:
    hand = put(S.HEDGED)
    hand.machine.request_reduce(hand.id, D(fraction), "r", hand.now, hand.prices)
    assert (hand.pair.state, hand.pair.shrink, hand.pair.close_reason) == (S.CLOSING, 0, "r")
    cutting = put(S.CLOSING, close_reason="cut", close_purpose=STOP)
    cutting.pair.short.keep = cutting.pair.long.keep = D("0.3")
    cutting.machine.request_reduce(cutting.id, D(fraction), "r", cutting.now, cutting.prices)
    assert [leg.keep for leg in cutting.pair.legs] == [0, 0], "of a pair that is being cut too"


def test_a_freeze_withdraws_what_rests_and_a_timer_that_fired_is_set_again() -> None:
    hand = put(S.OPENING)
    hand.memo("ioc", SHORT)
    hand.memo("quote", SHORT, resting=True)
    assert cancels(hand.machine.freeze(hand.id, "stale", hand.now)) == ["quote"]
    assert (hand.pair.frozen_reason, hand.pair.frozen_by_desk) == ("stale", True)
    waiting = Hand()
    waiting.prices.mids[BTC_A] = None
    at = due(waiting.machine.start(waiting.id, waiting.now, waiting.prices))
    assert at is not None
    assert due(waiting.tick()) == at


@pytest.mark.parametrize(
    ("state", "purpose", "reason", "found"),
    [
        (S.HEDGED, EXIT, "", (UNWIND, "gone", "desk")),
        (S.CLOSING, EXIT, "x", (UNWIND, "gone", "desk")),
        (S.CLOSING, STOP, "x", (STOP, "x", "before")),
        (S.CLOSING, STOP, "", (UNWIND, "gone", "desk")),
    ],
)
def test_a_leg_that_is_smaller_at_the_venue_takes_the_other_with_it(
    state: PairState, purpose: Purpose, reason: str, found: tuple[Purpose, str, str]
) -> None:
    hand = put(state, close_purpose=purpose, close_reason=reason, close_origin="before", frozen_by_desk=True)
    pair = hand.pair
    actions = hand.machine.leg_changed(hand.id, BTC_A, D("0.1"), "gone", hand.now, hand.prices)
    assert (pair.close_purpose, pair.close_reason, pair.close_origin) == found
    assert (pair.state, pair.then_close, pair.frozen_by_desk) == (S.UNWINDING, True, False)
    assert (pair.short.size, pair.unwind_reason) == (D("0.1"), "gone")
    (order,) = orders(actions)
    assert (order.instrument, order.side, order.quantity) == (BTC_B, Side.SELL, D("0.300"))
    doubtful = put(S.IN_DOUBT, resume=S.HEDGED)
    doubtful.memo("a", LONG, in_doubt=True)
    assert not orders(
        doubtful.machine.leg_changed(doubtful.id, BTC_A, D(-1), "gone", doubtful.now, doubtful.prices)
    )
    assert (doubtful.pair.state, doubtful.pair.resume) == (S.IN_DOUBT, S.UNWINDING)
    assert (doubtful.pair.unwind_reason, doubtful.pair.short.size) == ("gone", 0)


@pytest.mark.parametrize("state", list(S))
def test_a_venue_that_is_back_begins_ways_out_anew_and_nothing_else(state: PairState) -> None:
    def tried(*, band: int = 7, refusals: int = 9, venue: str = "alpha") -> bool:
        leg = (hand := put(state)).pair.short
        leg.band, leg.refusals, leg.next_at = band, refusals, hand.now + SECOND
        found = begin_anew(hand.pair, venue, ODD)
        assert (leg.band, leg.next_at) == ((0, 0) if found else (band, hand.now + SECOND))
        return found

    assert tried() is (state in (S.CLOSING, S.UNWINDING))
    assert not tried(venue="beta")
    assert not tried(band=0)
    assert not tried(refusals=0)
