"""What a pair makes of doubt, of rest and of the news of an order (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.domain.enums import OrderState, PairState, Purpose, Side, TimeInForce
from services.domain.orders import OrderRequest
from services.execution.actions import Actions, Ask
from services.execution.entries import OrderEntry
from services.execution.pair_count import count
from services.execution.pair_open import ENTRY_TRIES
from services.execution.pair_state import LONG, SHORT
from services.execution.pair_work import Work
from tests.execution.builders import BTC_A, BTC_B, MS, SECOND, START
from tests.execution.hand import Hand, cancels, due, orders, pages

D = Decimal
S = PairState
O = OrderState  # noqa: E741
EXIT, STOP, UNWIND = Purpose.EXIT, Purpose.STOP, Purpose.UNWIND


def asked(actions: Actions) -> list[str]:
    return [action.venue for action in actions if isinstance(action, Ask)]


# -- doubt --


def test_what_waits_for_the_disk_when_doubt_comes_does_not_go_out() -> None:
    """A hedge whose intent is being written while its pair's other order falls silent (soak, seed 26173)."""
    hand = Hand().put(S.CLOSING, "0.1", "0.1")
    hand.memo("silent", SHORT, in_doubt=True, state=O.IN_DOUBT)
    hand.memo("waits", LONG, state=O.INITIALIZED)
    hand.memo("sent", LONG, state=O.SUBMITTED)
    hand.memo("denied", LONG, state=O.INITIALIZED, settled=True)
    assert cancels(hand.tick()) == ["waits"]
    assert cancels(hand.tick(MS)) == [], "once"


def test_doubt_asks_the_silent_venue_at_once_and_pages_after_ten_seconds() -> None:
    hand = Hand().put(S.OPENING, "0.1", "0")
    doubt = hand.memo("hedge", LONG, in_doubt=True, state=O.IN_DOUBT)
    hand.memo("quote", SHORT, resting=True)
    hand.memo("ioc", SHORT)
    hand.memo("owed", SHORT, in_doubt=True, state=O.CANCELED)
    actions = hand.tick()
    assert (hand.pair.state, hand.pair.resume, hand.pair.doubt_since) == (S.IN_DOUBT, S.OPENING, START)
    assert asked(actions) == ["beta"], "what only owes a fill is not silent"
    assert (cancels(actions), orders(actions), due(actions)) == (["quote"], [], START + 10 * SECOND)
    actions = hand.tick(10 * SECOND - MS)
    assert (asked(actions), pages(actions), due(actions)) == ([], [], START + 10 * SECOND)
    actions = hand.tick(MS)
    assert asked(actions) == ["beta", "alpha"], "by now a read may hold the fill that is owed"
    ((text, reducing),) = pages(actions)
    assert (reducing, "naked 0.1 of leg 1" in text) == (True, True)
    again = hand.tick(SECOND)
    assert (asked(again), pages(again)) == ([], [])
    for memo in (doubt, hand.pair.orders["owed"]):
        memo.in_doubt, memo.settled = False, True
    hand.tick()
    assert (hand.pair.state, hand.pair.doubt_since) == (S.UNWINDING, None), "the leg time-out has passed"


@pytest.mark.parametrize(
    ("leg", "short", "long", "paged"),
    [
        (LONG, "0.1", "0", True),
        (SHORT, "0", "0.1", True),
        (SHORT, "0.1", "0", True),
        (LONG, "0.4", "0.4", True),
        (LONG, "0", "0", False),
        (SHORT, "0.002", "0", False),
        (LONG, "0.002", "0", True),
    ],
)
def test_doubt_is_paged_with_the_other_leg_filled_or_something_naked(
    leg: int, short: str, long: str, paged: bool
) -> None:
    """0.002 is within the residual allowed: no nakedness."""
    hand = Hand().put(S.OPENING, short, long)
    hand.memo("doubt", leg, in_doubt=True, state=O.IN_DOUBT)
    hand.memo("plain", LONG)
    hand.tick()
    assert bool(pages(hand.tick(10 * SECOND))) is paged


