"""Closing and unwinding a pair: every edge of the way out (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.enums import OrderState, PairState, Purpose, Side
from services.execution.pair_close import closing
from services.execution.pair_state import LONG, SHORT, LegPolicy
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, BTC_B, SECOND, START
from tests.execution.hand import DWELL, MAKER, Hand, cancels, orders, pages
from tests.execution.test_edges_pair_open import Sided

D = Decimal
S = PairState
EXIT, STOP, UNWIND = Purpose.EXIT, Purpose.STOP, Purpose.UNWIND
LATE = START - 2 * SECOND


def out(purpose: Purpose = EXIT, short: str = "0.4", long: str = "0.4", **facts: Any) -> Hand:
    since = facts.pop("since", None)
    hand = Hand(settings=facts.pop("settings", Settings()), more=facts.pop("more", {}))
    hand.put(S.CLOSING, short, long, close_purpose=purpose, close_reason="why", first=LONG, **facts)
    hand.pair.naked.since = since
    return hand


@pytest.mark.parametrize(
    ("purpose", "bands"),
    [(EXIT, [10, 20, 50]), (STOP, [10, 20, 50, 100, 200, 500]), (Purpose.FLATTEN, [20, 50, 100, 200, 500])],
)
def test_an_exit_that_never_fills_from_the_first_band_to_its_end(purpose: Purpose, bands: list[int]) -> None:
    """The thin leg alone is tried; a discretionary exit freezes, protection goes on at doubling distances."""
    hand = out(purpose)
    protective = purpose is not EXIT
    actions = hand.tick()
    for attempt in range(1, len(bands) + 8):
        if not protective and attempt > len(bands):
            break
        (order,) = orders(actions)
        bps = bands[min(attempt, len(bands)) - 1]
        assert (order.instrument, order.side, order.purpose) == (BTC_B, Side.SELL, purpose)
        assert order.price == D(21_000) - D(21_000) * bps / 10_000
        fits = D(5000) / (D(23_100) * (1 + D(bps) / 10_000))
        assert order.quantity == fits // D("0.002") * D("0.002")
        assert (order.attempt, order.client_order_id[-3:]) == (attempt, f"{'0123456789abcdef'[attempt]:0>3}")
        wait = DWELL * 2 ** min(max(attempt - len(bands), 0), 5)
        assert hand.pair.armed == hand.now + wait
        text = f"exit leg {BTC_B} does not fill; the other leg is left alone (nothing inside the band)"
        assert pages(actions) == ([(text, False)] if attempt == len(bands) + 1 else [])
        assert orders(hand.news(order, OrderState.CANCELED)) == []
        assert hand.pair.armed == hand.now + wait
        hand.prices.depths.update({BTC_A: D("0.3"), BTC_B: D(100)})
        assert orders(hand.tick(wait - 1)) == []
        actions = hand.tick(1)
    if not protective:
        assert orders(actions) == []
        assert (hand.pair.state, hand.pair.resume) == (S.FROZEN, S.CLOSING)
        assert pages(actions) == [(text, False)]


@pytest.mark.parametrize(
    ("purpose", "stale", "frozen", "text"),
    [
        (EXIT, False, False, ""),
        (EXIT, True, False, f"no fresh price of {BTC_B}"),
        (EXIT, False, True, "by the desk"),
        (STOP, True, False, ""),
        (STOP, False, True, ""),
        (UNWIND, True, False, f"no fresh price of {BTC_B}"),
        (UNWIND, False, True, ""),
    ],
)
def test_a_slice_waits_for_fresh_prices_unless_it_protects(
    purpose: Purpose, stale: bool, frozen: bool, text: str
) -> None:
    hand = out(purpose, frozen_by_desk=frozen, frozen_reason="by the desk")
    if stale:
        hand.prices.mids[BTC_B], hand.prices.lasts[BTC_B] = None, D(21_000)
    actions = hand.tick()
    assert (hand.pair.state is S.FROZEN) is bool(text)
    assert hand.pair.text == (text or "spread")
    assert len(orders(actions)) == (0 if text else 1)
    if text:
        assert (hand.pair.frozen_reason, hand.pair.resume) == (text, S.CLOSING)


@pytest.mark.parametrize(
    ("depth", "keep", "number", "quantity"),
    [
        ("10", "0", LONG, "0.216"),
        ("0.001", "0", SHORT, "0.004"),
        ("10", "0.398", SHORT, "0.277"),
        ("10", "0.396", LONG, "0.004"),
    ],
)
def test_the_next_slice_is_of_the_thin_leg_that_has_enough_left(
    depth: str, keep: str, number: int, quantity: str
) -> None:
    """The other leg's slice is on its own lot, and at least what both venues take."""
    hand = out()
    hand.prices.depths[BTC_A] = D(depth)
    hand.pair.long.keep = D(keep)
    (order,) = orders(hand.tick())
    assert (order.leg, hand.pair.first, order.quantity) == (number, number, D(quantity))


