"""The doors between float and Decimal, and the grids (SEMANTICS 1)."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.enums import InstrumentKind, Purpose, Side
from services.domain.instrument import Instrument, joint_lot, venue_of
from services.domain.money import DESK_CONTEXT, ceil_to, floor_to, grid_decimal, round_coin
from services.domain.orders import base36, client_order_id

INCREMENTS = st.sampled_from([Decimal(text) for text in ("1", "0.1", "0.01", "0.001", "0.0001", "0.05", "5")])
PRICES = st.decimals(min_value="0.0001", max_value="1000000", places=6)


def instrument(price: Decimal, size: Decimal) -> Instrument:
    return Instrument(
        id="BTC-USDT-PERP.alpha",
        venue="alpha",
        symbol="BTC-USDT-PERP",
        kind=InstrumentKind.PERP,
        underlying="BTC",
        quote="USDT",
        settle="USDT",
        price_increment=price,
        size_increment=size,
        min_size=size,
    )


@given(PRICES, INCREMENTS)
def test_rounding_is_idempotent(value: Decimal, increment: Decimal) -> None:
    spec = instrument(increment, increment)
    for side in Side:
        once = spec.round_price(side, value)
        assert spec.round_price(side, once) == once
    assert spec.round_size(spec.round_size(value)) == spec.round_size(value)
    assert floor_to(floor_to(value, increment), increment) == floor_to(value, increment)
    assert ceil_to(ceil_to(value, increment), increment) == ceil_to(value, increment)
    assert round_coin(round_coin(value)) == round_coin(value)


@given(PRICES, INCREMENTS)
def test_an_order_is_rounded_toward_less_risk(value: Decimal, increment: Decimal) -> None:
    spec = instrument(increment, increment)
    assert spec.round_price(Side.BUY, value) <= value <= spec.round_price(Side.SELL, value)
    assert spec.round_size(value) <= value
    assert value - spec.round_size(value) < increment


@given(st.integers(min_value=1, max_value=10**9), INCREMENTS)
def test_a_grid_point_survives_the_way_through_a_float(ticks: int, increment: Decimal) -> None:
    price = ticks * increment
    assert grid_decimal(float(price), increment) == price


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_no_grid_point(value: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        grid_decimal(value, Decimal("0.1"))


def test_a_float_in_desk_arithmetic_is_an_error() -> None:
    with decimal.localcontext(DESK_CONTEXT), pytest.raises(decimal.FloatOperation):
        Decimal(float("0.1"))
    with decimal.localcontext(DESK_CONTEXT), pytest.raises(decimal.FloatOperation):
        _ = Decimal(1) < 0.5


def test_the_coarser_lot_is_the_joint_one() -> None:
    fine, coarse = instrument(Decimal("0.1"), Decimal("0.001")), instrument(Decimal("0.1"), Decimal("0.01"))
    assert joint_lot(fine, coarse) == joint_lot(coarse, fine) == Decimal("0.01")


@pytest.mark.parametrize(
    ("one", "other", "joint"),
    [("0.002", "0.003", "0.006"), ("0.5", "0.2", "1.0"), ("10", "4", "20"), ("0.001", "1", "1")],
)
def test_lots_that_do_not_divide_each_other_meet_on_both_grids(one: str, other: str, joint: str) -> None:
    first, second = (instrument(Decimal("0.1"), Decimal(lot)) for lot in (one, other))
    assert joint_lot(first, second) == joint_lot(second, first) == Decimal(joint)
    assert Decimal(joint) % Decimal(one) == Decimal(joint) % Decimal(other) == 0


@pytest.mark.parametrize("name", ["BTC-USDT-PERP", ".alpha", "BTC."])
def test_an_instrument_names_its_venue(name: str) -> None:
    assert venue_of("USDT/USD.alpha") == "alpha"
    with pytest.raises(ValueError, match=r"SYMBOL\.VENUE"):
        venue_of(name)


@given(
    st.integers(min_value=0, max_value=36**9 - 1),
    st.sampled_from(list(Purpose)),
    st.integers(min_value=0, max_value=2),
    st.integers(min_value=0, max_value=36**3 - 1),
)
def test_a_client_order_id_has_twenty_plain_characters_and_says_what_it_is(
    sequence: int, purpose: Purpose, leg: int, attempt: int
) -> None:
    name = client_order_id("abc123", sequence, purpose, leg, attempt)
    assert len(name) == 20
    assert name.isascii()
    assert name == name.lower()
    assert (name[:6], int(name[6:15], 36), name[15], name[16]) == (
        "abc123",
        sequence,
        purpose.letter,
        str(leg),
    )
    assert int(name[17:], 36) == attempt


def test_a_number_too_large_for_its_place_is_refused_not_cut() -> None:
    assert base36(35, 1) == "z"
    with pytest.raises(ValueError, match="does not fit"):
        base36(36, 1)
    with pytest.raises(ValueError, match="negative"):
        base36(-1, 3)


def test_every_purpose_has_a_letter_of_its_own() -> None:
    letters = [purpose.letter for purpose in Purpose]
    assert len(set(letters)) == len(letters) == 7
    assert [purpose.value for purpose in Purpose if purpose.protective] == ["unwind", "stop", "flatten"]
