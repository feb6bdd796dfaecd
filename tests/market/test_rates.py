"""Funding-rate hygiene and smoothing (SEMANTICS 1 and 5.2)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import RateKind
from services.domain.events import RateRow
from services.market.rates import (
    KEPT_SETTLEMENTS,
    NO_RATE_NS,
    RateState,
    accept,
    current_rate,
    decay,
    outlier_bounds,
    rate_per_8h,
    smoothed_hourly,
)
from tests.decimals import decimals
from tests.market.feed import BTC, HOUR, SECOND, T0, frame, picture, rate


def predicted(value: str, ts: int, interval: str = "8") -> RateRow:
    return rate(value, ts, kind=RateKind.PREDICTED, interval=interval)


def with_month(value: str = "0.0001", other: str = "0.0001") -> RateState:
    """Thirty days of eight-hourly settlements, two values in turn."""
    state = RateState()
    for number in range(90):
        row = rate(value if number % 2 else other, T0 - (90 - number) * 8 * HOUR)
        assert accept(state, row, row.rate_ts)
    return state


# ---- the cap -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "interval", "taken"),
    [
        ("0.03", "8", True),
        ("0.0301", "8", False),
        ("-0.0301", "8", False),
        ("0.00375", "1", True),
        ("0.004", "1", False),
        ("1.0003", "8", False),
        ("NaN", "8", False),
        ("Infinity", "8", False),
        ("0.004", None, False),
    ],
)
def test_a_rate_above_three_percent_per_8h_is_dropped(value: str, interval: str | None, taken: bool) -> None:
    """Bug E1: a price of about one is no rate, and is never taken for one."""
    state = RateState()
    row = rate(value, T0, kind=RateKind.PREDICTED, interval=interval)
    assert accept(state, row, T0) is taken
    assert (current_rate(state, T0) is not None) is taken


def test_the_venues_own_cap_goes_before_and_a_rate_at_the_cap_is_legitimate() -> None:
    cap = Decimal("0.0075")
    assert accept(RateState(), predicted("0.0075", T0), T0, cap)
    assert not accept(RateState(), predicted("0.0076", T0), T0, cap)
    seen = picture(caps={BTC.id: cap})
    seen.apply(frame(1, T0, rates=(predicted("0.0076", T0),)))
    assert seen.rate(BTC.id) is None


def test_after_an_impossible_rate_the_instrument_has_no_rate_for_ten_minutes() -> None:
    state = with_month()
    assert accept(state, predicted("0.0001", T0), T0)
    assert not accept(state, predicted("0.9", T0 + SECOND), T0 + SECOND)
    assert current_rate(state, T0 + SECOND) is None
    assert accept(state, predicted("0.0001", T0 + 2 * SECOND), T0 + 2 * SECOND)
    assert current_rate(state, T0 + NO_RATE_NS) is None
    found = current_rate(state, T0 + SECOND + NO_RATE_NS)
    assert found is not None
    assert found.rate == Decimal("0.0001")


# ---- the outlier -------------------------------------------------------------------------------------------


def test_a_prediction_far_from_its_own_month_needs_three_samples_over_sixty_seconds() -> None:
    state = with_month()
    assert outlier_bounds(state, T0) == pytest.approx((0.0001, 0.0001))
    usual = predicted("0.0002", T0)
    assert accept(state, usual, T0)
    for second in (1, 20, 60):
        odd = predicted("0.0010", T0 + second * SECOND)
        assert not accept(state, odd, odd.rate_ts)
        assert current_rate(state, odd.rate_ts) == usual
    last = predicted("0.0010", T0 + 61 * SECOND)
    assert accept(state, last, last.rate_ts)
    assert current_rate(state, last.rate_ts) == last


def test_two_samples_are_not_enough_however_far_apart() -> None:
    state = with_month()
    assert not accept(state, predicted("0.0010", T0), T0)
    assert not accept(state, predicted("0.0010", T0 + HOUR), T0 + HOUR)
    assert accept(state, predicted("0.0010", T0 + HOUR + SECOND), T0 + HOUR + SECOND)


def test_a_usual_sample_in_between_starts_the_count_again() -> None:
    state = with_month()
    assert not accept(state, predicted("0.0010", T0), T0)
    assert not accept(state, predicted("0.0010", T0 + 50 * SECOND), T0 + 50 * SECOND)
    assert accept(state, predicted("0.0001", T0 + 55 * SECOND), T0 + 55 * SECOND)
    assert not accept(state, predicted("0.0010", T0 + 61 * SECOND), T0 + 61 * SECOND)


def test_the_floor_of_the_deviation_is_one_bps_per_8h() -> None:
    state = with_month()
    assert accept(state, predicted("0.00089", T0), T0)
    assert not accept(with_month(), predicted("0.00091", T0), T0)


def test_a_wide_month_makes_a_wide_band() -> None:
    state = with_month("0.001", "-0.001")
    assert accept(state, predicted("0.007", T0), T0)


def test_rates_are_compared_on_one_interval() -> None:
    state = with_month()
    assert not accept(state, predicted("0.00015", T0, interval="1"), T0)


def test_settled_rates_are_taken_as_they_are() -> None:
    state = with_month()
    row = rate("0.02", T0)
    assert accept(state, row, T0)
    assert current_rate(state, T0) == row


# ---- history -----------------------------------------------------------------------------------------------


def test_settlements_are_ordered_unique_and_bounded() -> None:
    state = RateState()
    for number in (3, 1, 2, 3, 0):
        accept(state, rate("0.0001", T0 + number * HOUR), T0)
    assert [row.rate_ts for row in state.settled] == [T0 + number * HOUR for number in range(4)]
    for number in range(4, KEPT_SETTLEMENTS + 10):
        accept(state, rate("0.0001", T0 + number * HOUR), T0)
    assert len(state.settled) == KEPT_SETTLEMENTS
    assert state.settled[-1].rate_ts == T0 + (KEPT_SETTLEMENTS + 9) * HOUR


def test_a_late_row_older_than_all_kept_is_not_kept() -> None:
    state = RateState()
    for number in range(KEPT_SETTLEMENTS):
        accept(state, rate("0.0001", T0 + number * HOUR), T0)
    accept(state, rate("0.0001", T0 - HOUR), T0)
    assert state.settled[0].rate_ts == T0


# ---- smoothing ---------------------------------------------------------------------------------------------


def test_smoothing_table() -> None:
    eight = [rate("0.0008", T0), rate("0.0016", T0 + 8 * HOUR), rate("0", T0 + 16 * HOUR)]
    # 1, then (1 + 2) / 2 = 1.5, then 0.75 (bps an hour)
    assert smoothed_hourly(eight, Decimal(8)) == Decimal("0.000075")
    assert decay(8 * HOUR, Decimal(8)) == Decimal("0.5")
    assert decay(16 * HOUR, Decimal(8)) == Decimal("0.25")
    assert smoothed_hourly([], Decimal(8)) is None
    assert smoothed_hourly([rate("0.0008", T0, interval=None)], Decimal(8)) is None


values = decimals("-0.01", "0.01", 8)


@given(found=st.lists(values, min_size=1, max_size=30), factor=st.sampled_from((1, 2, 4)))
@settings(max_examples=60)
def test_scaling_rate_and_interval_by_the_same_factor_changes_neither_the_hourly_rate_nor_any_ranking(
    found: list[Decimal], factor: int
) -> None:
    plain = [rate(str(value), T0 + number * 8 * HOUR) for number, value in enumerate(found)]
    scaled = [
        msgspec.structs.replace(row, rate=row.rate * factor, interval_h=Decimal(8 * factor)) for row in plain
    ]
    assert [rate_per_8h(row) for row in plain] == [rate_per_8h(row) for row in scaled]
    assert smoothed_hourly(plain, Decimal(8)) == smoothed_hourly(scaled, Decimal(8))
    order = sorted(range(len(found)), key=lambda at: rate_per_8h(plain[at]))
    assert order == sorted(range(len(found)), key=lambda at: rate_per_8h(scaled[at]))


@given(found=st.lists(values, min_size=1, max_size=30))
@settings(max_examples=50)
def test_the_smoothed_rate_lies_between_the_smallest_and_the_largest(found: list[Decimal]) -> None:
    rows = [rate(str(value), T0 + number * HOUR, interval="1") for number, value in enumerate(found)]
    smoothed = smoothed_hourly(rows, Decimal(8))
    assert smoothed is not None
    assert min(found) - Decimal("1e-25") <= smoothed <= max(found) + Decimal("1e-25")