@pytest.mark.parametrize("resume", [S.HEDGED, S.CLOSING])
def test_a_frozen_pair_goes_on_after_a_doubt_as_if_there_had_been_none(resume: PairState) -> None:
    """A late word on an order that had ended: it stayed frozen for ever, and a close by hand did nothing."""
    hand = Hand().put(S.FROZEN, "0.4", "0.4", resume=resume, frozen_by_desk=True, close_reason="x")
    late = hand.memo("late", SHORT, in_doubt=True, state=O.CANCELED)
    hand.tick()
    assert (hand.pair.state, hand.pair.resume) == (S.IN_DOUBT, resume)
    late.in_doubt, late.settled = False, True
    hand.tick()
    assert (hand.pair.state, hand.pair.resume) == (S.FROZEN, resume)
    hand.machine.thaw(hand.id, hand.now, hand.prices)
    assert hand.pair.state is resume


# -- at rest --


@pytest.mark.parametrize(
    ("short", "long", "frozen", "after"),
    [
        ("0.4", "0.4", False, S.HEDGED),
        ("0.4", "0.4", True, S.FROZEN),
        ("0.4", "0.3975", True, S.HEDGED),
        ("0.4", "0.397", False, S.UNWINDING),
        ("5", "4.996", False, S.HEDGED),
    ],
)
def test_a_hedged_pair(short: str, long: str, frozen: bool, after: PairState) -> None:
    """An excess of 0.0025 is beyond the residual and below the least order; 0.003 can be cut."""
    hand = Hand().put(S.HEDGED, short, long, frozen_by_desk=frozen, frozen_reason="stale")
    actions = hand.tick()
    assert hand.pair.state is after
    assert [(order.side, order.quantity) for order in orders(actions)] == (
        [(Side.BUY, D("0.003"))] if after is S.UNWINDING else []
    )
    if after is S.FROZEN:
        assert (hand.pair.resume, hand.pair.frozen_reason) == (S.HEDGED, "stale")


@pytest.mark.parametrize(
    ("short", "long", "resume", "after", "close"),
    [
        ("0.4", "0.3", S.UNWINDING, S.FROZEN, False),
        ("0.4", "0.3", S.CLOSING, S.UNWINDING, True),
        ("0.4", "0.3", S.HEDGED, S.UNWINDING, False),
        ("0.4", "0.3975", S.HEDGED, S.FROZEN, False),
        ("5", "4.996", S.HEDGED, S.FROZEN, False),
        ("0.4", "0.4", S.HEDGED, S.FROZEN, False),
    ],
)
def test_a_frozen_pair_cuts_what_is_naked_and_nothing_else(
    short: str, long: str, resume: PairState, after: PairState, close: bool
) -> None:
    hand = Hand().put(S.FROZEN, short, long, resume=resume, then_close=False, frozen_by_desk=True)
    actions = hand.tick()
    assert (hand.pair.state, hand.pair.then_close) == (after, close)
    assert len(orders(actions)) == (1 if after is S.UNWINDING else 0)


@pytest.mark.parametrize(
    ("resume", "purpose", "frozen", "stale", "again"),
    [
        (S.HEDGED, EXIT, False, False, None),
        (S.CLOSING, EXIT, True, False, None),
        (S.CLOSING, STOP, True, False, None),
        (S.CLOSING, UNWIND, True, False, 5),
        (S.CLOSING, EXIT, False, False, 5),
        (S.CLOSING, EXIT, False, True, 6),
    ],
)
def test_a_frozen_exit_tries_again_after_five_seconds_with_fresh_prices(
    resume: PairState, purpose: Purpose, frozen: bool, stale: bool, again: int | None
) -> None:
    hand = Hand().put(
        S.FROZEN, "0.4", "0.4", resume=resume, close_purpose=purpose, frozen_by_desk=frozen, close_reason="x"
    )
    if stale:
        hand.prices.mids[BTC_B] = None
    assert due(hand.tick(SECOND)) == (None if again is None else START + again * SECOND)
    assert hand.pair.state is S.FROZEN
    hand.tick(4 * SECOND - 1)
    assert hand.pair.state is S.FROZEN
    hand.tick(1)
    assert (hand.pair.state is not S.FROZEN) is (again == 5)


def test_a_fill_after_the_close_is_cut() -> None:
    hand = Hand().put(S.CLOSED, "0.1", "0", closed_ts=START)
    assert len(orders(hand.tick())) == 1
    assert (hand.pair.state, hand.pair.closed_ts) == (S.UNWINDING, None)
    dust = Hand().put(S.CLOSED, "0.002", "0", closed_ts=START)
    assert orders(dust.tick()) == []
    assert (dust.pair.state, dust.pair.closed_ts) == (S.CLOSED, START)


# -- news --


