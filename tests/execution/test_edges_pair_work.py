"""One turn of a pair: its orders, chases, cancels and timers (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.enums import PairState, Purpose, Side, TimeInForce
from services.execution.actions import Arm, Became, Disarm, Place
from services.execution.pair_moves import wake_at_timeout
from services.execution.pair_state import LONG, SHORT, OrderMemo
from services.execution.pair_work import Work, calm
from tests.execution.builders import BTC_A, MS, SECOND, START
from tests.execution.hand import DWELL, Hand, cancels, orders, pages

D = Decimal
S = PairState
NARROW = [10, 20, 50]
ALL = [10, 20, 50, 100, 200, 500]
FLATTEN = [20, 50, 100, 200, 500]


def test_every_state_is_said_once_and_calms_the_legs() -> None:
    for state in S:
        hand = Hand().put(
            S.FROZEN, quote_since=START, quotes=2, take_next=True, no_rest="pause", escalated=True
        )
        pair = hand.pair
        hand.now += 9
        for leg in pair.legs:
            leg.band, leg.next_at, leg.chased = 3, START, D(1)
        work = hand.work()
        work.become(pair, state, "words")
        assert pair.text == "words"
        if state is S.FROZEN:
            assert (work.out, pair.state_ts, pair.escalated, pair.short.band) == ([], START, True, 3)
            continue
        assert work.out == [Became(pair.id, state, "words")]
        assert (pair.state, pair.state_ts, pair.escalated) == (state, START + 9, False)
        assert all((leg.band, leg.next_at, leg.chased) == (0, 0, 0) for leg in pair.legs)
        quoting = (pair.quote_since, pair.quotes, pair.take_next, pair.no_rest)
        ends = state in (S.HEDGED, S.UNWINDING, S.CLOSED)
        assert quoting == ((None, 0, False, "") if ends else (START, 2, True, "pause"))


def test_a_page_is_sent_once_a_state() -> None:
    hand = Hand()
    work = hand.work()
    for text in ("one", "two"):
        work.escalate(hand.pair, text, reducing=True)
    assert pages(tuple(work.out)) == [("one", True)]


def test_the_timer_is_the_earliest_wake_a_millisecond_off_at_least_and_moved_only_when_it_changes() -> None:
    hand = Hand()
    work = hand.work()
    work.arm(hand.pair)
    assert work.out == []
    for at in (START + SECOND, START + 5 * MS, START - SECOND):
        work.wake(at)
    assert work.wakes == [START + SECOND, START + 5 * MS, START + MS]
    work.arm(hand.pair)
    work.arm(hand.pair)
    assert work.out == [Arm(f"pair:{hand.id}", START + MS)]
    work.wakes.clear()
    work.arm(hand.pair)
    assert work.out[1:] == [Disarm(f"pair:{hand.id}")]
    assert hand.pair.armed is None


@pytest.mark.parametrize("purpose", list(Purpose))
def test_bands_prices_and_origins_by_purpose(purpose: Purpose) -> None:
    hand = Hand()
    work, leg = hand.work(), hand.pair.short
    wide = {Purpose.FLATTEN: FLATTEN}.get(purpose, ALL if purpose.protective else NARROW)
    assert [int(band) for band in work.bands(purpose)] == wide
    hand.prices.lasts[BTC_A] = D(19_000)
    for mid, fresh in ((D(20_000), D(20_000)), (D(0), None), (D(-1), None)):
        hand.prices.mids[BTC_A] = mid
        assert work.usable(leg, purpose) == fresh
    hand.prices.mids[BTC_A] = None
    assert work.usable(leg, purpose) == (D(19_000) if purpose.protective else None)
    hand.pair.close_origin = "operator"
    opens = purpose in (Purpose.ENTRY, Purpose.HEDGE)
    origin = "strategy:s" if opens else "desk" if purpose is Purpose.UNWIND else "operator"
    assert work._origin(hand.pair, purpose) == origin
    hand.pair.close_origin = ""
    assert work._origin(hand.pair, purpose) == ("desk" if purpose is Purpose.UNWIND else "strategy:s")


@pytest.mark.parametrize("number", [SHORT, LONG])
@pytest.mark.parametrize("increasing", [True, False])
@pytest.mark.parametrize("rest_at", [None, "20999.5"])
def test_an_order_as_it_goes_out(number: int, increasing: bool, rest_at: str | None) -> None:
    hand = Hand()
    work, leg = hand.work(), hand.pair.leg(number)
    resting = rest_at is not None
    purpose = Purpose.ENTRY if increasing else Purpose.EXIT
    work.place(
        hand.pair, leg, D("0.1"), D(20_500), D(20), purpose, increasing=increasing, attempt=3, reason="why",
        rest_at=None if rest_at is None else D(rest_at),
    )  # fmt: skip
    (order,) = orders(tuple(work.out))
    sells = (number == SHORT) is increasing
    assert (order.instrument, order.side) == (leg.instrument, Side.SELL if sells else Side.BUY)
    assert order.price == (D("20999.5") if resting else D(20_459) if sells else D(20_541))
    assert (order.tif, order.post_only) == (TimeInForce.GTC if resting else TimeInForce.IOC, resting)
    assert (order.reduce_only, order.purpose, order.quantity) == (not increasing, purpose, D("0.1"))
    assert (order.pair, order.leg, order.attempt, order.reason) == (hand.id, number, 3, "why")
    assert order.decided_mid == hand.prices.mids[leg.instrument]
    assert order.client_order_id[-5:] == f"{purpose.letter}{number}003"
    assert hand.pair.orders == {
        order.client_order_id: OrderMemo(
            number, increasing, D("0.1"), resting=resting, price=D(rest_at) if rest_at else None, placed=START
        )
    }


# -- chasing --


def chase(hand: Hand, quantity: str = "0.1", purpose: Purpose = Purpose.UNWIND) -> tuple[bool, Work]:
    work = hand.work()
    going = work.chase(hand.pair, hand.pair.short, D(quantity), purpose, increasing=False, reason="r")
    return going, work


@pytest.mark.parametrize(
    ("purpose", "bands"), [(Purpose.UNWIND, ALL), (Purpose.EXIT, NARROW), (Purpose.FLATTEN, FLATTEN)]
)
def test_a_chase_goes_through_the_bands_and_on_at_doubling_distances(
    purpose: Purpose, bands: list[int]
) -> None:
    hand = Hand().put(S.UNWINDING, "0.1", "0")
    hand.pair.naked.quantity = D("0.1")
    for attempt in range(1, len(bands) + 8):
        going, work = chase(hand, purpose=purpose)
        (order,) = [action.order for action in work.out if isinstance(action, Place)]
        bps = bands[min(attempt, len(bands)) - 1]
        assert order.price == D(20_000) + D(20_000) * bps / 10_000
        assert (order.attempt, going) == (attempt, attempt <= len(bands))
        wait = DWELL * 2 ** min(max(attempt - len(bands), 0), 5)
        assert (hand.pair.short.next_at, work.wakes) == (hand.now + wait, [hand.now + wait])
        hand.now += wait - 1
        going, work = chase(hand, purpose=purpose)
        assert (going, work.out) == (attempt <= len(bands), [])
        assert work.wakes == [hand.now + MS]
        hand.now += 1


def test_what_is_added_to_the_gap_goes_out_at_once_in_the_same_band() -> None:
    hand = Hand().put(S.UNWINDING, "0.3", "0")
    naked, leg = hand.pair.naked, hand.pair.short
    naked.quantity = D("0.1")
    chase(hand)
    hand.now += 1
    naked.quantity = D("0.2")
    going, work = chase(hand)
    (place,) = [action for action in work.out if isinstance(action, Place)]
    assert (place.order.attempt, place.order.price, going) == (1, D(20_020), True)
    assert (leg.chased, leg.band, leg.next_at) == (D("0.2"), 1, START + DWELL)
    assert chase(hand)[1].out == []
    calm(leg)
    leg.next_at, naked.quantity = START + SECOND, D("0.3")
    _, work = chase(hand)
    (place,) = [action for action in work.out if isinstance(action, Place)]
    assert (place.order.attempt, place.order.price) == (1, D(20_020)), "before its first band: the first"


def test_without_a_price_a_chase_waits_a_dwell_and_takes_no_band() -> None:
    hand = Hand().put(S.UNWINDING, "0.1", "0")
    hand.prices.mids[BTC_A] = None
    hand.pair.naked.quantity = D("0.1")
    leg = hand.pair.short
    going, work = chase(hand, purpose=Purpose.EXIT)
    assert (going, work.out, work.wakes) == (True, [], [START + DWELL])
    assert (leg.band, leg.next_at, leg.chased) == (0, START + DWELL, D("0.1"))
    leg.band, leg.next_at = 4, 0
    assert chase(hand, purpose=Purpose.EXIT)[0] is False
    leg.band, leg.next_at = 3, 0
    assert chase(hand, purpose=Purpose.EXIT)[0] is True


# -- cancels, caps, the time-out --


@pytest.mark.parametrize(
    ("facts", "all_of_it", "resting_only"),
    [
        ({}, True, False),
        ({"in_doubt": True}, False, False),
        ({"resting": True}, True, True),
        ({"resting": True, "in_doubt": True}, True, True),
        ({"settled": True}, False, False),
        ({"resting": True, "settled": True}, False, False),
        ({"cancel_asked": True}, False, False),
        ({"resting": True, "cancel_asked": True}, False, False),
    ],
)
def test_what_a_cancel_of_everything_reaches(
    facts: dict[str, bool], all_of_it: bool, resting_only: bool
) -> None:
    for resting, asked in ((False, all_of_it), (True, resting_only)):
        hand = Hand()
        memo = hand.memo("a", SHORT, **facts)
        work = hand.work()
        for _ in range(2):
            work.cancel_open(hand.pair, resting=resting)
        assert cancels(tuple(work.out)) == (["a"] if asked else [])
        assert memo.cancel_asked is (asked or facts.get("cancel_asked", False))


@pytest.mark.parametrize(
    ("slice_notional", "bound", "naked", "cap"),
    [("5000", "4000", "400", "0.1"), ("3600", "4000", "0", "0.1"), ("3600", "4000", "3600", "0")],
)
def test_the_cap_of_a_slice_is_what_the_bounds_leave_at_the_worst_price(
    slice_notional: str, bound: str, naked: str, cap: str
) -> None:
    """0.1 of a leg at 36 000 USD, with 100 % of slippage: 18 000 times two."""
    hand = Hand().put(S.OPENING, slice_notional=D(slice_notional), naked_bound=D(bound))
    hand.pair.naked.notional = D(naked)
    assert hand.work().slice_cap(hand.pair, hand.pair.short, D(10_000)) == D(cap)
    hand.prices.worth[BTC_A] = None
    assert hand.work().slice_cap(hand.pair, hand.pair.short, D(10_000)) is None


@pytest.mark.parametrize(("since", "wakes"), [(None, []), (START - SECOND, [START + SECOND])])
def test_the_time_out_of_a_naked_leg_is_waited_for(since: int | None, wakes: list[int]) -> None:
    hand = Hand()
    hand.pair.naked.since = since
    work = hand.work()
    wake_at_timeout(work, hand.pair)
    assert work.wakes == wakes
    hand.pair.naked.since = START - 2 * SECOND
    work.wakes.clear()
    wake_at_timeout(work, hand.pair)
    assert work.wakes == []