def test_the_thin_leg_of_an_exit_is_that_of_the_side_it_takes() -> None:
    hand = out()
    sides = {(BTC_A, Side.SELL): D("0.001"), (BTC_A, Side.BUY): D(10)}
    hand.prices = Sided(sides=sides)
    (order,) = orders(hand.tick())
    assert (order.leg, order.quantity) == (LONG, D("0.216"))


def test_a_rest_below_the_joint_least_goes_whole() -> None:
    hand = out(short="0.003", long="0.003")
    hand.prices.depths[BTC_A] = D("0.0001")
    (order,) = orders(hand.tick())
    assert (order.leg, order.quantity) == (SHORT, D("0.003"))


def test_without_the_worth_of_a_coin_only_protection_goes_on() -> None:
    for purpose, quantities in ((EXIT, []), (STOP, [D("0.400")])):
        hand = out(purpose)
        hand.prices.worth[BTC_B] = None
        assert [order.quantity for order in orders(hand.tick())] == quantities
        assert hand.pair.long.last_refusal == ("" if quantities else "no price to measure a limit from")
        assert (hand.pair.long.band, hand.pair.armed) == (1, START + DWELL)
    least = out(short="0.004", long="0.004")
    least.prices.worth[BTC_B] = None
    assert orders(least.tick()) == [], "the least slice, but of a worth that nobody knows"
    blind = out(STOP)
    blind.prices.mids[BTC_B] = None
    assert orders(blind.tick()) == []
    assert blind.pair.long.last_refusal == "no price to measure a limit from"


def test_the_end_of_a_close_names_dust_or_its_reason() -> None:
    for short, text in (("0", "why"), ("0.002", f"dust left: 0.002 {BTC_A}")):
        hand = out(short=short, long="0")
        hand.tick()
        assert (hand.pair.state, hand.pair.text, hand.pair.closed_ts) == (S.CLOSED, text, START)


def test_the_leg_that_follows_is_calm_and_a_cut_is_fixed_once_nothing_is_out() -> None:
    hand = out(shrink=D("0.5"))
    hand.pair.short.band, hand.pair.short.next_at = 2, START + SECOND
    memo = hand.memo("a", LONG, increasing=False)
    hand.tick()
    assert hand.pair.shrink == D("0.5")
    memo.settled = True
    (order,) = orders(hand.tick())
    assert (hand.pair.shrink, hand.pair.long.keep, order.quantity) == (0, D("0.200"), D("0.200"))
    assert (hand.pair.short.band, hand.pair.short.next_at) == (0, 0)


# -- the excess of a leg --


@pytest.mark.parametrize(
    ("purpose", "since", "band", "sent", "paged"),
    [
        (EXIT, None, 0, EXIT, False),
        (EXIT, None, 3, EXIT, False),
        (EXIT, LATE, 0, UNWIND, False),
        (EXIT, LATE, 5, UNWIND, False),
        (EXIT, LATE, 6, UNWIND, True),
        (STOP, LATE, 0, STOP, False),
        (STOP, LATE, 6, STOP, True),
        (STOP, None, 6, STOP, False),
    ],
)
def test_the_heavier_leg_is_chased_and_late_it_is_protection(
    purpose: Purpose, since: int | None, band: int, sent: Purpose, paged: bool
) -> None:
    hand = out(purpose, long="0.3", since=since)
    hand.pair.short.band, hand.pair.short.last_refusal = band, "thin"
    actions = hand.tick()
    (order,) = orders(actions)
    assert (order.leg, order.quantity, order.purpose, order.reason) == (SHORT, D("0.100"), sent, "why")
    text = f"exit leg {BTC_A} does not fill; the other leg waits (thin)"
    assert pages(actions) == ([(text, True)] if paged else [])


def test_the_time_out_of_a_naked_leg_is_waited_for_whatever_is_out() -> None:
    dwelling = out(long="0.3")
    dwelling.pair.short.next_at, dwelling.pair.short.chased = START + 10 * SECOND, D("0.1")
    assert orders(dwelling.tick()) == []
    assert dwelling.pair.armed == START + 2 * SECOND
    flying = out(long="0.3")
    flying.memo("a", SHORT, increasing=False)
    assert orders(flying.tick()) == []
    assert flying.pair.armed == START + 2 * SECOND


@pytest.mark.parametrize(
    ("purpose", "since", "stops"), [(EXIT, LATE, True), (EXIT, None, False), (STOP, LATE, False)]
)
def test_the_policy_to_stop_a_late_exit_leaves_it_to_a_person(
    purpose: Purpose, since: int | None, stops: bool
) -> None:
    hand = out(purpose, long="0.3", since=since, more={"exit_policy": LegPolicy.CANCEL})
    memo = hand.memo("a", LONG, increasing=False)
    actions = hand.tick()
    assert cancels(actions) == (["a"] if stops else [])
    assert len(orders(actions)) == (0 if stops else 1)
    if not stops:
        return
    assert hand.pair.state is S.CLOSING
    memo.settled = True
    actions = hand.tick()
    text = "exit leg not filled in time: stopped by policy"
    assert (hand.pair.state, hand.pair.resume, hand.pair.then_close) == (S.FROZEN, S.UNWINDING, True)
    assert (orders(actions), pages(actions)) == ([], [(text, True)])


