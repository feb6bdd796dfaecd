"""Opening a pair and resting its leg 1: every edge of the way in (docs/mutants.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.enums import OrderState, PairState, Purpose, Side
from services.execution.pair_open import ENTRY_TRIES
from services.execution.pair_state import LONG, SHORT, LegPolicy
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, BTC_B, MS, SECOND, START
from tests.execution.hand import DWELL, MAKER, Coins, Hand, cancels, orders, pages

D = Decimal
S = PairState
EXIT, STOP = Purpose.EXIT, Purpose.STOP
LATE = START - 2 * SECOND
WINDOW = 15 * SECOND


@dataclass
class Sided(Coins):
    """The books of the two sides differ; a touch can be missing though the mid is known."""

    sides: dict[tuple[str, Side], Decimal] = field(default_factory=dict)
    blind: bool = False

    def depth(self, instrument: str, side: Side) -> Decimal | None:
        return self.sides.get((instrument, side), self.depths.get(instrument))

    def touch(self, instrument: str) -> tuple[Decimal, Decimal] | None:
        return None if self.blind else super().touch(instrument)


def opening(short: str = "0", long: str = "0", **facts: Any) -> Hand:
    since = facts.pop("since", None)
    hand = Hand(
        settings=facts.pop("settings", Settings()), more=facts.pop("more", {}), prices=Sided(),
        target=facts.pop("target", "0.4"),
    )  # fmt: skip
    hand.put(S.OPENING, short, long, **facts)
    hand.pair.naked.since = since
    return hand


def sided(hand: Hand) -> Sided:
    assert isinstance(hand.prices, Sided)
    return hand.prices


# -- slices of leg 1 --


@pytest.mark.parametrize(("rate", "gap_ms"), [(5, 500), (6, 400), (2, 2000), (1, 2000)])
def test_three_slices_without_any_fill_end_an_entry(rate: int, gap_ms: int) -> None:
    settings = Settings()
    settings = msgspec.structs.replace(
        settings, gate=msgspec.structs.replace(settings.gate, orders_per_second=rate)
    )
    hand = opening(settings=settings)
    actions = hand.tick()
    for attempt in (1, 2, 3):
        (order,) = orders(actions)
        assert (order.leg, order.side, order.purpose) == (LONG, Side.BUY, Purpose.ENTRY)
        assert (order.quantity, order.price, order.attempt) == (D("0.216"), D("21006.3"), attempt)
        assert hand.pair.armed == hand.now + DWELL
        assert orders(hand.news(order, OrderState.CANCELED)) == []
        last = attempt == 3
        assert hand.pair.state is (S.CLOSED if last else S.OPENING)
        if not last:
            assert hand.pair.armed == hand.now + gap_ms * MS
            assert orders(hand.tick(gap_ms * MS - 1)) == []
            actions = hand.tick(1)
    assert (hand.pair.text, hand.pair.failed) == ("nothing inside the band", True)


@pytest.mark.parametrize("refusal", ["", "too far"])
def test_an_entry_out_of_tries_says_why(refusal: str) -> None:
    hand = opening(entry_tries=ENTRY_TRIES)
    hand.pair.long.last_refusal = refusal
    hand.tick()
    assert hand.pair.text == (refusal or "leg 1 does not fill within the slippage bound")


@pytest.mark.parametrize("wrong", ["short stale", "long stale", "no worth", "bound", "other stale"])
def test_a_slice_that_cannot_be_sent_is_a_try_and_waits_a_dwell(wrong: str) -> None:
    hand = opening(settings=MAKER if wrong == "other stale" else Settings())
    if wrong == "no worth":
        hand.prices.worth[BTC_B] = None
    elif wrong == "bound":
        hand.pair.naked_bound = D(50)
    else:
        name = BTC_A if wrong == "short stale" else BTC_B
        hand.prices.mids[name], hand.prices.lasts[name] = None, D(20_500)
    if wrong == "other stale":
        hand.pair.quote_since, hand.pair.first = START, SHORT
    for tries in (1, 2, 3):
        assert orders(hand.tick()) == []
        leg = hand.pair.leg(hand.pair.first)
        assert hand.pair.entry_tries == tries
        assert leg.last_refusal == "no fresh price, or no slice fits the book and the naked bound"
        assert hand.pair.armed == leg.next_at == hand.now + DWELL
        assert orders(hand.tick(DWELL - MS)) == []
        assert hand.pair.entry_tries == tries
        hand.now += MS
    hand.tick()
    assert (hand.pair.state, hand.pair.text) == (S.CLOSED, leg.last_refusal)


def test_the_thin_leg_of_an_entry_is_that_of_the_side_it_takes_and_the_least_slice_is_sent() -> None:
    hand = opening()
    sided(hand).sides.update({(BTC_A, Side.BUY): D("0.001"), (BTC_B, Side.SELL): D(99)})
    (order,) = orders(hand.tick())
    assert (order.leg, order.quantity) == (LONG, D("0.216"))
    small = opening(target="0.004")
    assert [order.quantity for order in orders(small.tick())] == [D("0.004")]
    below = opening(target="0.002")
    assert orders(below.tick()) == []
    assert below.pair.state is S.CLOSED


@pytest.mark.parametrize(
    ("short", "long", "after"),
    [
        ("0", "0", S.CLOSED),
        ("0.1", "0.1", S.HEDGED),
        ("0.1", "0.0975", S.UNWINDING),
    ],
)
def test_a_stopped_entry_ends_with_what_it_has(short: str, long: str, after: PairState) -> None:
    hand = opening(short, long, frozen_by_desk=True, frozen_reason="stale")
    hand.machine.state.failures[f"{BTC_B}|{BTC_A}"] = 2
    hand.tick()
    grid = "stale; the rest cannot be hedged on the other leg's grid"
    state = hand.pair.state
    if after is S.UNWINDING:
        assert hand.pair.unwind_reason == grid
    elif after is S.HEDGED:
        assert state in (S.HEDGED, S.FROZEN)
        assert (hand.pair.hedged_ts, hand.machine.failures(BTC_A, BTC_B)) == (START, 0)
    else:
        assert (state, hand.pair.text, hand.pair.closed_ts) == (S.CLOSED, "stale", START)
        assert hand.machine.failures(BTC_A, BTC_B) == 3


@pytest.mark.parametrize(("short", "long", "where"), [("0.002", "0", BTC_A), ("0", "0.002", BTC_B)])
def test_a_stopped_entry_that_has_less_than_an_order_of_one_leg_alone_ends_as_dust(
    short: str, long: str, where: str
) -> None:
    """So little against nothing is no hedge, and no venue takes it back: it is told, and held by no pair."""
    hand = opening(short, long, frozen_by_desk=True, frozen_reason="stale")
    assert orders(hand.tick()) == []
    assert (hand.pair.state, hand.pair.closed_ts) == (S.CLOSED, START)
    assert hand.pair.text.endswith(f"dust left: 0.002 {where}")


def test_a_pair_that_was_hedged_before_keeps_its_time() -> None:
    hand = opening("0.1", "0.1", frozen_by_desk=True, hedged_ts=START - 9)
    hand.machine.state.failures[f"{BTC_B}|{BTC_A}"] = 2
    hand.tick()
    assert (hand.pair.hedged_ts, hand.machine.failures(BTC_A, BTC_B)) == (START - 9, 2)


# -- the hedge --


@pytest.mark.parametrize(
    ("policy", "since", "band", "paged"),
    [
        (LegPolicy.REVERSE, None, 0, False),
        (LegPolicy.REVERSE, None, 3, False),
        (LegPolicy.PROCEED, LATE, 2, False),
        (LegPolicy.PROCEED, LATE, 3, True),
        (LegPolicy.CANCEL, None, 3, False),
    ],
)
def test_the_light_leg_is_hedged_and_late_it_is_paged(
    policy: LegPolicy, since: int | None, band: int, paged: bool
) -> None:
    hand = opening("0", "0.1", since=since, more={"entry_policy": policy})
    hand.pair.short.band, hand.pair.short.last_refusal = band, "thin"
    actions = hand.tick()
    (order,) = orders(actions)
    assert (order.leg, order.side, order.quantity) == (SHORT, Side.SELL, D("0.100"))
    assert (order.purpose, order.reduce_only) == (Purpose.HEDGE, False)
    assert pages(actions) == ([(f"hedge on {BTC_A} does not fill (thin)", True)] if paged else [])


def test_a_late_hedge_is_reversed_or_left_to_a_person_by_policy() -> None:
    hand = opening("0", "0.1", since=LATE)
    (order,) = orders(hand.tick())
    assert (hand.pair.state, order.purpose, order.side) == (S.UNWINDING, Purpose.UNWIND, Side.SELL)
    stopped = opening("0", "0.1", since=LATE, more={"entry_policy": LegPolicy.CANCEL})
    memo = stopped.memo("a", SHORT)
    actions = stopped.tick()
    assert (cancels(actions), orders(actions), stopped.pair.state) == (["a"], [], S.OPENING)
    memo.settled = True
    actions = stopped.tick()
    text = "leg 2 not filled in time: stopped by policy, leg 1 is naked"
    assert (stopped.pair.state, stopped.pair.resume) == (S.FROZEN, S.UNWINDING)
    assert (pages(actions), stopped.pair.frozen_reason) == ([(text, True)], text)


def test_the_time_out_is_waited_for_whatever_is_out() -> None:
    dwelling = opening("0", "0.1")
    dwelling.pair.short.next_at, dwelling.pair.short.chased = START + 10 * SECOND, D("0.1")
    assert orders(dwelling.tick()) == []
    assert dwelling.pair.armed == START + 2 * SECOND
    flying = opening("0", "0.1")
    flying.memo("a", SHORT)
    assert orders(flying.tick()) == []
    assert flying.pair.armed == START + 2 * SECOND


def test_a_leg_whose_chase_is_over_starts_its_next_one_at_the_narrowest_band() -> None:
    hand = opening("0.1", "0.1")
    hand.pair.short.band, hand.pair.short.next_at, hand.pair.short.chased = 3, START + SECOND, D(1)
    hand.prices.depths[BTC_A] = D("0.5")
    (order,) = orders(hand.tick())
    assert order.leg == SHORT, "it leads now, and waits for nothing"
    assert (hand.pair.short.band, hand.pair.short.chased) == (0, 0)