def request(leg: int = SHORT, purpose: Purpose = Purpose.ENTRY, **changes: Any) -> OrderRequest:
    reducing = purpose not in (Purpose.ENTRY, Purpose.HEDGE)
    entry_side = Side.SELL if leg == SHORT else Side.BUY
    facts = {
        "client_order_id": "o", "instrument": BTC_A if leg == SHORT else BTC_B, "quantity": D("0.2"),
        "side": entry_side.opposite if reducing else entry_side, "price": D(20_000), "tif": TimeInForce.IOC,
        "purpose": purpose, "origin": "desk", "pair": "P-01", "leg": leg, "reduce_only": reducing, **changes,
    }  # fmt: skip
    return OrderRequest(**facts)


def tell(hand: Hand, order: OrderRequest, state: OrderState, filled: str = "0", **facts: Any) -> Work:
    entry = OrderEntry(request=order, venue="alpha", created=START - 7)
    entry.state, entry.filled = state, D(filled)
    for key, value in facts.items():
        setattr(entry, key, value)
    work = hand.work()
    count(work, hand.pair, entry)
    return work


def test_an_order_heard_of_for_the_first_time_starts_at_nothing() -> None:
    for leg in (SHORT, LONG):
        for purpose in (Purpose.ENTRY, EXIT):
            for post_only in (True, False):
                hand = Hand().put(S.OPENING, "0.4", "0.4")
                tell(hand, request(leg, purpose, post_only=post_only), O.ACCEPTED)
                (memo,) = hand.pair.orders.values()
                assert (memo.leg, memo.increasing, memo.quantity) == (leg, purpose is Purpose.ENTRY, D("0.2"))
                assert (memo.resting, memo.price) == (post_only, D(20_000) if post_only else None)
                assert (memo.placed, memo.state) == (START - 7, O.ACCEPTED)


def test_figures_are_cumulative_and_only_entries_make_the_entry_price() -> None:
    hand = Hand().put(S.OPENING)
    leg = hand.pair.short
    leg.refusals, leg.next_at, hand.pair.entry_tries = 4, START + SECOND, 2
    for filled, cost in (("0.05", "1000"), ("0.15", "3060"), ("0.15", "3060")):
        tell(hand, request(), O.PARTIALLY_FILLED, filled, cost=D(cost))
        hand.now += 1
    assert (leg.size, leg.bought, leg.entry_cost, leg.entry_price) == (
        D("0.15"), D("0.15"), D(3060), D(20_400),
    )  # fmt: skip
    assert (hand.pair.opened_ts, leg.refusals, leg.next_at, hand.pair.entry_tries) == (START, 0, 0, 0)
    tell(hand, request(SHORT, UNWIND, client_order_id="u"), O.PARTIALLY_FILLED, "0.05", cost=D(990))
    assert (leg.size, leg.bought, leg.entry_cost) == (D("0.1"), D("0.15"), D(3060))
    (text, reducing), = pages(
        tuple(tell(hand, request(SHORT, UNWIND, client_order_id="v"), O.FILLED, "0.2").out)
    )  # fmt: skip
    assert (reducing, leg.size) == (True, D("-0.1"))
    assert text.endswith("beyond what it held: -0.10")
    small = Hand().put(S.OPENING)
    assert small.pair.short.entry_price is None
    small.pair.short.bought, small.pair.short.entry_cost = D("0.5"), D(10)
    assert small.pair.short.entry_price == 20


@pytest.mark.parametrize(
    ("state", "leg", "purpose", "resting", "calmed", "take_next"),
    [
        (S.CLOSING, SHORT, EXIT, False, True, False),
        (S.CLOSING, SHORT, EXIT, True, True, True),
        (S.CLOSING, LONG, EXIT, False, False, True),
        (S.UNWINDING, SHORT, UNWIND, False, False, True),
        (S.OPENING, SHORT, Purpose.HEDGE, False, False, True),
    ],
)
def test_a_fill_of_the_leading_leg_of_an_exit_begins_its_bands_anew(
    state: PairState, leg: int, purpose: Purpose, resting: bool, calmed: bool, take_next: bool
) -> None:
    hand = Hand().put(state, "0.4", "0.4", first=SHORT, take_next=True, entry_tries=2)
    for each in hand.pair.legs:
        each.band, each.next_at = 3, START + SECOND
    tell(hand, request(leg, purpose, post_only=resting), O.PARTIALLY_FILLED, "0.1")
    moved = hand.pair.leg(leg)
    assert (moved.band, moved.next_at) == ((0, 0) if calmed else (3, START + SECOND))
    assert (hand.pair.take_next, hand.pair.entry_tries) == (take_next, 2)


