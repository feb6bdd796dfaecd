"""Numbers, budgets and clock offsets of the wire: pure, so properties."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.venues.wire.budget import SECOND, Budget, Lane, Window
from services.venues.wire.errors import LONGEST_WAIT_S, retry_after
from services.venues.wire.numbers import (
    BadNumber,
    wire_count,
    wire_decimal,
    wire_int,
    wire_positive,
    wire_step,
)
from services.venues.wire.offset import MAX_AGE_NS, ClockOffset

BAD = [
    "NaN", "sNaN", "Infinity", "-inf", "1e999999999", "1_000", "", " 1", "1 ", "0x10", "１２", "1e25",
    "1e-25",
    None, True, 1.5, float("nan"), [], {}, Decimal("NaN"), Decimal("Infinity"), Decimal("1e30"), "9" * 65,
]  # fmt: skip


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_no_number_is_made_of_what_is_none(value: object) -> None:
    with pytest.raises(BadNumber, match="price"):
        wire_decimal(value, "price")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**19), max_value=10**19, places=12))
def test_text_and_number_keep_every_digit(value: Decimal) -> None:
    """Bug B15: no binary floats between the wire and the books."""
    assert wire_decimal(str(value), "x") == wire_decimal(value, "x") == value


@given(st.text(max_size=20))
def test_whatever_text_comes_is_a_finite_number_or_refused(text: str) -> None:
    try:
        number = wire_decimal(text, "x")
    except BadNumber:
        return
    assert number.is_finite()
    assert abs(number) < Decimal(10) ** 20


@pytest.mark.parametrize("value", ["1e-16", "1.1e9", "0", "-1", "NaN", "sNaN", None])
def test_a_grid_is_one_that_can_be_reckoned_with(value: object) -> None:
    with pytest.raises(BadNumber):
        wire_step(value, "tick")
    assert wire_step("1e-15", "tick") * wire_step("1e9", "lot") == Decimal("1e-6")
    assert (wire_step("1e9", "tick") ** 2) % Decimal("1e-8") == 0, "the finest digit of our books"


def test_signs_and_whole_numbers() -> None:
    assert wire_positive("0.1", "p") == Decimal("0.1")
    assert wire_count(Decimal(0), "q") == 0
    assert wire_int("17", "id") == 17
    for refused in (
        lambda: wire_positive("0", "p"),
        lambda: wire_count("-1", "q"),
        lambda: wire_int(1.0, "i"),
    ):
        with pytest.raises(BadNumber):
            refused()
    with pytest.raises(BadNumber):
        wire_int("-1", "i")
    with pytest.raises(BadNumber):
        wire_int("9" * 30, "i")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3 * SECOND), st.sampled_from([Lane.SAFE, Lane.ENTRY, Lane.DATA]), st.integers(1, 6)
        ),
        max_size=60,
    ),
    st.integers(1, 12),
)
def test_no_window_ever_holds_more_than_its_limit(asks: list[tuple[int, Lane, int]], limit: int) -> None:
    """Bug row N1 and property 9 of the bug table: in any window the number of sends is at most the limit."""
    budget = Budget([Window(name="w", span_s=1, limit=limit)], reserved=0.3)
    now = 0
    sent: list[tuple[int, int, Lane]] = []
    for step, lane, weight in asks:
        now += step
        wait = budget.wait(now, lane, {"w": weight})
        if wait is None:
            assert weight > (limit if lane is Lane.SAFE else max(1, int(limit * 0.7)))
            continue
        at = now + wait
        assert budget.wait(at, lane, {"w": weight}) == 0, "what it promised holds"
        now = at
        budget.take(now, {"w": weight})
        sent.append((now, weight, lane))
    for ts, _, _ in sent:
        inside = [row for row in sent if ts <= row[0] < ts + SECOND]
        assert sum(weight for _, weight, _ in inside) <= limit
        ordinary = sum(weight for _, weight, lane in inside if lane is not Lane.SAFE)
        assert ordinary <= max(1, int(limit * 0.7))


def test_the_reserved_share_is_there_when_ordinary_requests_have_spent_theirs() -> None:
    """Bug row N7."""
    budget = Budget([Window(name="w", span_s=60, limit=10)], reserved=0.3)
    for _ in range(7):
        assert budget.wait(0, Lane.DATA, {"w": 1}) == 0
        budget.take(0, {"w": 1})
    assert budget.wait(0, Lane.ENTRY, {"w": 1}) == 60 * SECOND
    assert budget.wait(0, Lane.SAFE, {"w": 3}) == 0
    assert budget.wait(0, Lane.SAFE, {"w": 4}) == 60 * SECOND
    budget.reserve(0.1)
    assert budget.wait(0, Lane.ENTRY, {"w": 2}) == 0, "from now on"
    with pytest.raises(ValueError, match="share"):
        budget.reserve(1.0)


def test_lists_of_weeks_ago_leave_the_present_its_share() -> None:
    budget = Budget([Window(name="w", span_s=60, limit=100)], reserved=0.2, present=0.25)
    assert budget.wait(0, Lane.PAST, {"w": 60}) == 0
    budget.take(0, {"w": 60})
    assert budget.wait(0, Lane.PAST, {"w": 1}) == 60 * SECOND
    for lane in (Lane.DATA, Lane.ENTRY):
        assert budget.wait(0, lane, {"w": 20}) == 0
        assert budget.wait(0, lane, {"w": 21}) == 60 * SECOND, "the reserved share is nobody's but of cancels"
    # One that is heavier than their share waits for all of it instead of being refused for good.
    assert budget.wait(60 * SECOND, Lane.PAST, {"w": 80}) == 0
    assert budget.wait(60 * SECOND, Lane.PAST, {"w": 81}) is None


def test_the_venues_word_only_ever_tightens() -> None:
    budget = Budget([Window(name="w", span_s=60, limit=10)])
    budget.take(0, {"w": 5})
    budget.observe(0, "w", 2)
    assert budget.used(0) == {"w": (5, 10)}
    budget.observe(0, "w", 9)
    assert budget.used(0) == {"w": (9, 10)}
    budget.observe(0, "unknown", 9)
    budget.pause(30 * SECOND)
    budget.pause(10 * SECOND)
    assert budget.wait(0, Lane.SAFE, {}) == 30 * SECOND


def test_the_shortest_trip_wins_and_old_samples_do_not_count() -> None:
    """Bug B11: the venue's clock is measured, and too old a measurement is none."""
    offset = ClockOffset()
    assert offset.offset_ms(0) is None
    assert not offset.usable(0)
    offset.measured(1_000, 1_400, 1_500, 0)
    assert offset.offset_ms(0) == 300
    offset.measured(2_000, 2_010, 2_255, 1)
    assert offset.offset_ms(1) == 250
    assert offset.usable(1)
    assert offset.offset_ms(MAX_AGE_NS + 2) is None
    offset.measured(10_000, 12_000, 11_250, MAX_AGE_NS + 2)
    assert not offset.usable(MAX_AGE_NS + 2), "half a trip of a second says nothing"
    offset.measured(20_000, 19_000, 0, MAX_AGE_NS + 3)
    assert offset.offset_ms(MAX_AGE_NS + 3) is None, "a clock that was set throws all samples away"


@given(st.floats(-5_000, 5_000), st.floats(0, 300), st.floats(0, 1))
def test_the_error_is_at_most_half_the_trip(true_offset: float, trip: float, split: float) -> None:
    offset = ClockOffset()
    sent = 1_000_000.0
    offset.measured(sent, sent + trip, sent + trip * split + true_offset, 0)
    found = offset.offset_ms(0)
    assert found is not None
    assert abs(found - true_offset) <= trip / 2 + 1e-6


@pytest.mark.parametrize(
    ("stated", "date", "wait"),
    [
        ("30", "", 30.0),
        (" 30 ", "", 30.0),
        ("30, 40", "", 40.0),
        ("99999999999", "", LONGEST_WAIT_S),
        ("9" * 400, "", LONGEST_WAIT_S),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2046 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", LONGEST_WAIT_S),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "", None),
        ("soon", "Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-5", "", None),
        ("1.5", "", None),
        ("\u0663", "", None),
        ("", "", None),
    ],
)
def test_how_long_a_reply_wants_to_be_left_alone(stated: str, date: str, wait: float | None) -> None:
    """An instant, and a number of more than seven digits, were read as no word: asked again at once."""
    assert retry_after({"retry-after": stated, "date": date}) == wait