# -- resting exits --


def resting(**facts: Any) -> Hand:
    return out(settings=MAKER, slice_notional=D(4995), **facts)


def test_a_discretionary_exit_is_quoted_at_its_own_side_in_slices() -> None:
    hand = resting()
    (order,) = orders(hand.tick())
    touch = hand.prices.touch(BTC_B)
    assert touch is not None
    assert (order.post_only, order.price, order.side) == (True, touch[1], Side.SELL)
    assert order.quantity == D("0.216"), "4 995 USD at 10 bps; at 20 it would be 0.214"
    assert (hand.pair.long.next_at, hand.pair.quote_since) == (START + DWELL, START)
    for facts in ({"take_next": True}, {"no_rest": "pause"}, {"quote_since": START - 15 * SECOND}):
        taking = resting(**facts)
        (order,) = orders(taking.tick())
        assert not order.post_only
        assert taking.pair.take_next is ("no_rest" not in facts)
        assert taking.pair.quote_since is None
    (order,) = orders(out(STOP, settings=MAKER).tick())
    assert not order.post_only


def test_a_quote_waits_its_dwell_and_needs_a_size_and_a_book() -> None:
    hand = resting()
    hand.pair.long.next_at = START + SECOND
    assert orders(hand.tick()) == []
    assert hand.pair.armed == START + SECOND
    assert len(orders(hand.tick(SECOND))) == 1
    unknown = resting()
    unknown.prices.worth[BTC_B] = None
    assert orders(unknown.tick()) == []
    assert unknown.pair.quote_since is None
    closing(unknown.work(), unknown.pair)
    chosen = resting(quote_since=START, quotes=1)
    chosen.pair.first = SHORT
    (order,) = orders(chosen.tick())
    assert order.leg == SHORT, "an attempt stays with its leg"


# -- unwinding --


@pytest.mark.parametrize(
    ("leg", "increasing", "rests", "canceled"),
    [
        (SHORT, False, False, False),
        (SHORT, True, False, True),
        (SHORT, False, True, True),
        (LONG, False, False, True),
    ],
)
def test_unwinding_cancels_all_but_its_own_cut(
    leg: int, increasing: bool, rests: bool, canceled: bool
) -> None:
    hand = Hand().put(S.UNWINDING, "0.4", "0.3")
    hand.memo("a", leg, increasing=increasing, resting=rests, quantity="0.05")
    actions = hand.tick()
    assert cancels(actions) == (["a"] if canceled else [])
    assert [order.quantity for order in orders(actions)] == ([] if canceled else [D("0.050")])


@pytest.mark.parametrize("purpose", [EXIT, STOP])
def test_a_cut_that_does_not_fill_is_paged(purpose: Purpose) -> None:
    for band in (5, 6):
        hand = Hand().put(S.UNWINDING, "0.4", "0.3", close_purpose=purpose, unwind_reason="r")
        hand.pair.short.band = band
        actions = hand.tick()
        (order,) = orders(actions)
        assert order.purpose is (STOP if purpose is STOP else UNWIND)
        text = f"the unhedged part of {BTC_A} does not fill"
        assert pages(actions) == ([(text, True)] if band == 6 else [])


@pytest.mark.parametrize(
    ("short", "worst", "grave", "paged"),
    [("0.4", "100", False, True), ("0.4", "45", True, True), ("0.398", "100", False, False)],
)
@pytest.mark.parametrize("then_close", [True, False])
def test_an_excess_that_no_venue_takes_is_named_and_the_way_goes_on(
    short: str, worst: str, grave: bool, paged: bool, then_close: bool
) -> None:
    """0.0025 of the short leg is worth 45 USD, beyond the joint lot and below its least order."""
    settings = Settings()
    settings = msgspec.structs.replace(
        settings, pair=msgspec.structs.replace(settings.pair, residual_max=D(worst))
    )
    hand = Hand(settings=settings).put(
        S.UNWINDING, short, "0.3975", then_close=then_close, hedged_ts=START, unwind_reason="r"
    )
    actions = hand.tick()
    found = [reducing for text, reducing in pages(actions) if text.startswith("excess below")]
    assert found == ([grave] if paged else [])
    assert hand.pair.state is (S.CLOSING if then_close else S.HEDGED)
    assert hand.pair.then_close is False


@pytest.mark.parametrize("hedged", [None, START])
def test_an_unwinding_that_leaves_nothing_ends_the_pair(hedged: int | None) -> None:
    for short, text in (("0", "r"), ("0.002", f"r; dust left: 0.002 {BTC_A}")):
        hand = Hand().put(S.UNWINDING, short, "0", hedged_ts=hedged, unwind_reason="r")
        hand.tick()
        assert (hand.pair.state, hand.pair.text) == (S.CLOSED, text)
        assert hand.pair.failed is (hedged is None)
        assert hand.machine.failures(BTC_B, BTC_A) == (1 if hedged is None else 0)
