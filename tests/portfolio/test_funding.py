"""Funding cash flow (SEMANTICS 1)."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.domain.money import COIN_INCREMENT, round_coin
from services.portfolio.funding import exact_funding, funding_cash_flow
from tests.portfolio.strategies import decimals

sizes = decimals("-1000", "1000", 3)
prices = decimals("0.0001", "100000", 4)
rates = decimals("-0.03", "0.03", 8)


def test_positive_funding_and_a_long_is_cash_paid() -> None:
    """Long 2 BTC, mark 25 000, rate +0.01 % for the interval: the long pays 5 USDT, a short of 2 gets it."""
    rate = Decimal("0.0001")
    assert funding_cash_flow(size=Decimal(2), price=Decimal(25_000), rate=rate) == Decimal("-5")
    assert funding_cash_flow(size=Decimal(-2), price=Decimal(25_000), rate=rate) == Decimal("5")
    assert funding_cash_flow(size=Decimal(2), price=Decimal(25_000), rate=-rate) == Decimal("5")


@given(size=sizes, price=prices, rate=rates)
def test_funding_of_long_and_short_sums_to_zero_before_rounding(
    size: Decimal, price: Decimal, rate: Decimal
) -> None:
    assert exact_funding(size, price, rate) + exact_funding(-size, price, rate) == 0


@given(size=sizes, price=prices, rate=rates)
def test_funding_is_rounded_once_half_even_to_the_coins_increment(
    size: Decimal, price: Decimal, rate: Decimal
) -> None:
    flow = funding_cash_flow(size, price, rate)
    assert flow % COIN_INCREMENT == 0
    assert abs(flow - exact_funding(size, price, rate)) <= COIN_INCREMENT / 2


@given(amount=st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, places=15))
def test_rounding_is_idempotent(amount: Decimal) -> None:
    assert round_coin(round_coin(amount)) == round_coin(amount)


def test_half_even_at_the_tie() -> None:
    assert round_coin(Decimal("0.000000005")) == Decimal("0.00000000")
    assert round_coin(Decimal("0.000000015")) == Decimal("0.00000002")