def test_an_end_lowers_what_was_chased_to_what_is_left_and_counts_once() -> None:
    hand = Hand().put(S.UNWINDING, "0.4", "0.3")
    hand.pair.short.chased = D("0.2")
    tell(hand, request(SHORT, UNWIND), O.CANCELED)
    assert (hand.pair.short.chased, hand.pair.short.refusals) == (D("0.1"), 1)
    hand.pair.short.chased = D("0.05")
    tell(hand, request(SHORT, UNWIND), O.CANCELED)
    assert (hand.pair.short.chased, hand.pair.short.refusals) == (D("0.05"), 1), "heard twice"
    tell(hand, request(SHORT, UNWIND, client_order_id="p"), O.CANCELED)
    assert (hand.pair.short.chased, hand.pair.short.refusals) == (D("0.05"), 2)


@pytest.mark.parametrize(
    ("state", "filled", "reducing", "refusals", "tries", "take_next", "over"),
    [
        (O.FILLED, "0.2", False, 0, 0, False, True),
        (O.CANCELED, "0.1", False, 0, 0, False, False),
        (O.CANCELED, "0", False, 0, 1, False, False),
        (O.REJECTED, "0", False, 1, 1, False, False),
        (O.DENIED, "0", False, 1, ENTRY_TRIES, False, False),
        (O.REJECTED, "0", True, 1, 1, False, False),
        (O.DENIED, "0", True, 1, 1, True, True),
    ],
)
def test_the_end_of_a_quote(
    state: OrderState, filled: str, reducing: bool, refusals: int, tries: int, take_next: bool, over: bool
) -> None:
    """An entry's fill begins its tries anew; a reducing quote that our own gate denies is taken instead."""
    hand = Hand().put(S.CLOSING if reducing else S.OPENING, "0.4", "0.4", quote_since=START, quotes=2)
    hand.pair.entry_tries = 1
    tell(hand, request(purpose=EXIT if reducing else Purpose.ENTRY, post_only=True), state, filled, text="no")
    pair = hand.pair
    assert pair.short.refusals == refusals
    assert pair.short.last_refusal == ("no" if refusals else "")
    assert pair.entry_tries == tries
    assert pair.take_next is take_next
    assert (pair.quote_since, pair.quotes) == ((None, 0) if over else (START, 2))


@pytest.mark.parametrize(
    ("state", "purpose", "end", "tries", "after"),
    [
        (S.OPENING, Purpose.ENTRY, O.CANCELED, 2, S.OPENING),
        (S.OPENING, Purpose.ENTRY, O.DENIED, ENTRY_TRIES, S.OPENING),
        (S.OPENING, Purpose.HEDGE, O.CANCELED, 1, S.OPENING),
        (S.OPENING, Purpose.HEDGE, O.DENIED, 1, S.UNWINDING),
        (S.UNWINDING, Purpose.ENTRY, O.DENIED, 1, S.UNWINDING),
    ],
)
@pytest.mark.parametrize("text", ["", "too dear"])
def test_an_order_without_any_fill_is_remembered_with_its_reason(
    state: PairState, purpose: Purpose, end: OrderState, tries: int, after: PairState, text: str
) -> None:
    hand = Hand().put(state, "0.4", "0.3", entry_tries=1)
    leg = SHORT if purpose is Purpose.ENTRY else LONG
    tell(hand, request(leg, purpose), end, text=text)
    assert (hand.pair.entry_tries, hand.pair.state) == (tries, after)
    moved = hand.pair.leg(leg)
    assert (moved.refusals, moved.last_refusal) == (1, text or "nothing inside the band")
    if after is not state:
        assert hand.pair.unwind_reason == f"hedge denied: {text}"


def test_a_doubt_beside_legs_that_match_names_no_naked_part() -> None:
    """It said `naked 0 of leg 0`."""
    hand = Hand().put(S.OPENING, "0.1", "0.1")
    hand.memo("next", SHORT, in_doubt=True, state=O.IN_DOUBT)
    hand.tick()
    ((text, _),) = pages(hand.tick(10 * SECOND))
    assert text == "order in doubt for 10 s with the other leg filled: without it the legs match"
