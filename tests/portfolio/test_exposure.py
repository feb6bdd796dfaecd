"""Coin exposure, the coin-shock rule, and that the one predicts the other (SEMANTICS 2 and 5.10)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.portfolio.exposure import coin_exposure, exposed_coins, total_exposure
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import account_margin
from services.portfolio.shock import Shock, shocked
from tests.portfolio.builders import account, d, perp, position
from tests.portfolio.strategies import accounts, decimals

PAR: dict[str, Decimal | None] = {"USD": d(1), "USDT": d(1), "USDC": d(1), "BUSD": d(1)}


def test_the_hidden_currency_position() -> None:
    """Long BTC in USDC against short BTC in USDT: short USDC and long USDT for the full notional."""
    long_leg = position(perp("BTC", "USDC"), "1", "20000", "20000", PAR)
    short_leg = position(perp("BTC", "USDT"), "-1", "20000", "20000", PAR)
    account_ = account({"USD": d(50_000)}, (long_leg, short_leg), indexes=PAR)
    assert coin_exposure(account_, "USDC").total == d(-20_000)
    assert coin_exposure(account_, "USDT").total == d(20_000)
    assert coin_exposure(account_, "BTC").total == 0


def test_balance_and_position_made_parts_are_apart() -> None:
    held = position(perp("USDT"), "-30000", "1", "1", PAR)
    found = coin_exposure(account({"USDT": d(40_000)}, (held,), indexes=PAR), "USDT")
    assert (found.balance, found.by_positions, found.total) == (d(40_000), d(-30_000), d(10_000))


def test_over_two_accounts_the_parts_add_up_and_unknown_stays_unknown() -> None:
    one = account({"USDT": d(100)}, indexes=PAR)
    two = account({"USDT": d(50)}, venue="beta", indexes=PAR)
    assert total_exposure([one, two], "USDT").total == d(150)
    dark = account({"USDT": d(50)}, venue="beta", indexes={"USD": d(1), "USDT": None})
    assert total_exposure([one, dark], "USDT").total is None
    held = position(perp("BTC", "USDT"), "1", "20000", None, PAR)
    blind = coin_exposure(account({}, (held,), indexes=PAR), "USDT")
    assert blind.by_positions is None
    assert blind.total is None


def test_exposed_coins_names_what_balances_or_positions_touch() -> None:
    held = position(perp("BTC", "USDC"), "1", "20000", "20000", PAR)
    assert exposed_coins([account({"BUSD": d(1)}, (held,), indexes=PAR)]) == ("USDC", "BUSD")
    assert exposed_coins([account({}, (), indexes=PAR)]) == ()


def test_a_coin_shock_re_marks_what_is_quoted_in_it_and_moves_its_perps() -> None:
    quoted = position(perp("BTC", "USDT"), "1", "20000", "20000", PAR)
    pegged = position(perp("USDT"), "1000", "1", "1", PAR)
    other = position(perp("BTC", "USDC"), "1", "20000", "20000", PAR)
    after = shocked(account({}, (quoted, pegged, other), indexes=PAR), Shock(coins={"USDT": d("0.2")}))
    assert [row.mark for row in after.positions] == [d(25_000), d("0.8"), d(20_000)]
    assert after.indexes["USDT"] == d("0.8")
    assert after.indexes["USDC"] == d(1)
    assert after.positions[0].quote_usd == d("0.8")


@pytest.mark.parametrize("fall", [d(1), d("1.5")])
def test_a_shock_that_leaves_nothing_is_refused(fall: Decimal) -> None:
    with pytest.raises(ValueError, match="not a positive number"):
        shocked(account(), Shock(coins={"USDT": fall}))


def test_the_dollar_never_moves() -> None:
    after = shocked(account({"USD": d(1)}, indexes=PAR), Shock(underlyings={"USD": d("0.5")}))
    assert after.indexes["USD"] == d(1)


@given(account_=accounts(), coin=st.sampled_from(("USDT", "USDC", "BUSD")), fall=decimals("0.01", "0.5", 2))
@settings(max_examples=80)
def test_a_shock_of_a_coin_costs_exposure_times_the_fall(
    account_: AccountInput, coin: str, fall: Decimal
) -> None:
    exposure = coin_exposure(account_, coin).total
    before = account_margin(account_).equity
    after = account_margin(shocked(account_, Shock(coins={coin: fall}))).equity
    assert exposure is not None
    assert before is not None
    assert after is not None
    assert abs((before - after) - exposure * fall) < d("1e-15")


@given(account_=accounts(), coin=st.sampled_from(("USDT", "USDC")), fall=decimals("0.01", "0.5", 2))
@settings(max_examples=60)
def test_a_shock_holds_the_usd_price_of_every_other_underlying(
    account_: AccountInput, coin: str, fall: Decimal
) -> None:
    after = shocked(account_, Shock(coins={coin: fall}))
    for old, new in zip(account_.positions, after.positions, strict=True):
        assert old.mark is not None
        assert old.quote_usd is not None
        assert new.mark is not None
        assert new.quote_usd is not None
        factor = 1 - fall if old.instrument.underlying == coin else d(1)
        assert abs(new.mark * new.quote_usd - old.mark * old.quote_usd * factor) < d("1e-20")


def test_coin_stress_is_never_zero_while_a_coin_is_exposed() -> None:
    """Neutral in BTC and without a single USDT or USDC in the account, a depeg still costs."""
    legs = (
        position(perp("BTC", "USDT"), "-1", "20000", "20000", PAR),
        position(perp("BTC", "USDC"), "1", "20000", "20000", PAR),
    )
    account_ = account({"USD": d(50_000)}, legs, indexes=PAR)
    before = account_margin(account_).equity
    after = account_margin(shocked(account_, Shock(coins={"USDT": d("0.05")}))).equity
    assert before is not None
    assert after is not None
    assert after - before == d(-1_000)


def test_unknown_marks_stay_unknown_under_a_shock() -> None:
    held = msgspec.structs.replace(position(perp("BTC", "USDT"), "1", "1", "1"), mark=None, quote_usd=None)
    after = shocked(account(positions=(held,)), Shock(coins={"USDT": d("0.1")}))
    assert after.positions[0].mark is None
    assert account_margin(after).infinite
