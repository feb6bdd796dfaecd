"""Leg 1 at rest: when it is quoted, left alone and withdrawn (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.domain.enums import PairState, Purpose
from services.execution.pair_quotes import attempt_over, end_attempt, overdue, quote, resting, rests, watch
from services.execution.pair_state import LONG, SHORT
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, BTC_B, MS, SECOND, START
from tests.execution.hand import DWELL, MAKER, cancels, orders
from tests.execution.test_edges_pair_open import LATE, opening, sided

D = Decimal
S = PairState
EXIT, STOP = Purpose.EXIT, Purpose.STOP
WINDOW = 15 * SECOND


def test_a_maker_entry_quotes_its_slice_and_ends_with_its_attempt() -> None:
    hand = opening(settings=MAKER, slice_notional=D(4995))
    (order,) = orders(hand.tick())
    touch = hand.prices.touch(BTC_B)
    assert touch is not None
    assert (order.post_only, order.price, order.quantity) == (True, touch[0], D("0.216"))
    assert (order.attempt, hand.pair.quote_since, hand.pair.armed) == (1, START, START + DWELL)
    for facts, text in (
        ({"no_rest": "pause"}, "pause"),
        ({"quote_since": START - WINDOW}, "leg 1 rested without being filled whole"),
    ):
        over = opening(settings=MAKER, **facts)
        assert orders(over.tick()) == []
        assert (over.pair.state, over.pair.text) == (S.CLOSED, text)
    blind = opening(settings=MAKER)
    sided(blind).blind = True
    assert orders(blind.tick()) == []
    assert (blind.pair.entry_tries, blind.pair.long.last_refusal) == (1, "no two-sided book to rest in")


@pytest.mark.parametrize(("blind", "stale"), [(True, False), (False, True), (False, False)])
def test_a_quote_needs_a_book_and_counts_itself(blind: bool, stale: bool) -> None:
    hand = opening(settings=MAKER)
    sided(hand).blind = blind
    if stale:
        sided(hand).blind = False
        hand.prices.touch = lambda _name: (D(1), D(2))  # type: ignore[method-assign]
        hand.prices.mids[BTC_B] = None
    work = hand.work()
    sent = [
        quote(work, hand.pair, hand.pair.long, D("0.1"), Purpose.ENTRY, increasing=True, reason="r")
        for _ in range(2)
    ]
    good = not (blind or stale)
    assert sent == [good, good]
    assert (hand.pair.quotes, hand.pair.requotes) == ((2, [START]) if good else (0, []))
    assert work.wakes == ([START + DWELL] * 2 if good else [])
    end_attempt(hand.pair)
    assert (hand.pair.quote_since, hand.pair.quotes) == (None, 0)


@pytest.mark.parametrize(
    ("since", "requotes", "over"),
    [
        (None, [START] * 3, False),
        (START - WINDOW + 1, [], False),
        (START - WINDOW, [], True),
        (START, [START] * 2, False),
        (START, [START] * 3, True),
        (START, [START - WINDOW, START, START], False),
        (START, [START - WINDOW + 1, START, START], True),
    ],
)
def test_an_attempt_ends_by_its_window_or_its_quotes(
    since: int | None, requotes: list[int], over: bool
) -> None:
    hand = opening(settings=MAKER, quote_since=since, requotes=list(requotes))
    assert attempt_over(hand.work(), hand.pair) is over
    if since is not None and since > START - WINDOW:
        assert hand.pair.requotes == [ts for ts in requotes if ts > START - WINDOW]


@pytest.mark.parametrize(
    ("short", "long", "rests_too", "late", "found"),
    [
        ("0.003", "0", False, True, True),
        ("0.003", "0", True, True, False),
        ("0", "0.003", True, True, False),
        ("0.004", "0", True, True, True),
        ("0", "0.1", True, True, True),
        ("0", "0.1", True, False, False),
        ("0.1", "0.1", True, True, True),
    ],
)
def test_what_is_too_small_for_a_hedge_is_not_overdue_while_leg_1_rests(
    short: str, long: str, rests_too: bool, late: bool, found: bool
) -> None:
    hand = opening(short, long, since=LATE if late else LATE + 1)
    hand.memo("ioc", SHORT)
    hand.memo("gone", LONG, resting=True, settled=True)
    if rests_too:
        quoted = hand.memo("quote", LONG, resting=True)
        assert resting(hand.pair) is quoted
    else:
        assert resting(hand.pair) is None
    assert overdue(hand.work(), hand.pair) is found


@pytest.mark.parametrize("closing", [True, False])
@pytest.mark.parametrize("purpose", [EXIT, STOP])
@pytest.mark.parametrize("style", ["maker", "taker"])
def test_what_protects_never_rests(closing: bool, purpose: Purpose, style: str) -> None:
    hand = opening(settings=MAKER if style == "maker" else Settings(), close_purpose=purpose)
    wanted = style == "maker" and not (closing and purpose is STOP)
    assert rests(hand.work(), hand.pair, closing=closing) is wanted


LIFE = WINDOW // 4


@pytest.mark.parametrize(
    ("facts", "prices", "placed", "withdrawn"),
    [
        ({}, {}, START, False),
        ({"no_rest": "pause"}, {}, START, True),
        ({"frozen_by_desk": True}, {}, START, True),
        ({"close_purpose": STOP}, {}, START, False),
        ({"close_purpose": STOP, "state": S.CLOSING}, {}, START, True),
        ({"state": S.CLOSING}, {}, START, False),
        ({}, {BTC_A: None}, START, True),
        ({}, {BTC_B: None}, START, True),
        ({"quote_since": START - WINDOW}, {}, START, True),
        ({"quote_since": START - WINDOW + 1}, {}, START, False),
        ({}, {BTC_B: D(21_100)}, START - LIFE, True),
        ({}, {BTC_B: D(21_100)}, START - LIFE + 1, False),
        ({}, {BTC_B: D(20_900)}, START - LIFE, False),
        ({}, {}, START - LIFE, False),
        ({"requotes": [START] * 3}, {BTC_B: D(21_100)}, START - LIFE, False),
    ],
)
def test_when_a_quote_is_withdrawn(
    facts: dict[str, Any], prices: dict[str, Decimal | None], placed: int, withdrawn: bool
) -> None:
    """A bid on the long leg at 20 998.9, of four lives of 3.75 s in a window."""
    hand = opening("0.2", "0.2", settings=MAKER, quote_since=START)
    for name, value in facts.items():
        setattr(hand.pair, name, value)
    hand.memo("quote", LONG, resting=True, price=D("20998.9"), placed=placed)
    hand.memo("ioc", LONG)
    hand.prices.mids.update(prices)
    work = hand.work()
    watch(work, hand.pair)
    assert cancels(tuple(work.out)) == (["quote"] if withdrawn else [])
    ends = hand.pair.quote_since
    assert ends is not None
    assert work.wakes == ([] if withdrawn else [max(min(START + DWELL, ends + WINDOW), START + MS)])


@pytest.mark.parametrize(
    ("leg", "increasing", "price", "behind"),
    [
        (LONG, True, "20998.9", False),
        (LONG, True, "20998.8", True),
        (LONG, False, "21001.1", False),
        (LONG, False, "21001.2", True),
        (SHORT, True, "20001.0", False),
        (SHORT, True, "20001.1", True),
        (SHORT, False, "19999.0", False),
        (SHORT, False, "19998.9", True),
        (LONG, True, None, True),
    ],
)
@pytest.mark.parametrize("blind", [True, False])
def test_a_quote_is_left_behind_when_others_stand_before_it(
    leg: int, increasing: bool, price: str | None, behind: bool, blind: bool
) -> None:
    hand = opening("0.2", "0.2", settings=MAKER, quote_since=START)
    hand.memo(
        "quote", leg, increasing=increasing, resting=True, placed=START - LIFE,
        price=None if price is None else D(price),
    )  # fmt: skip
    sided(hand).blind = blind
    work = hand.work()
    watch(work, hand.pair)
    assert cancels(tuple(work.out)) == (["quote"] if behind or blind else [])
