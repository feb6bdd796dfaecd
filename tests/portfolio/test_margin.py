"""Cross margin (SEMANTICS 2): tables with figures worked out by hand, and every property by its sentence."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Side
from services.domain.money import COIN_INCREMENT
from services.portfolio.inputs import UNKNOWN, AccountInput
from services.portfolio.margin import (
    account_margin,
    merge_margins,
    portfolio_margin,
    value_position,
    with_fills,
    worst_usage,
)
from tests.portfolio.builders import INDEXES, TIERS, WEIGHTS, account, d, perp, position
from tests.portfolio.strategies import COINS, accounts, decimals

BTC = perp("BTC", "USDT")
PAR: dict[str, Decimal | None] = {"USD": d(1), "USDT": d(1), "USDC": d(1), "BUSD": d(1)}


def replaced(account_: AccountInput, **changes: object) -> AccountInput:
    return msgspec.structs.replace(account_, **changes)


# ---- tables ------------------------------------------------------------------------------------------------


def test_collateral_of_the_simulators_opening_balances_by_hand() -> None:
    margin = account_margin(account(indexes=PAR))
    # 12 500 + 15 000 x 0.975 x 2 + 7 500 x 0.90
    assert margin.collateral == d(48_500)
    # 12 500 + 15 000 x 0.95 x 2 + 7 500 x 0.85
    assert margin.collateral_initial == d(47_375)
    assert margin.equity == d(50_000)
    assert margin.leverage == margin.usage == 0
    assert not margin.infinite


def test_a_position_by_hand() -> None:
    held = position(BTC, "2", "20000", "21000", PAR)
    margin = account_margin(account({"USDT": d(10_000)}, (held,), indexes=PAR))
    assert margin.upnl == d(2_000)
    assert margin.equity == d(12_000)
    assert margin.collateral == d(12_000) * d("0.975")
    assert margin.collateral_initial == d(12_000) * d("0.95")
    assert margin.notional == d(42_000)
    assert margin.maintenance == d(1_260)
    assert margin.initial == d(4_200)
    assert margin.leverage == d(42_000) / d(11_700)
    assert margin.usage == d(1_260) / d(11_700)
    assert margin.initial_usage == d(4_200) / d(11_400)
    assert margin.symbol_notional == {"BTC-USDT-PERP": d(42_000)}


def test_a_negative_coin_counts_in_full() -> None:
    margin = account_margin(account({"USD": d(10_000), "USDT": d(-1_000)}, indexes=PAR))
    assert margin.collateral == d(9_000)


def test_upnl_alone_can_turn_a_coin_negative() -> None:
    held = position(BTC, "1", "20000", "19000", PAR)
    margin = account_margin(account({"USD": d(10_000)}, (held,), indexes=PAR))
    assert margin.collateral == margin.equity == d(9_000)


@pytest.mark.parametrize(
    ("notional", "maintenance", "initial"),
    [
        (d(100_000), d(3_000), d(10_000)),
        (d(250_000), d(7_500), d(25_000)),
        (d(300_000), d(300_000) * d("0.05") - d(5_000), d(30_000)),
    ],
)
def test_requirements_by_the_venues_brackets(
    notional: Decimal, maintenance: Decimal, initial: Decimal
) -> None:
    held = position(BTC, notional / 20_000, "20000", "20000", PAR)
    margin = account_margin(account({"USD": d(100_000)}, (held,), indexes=PAR))
    assert margin.maintenance == maintenance
    assert margin.initial == initial


def test_notional_is_in_usd_not_in_the_quote_coin() -> None:
    held = position(BTC, "1", "20000", "20000", {"USDT": d("0.95")})
    valued = value_position(held)
    assert valued.notional == d(19_000)


def test_a_symbols_leverage_is_the_larger_of_setting_and_notional_over_collateral() -> None:
    held = position(BTC, "1", "20000", "20000", PAR)
    settings_: dict[str, Decimal | None] = {BTC.id: d(10)}
    by_setting = account_margin(account({"USD": d(10_000)}, (held,), indexes=PAR, leverage=settings_))
    assert by_setting.symbol_leverage == {BTC.symbol: d(10)}
    by_size = account_margin(account({"USD": d(1_000)}, (held,), indexes=PAR, leverage=settings_))
    assert by_size.symbol_leverage == {BTC.symbol: d(20)}


def test_quote_and_settle_may_differ() -> None:
    held = position(perp("BTC", "USD", settle="USDT"), "1", "20000", "21000", {"USD": d(1), "USDT": d("0.5")})
    margin = account_margin(account({}, (held,), indexes={"USD": d(1), "USDT": d("0.5")}))
    assert margin.equity == d(1_000)
    assert margin.collateral == d(975)


# ---- unknown, infinite -------------------------------------------------------------------------------------


def test_collateral_at_or_below_zero_with_anything_open_is_infinite_leverage() -> None:
    held = position(BTC, "1", "20000", "20000", PAR)
    for balance in (d(0), d(-1)):
        margin = account_margin(account({"USD": balance}, (held,), indexes=PAR))
        assert margin.infinite
        assert margin.leverage is None
        assert margin.usage is None
        assert margin.symbol_leverage == {BTC.symbol: None}


def test_no_fresh_index_of_a_held_coin_makes_collateral_unknown() -> None:
    found = {**INDEXES, "BUSD": None}
    margin = account_margin(account(indexes=found))
    assert margin.collateral is None
    assert margin.equity is None
    assert not margin.infinite
    held = position(BTC, "1", "20000", "20000")
    assert account_margin(account(positions=(held,), indexes=found)).infinite


def test_an_index_that_no_balance_needs_may_be_missing() -> None:
    margin = account_margin(account({"USD": d(5), "BUSD": d(0)}, indexes={"USD": d(1)}))
    assert margin.collateral == d(5)


def test_stale_balances_make_collateral_unknown() -> None:
    assert account_margin(account(balances_known=False)).collateral is None


def test_an_unknown_weight_counts_zero() -> None:
    margin = account_margin(account({"USDT": d(100)}, indexes=PAR, weights={"USDT": None}))
    assert margin.collateral == 0
    assert margin.equity == d(100)
    assert account_margin(account({"USDT": d(100)}, indexes=PAR, weights={})).collateral == 0


def test_unknown_margin_tiers_make_the_requirement_unknown() -> None:
    for tiers in (None, ()):
        held = position(perp("BTC", "USDT", tiers=tiers), "1", "20000", "20000")
        margin = account_margin(account(positions=(held,)))
        assert margin.maintenance is None
        assert margin.usage is None
        assert margin.initial_usage is None
        assert margin.leverage is not None


def test_a_notional_above_the_last_bracket_has_no_known_requirement() -> None:
    held = position(perp("BTC", "USDT", tiers=TIERS[:1]), "20", "20000", "20000")
    assert account_margin(account(positions=(held,))).usage is None


@pytest.mark.parametrize("bad", [None, d("NaN"), d("Infinity"), d(0), d(-1)])
@pytest.mark.parametrize("part", ["mark", "quote_usd", "index"])
def test_no_unusable_figure_ever_yields_a_finite_leverage(bad: Decimal | None, part: str) -> None:
    held = position(BTC, "1", "20000", "20000")
    account_ = account(positions=(held,))
    if part == "index":
        account_ = replaced(account_, indexes={**account_.indexes, "USDT": bad})
    else:
        account_ = replaced(account_, positions=(msgspec.structs.replace(held, **{part: bad}),))
    margin = account_margin(account_)
    assert margin.infinite
    assert margin.leverage is None


@pytest.mark.parametrize("part", ["size", "entry"])
def test_a_position_that_is_no_number_is_never_harmless(part: str) -> None:
    held = msgspec.structs.replace(position(BTC, "1", "20000", "20000"), **{part: d("NaN")})
    assert account_margin(account(positions=(held,))).infinite


def test_an_unknown_balance_makes_collateral_unknown() -> None:
    held = position(BTC, "1", "20000", "20000")
    assert account_margin(account({"USDT": UNKNOWN}, (held,))).infinite


def test_unknown_fee_or_weight_is_never_read_as_harmless() -> None:
    dark = perp("BTC", "USDT", taker_fee=None)
    plain = account(positions=(position(BTC, "1", "20000", "20000"),), marks={dark.id: d(20_000)})
    assert account_margin(with_fills(plain, [(dark, Side.BUY, d(1), d(20_000))])).infinite
    for weight in (None, d("NaN"), d(-1)):
        weights: dict[str, Decimal | None] = {**WEIGHTS, "USDT": weight}
        less = account_margin(replaced(plain, weights_total=weights, weights_initial=weights))
        full = account_margin(plain)
        assert less.collateral is not None
        assert full.collateral is not None
        assert less.collateral < full.collateral
    heavy: dict[str, Decimal | None] = {**WEIGHTS, "USDT": d(5)}
    margin = account_margin(replaced(plain, weights_total=heavy))
    assert margin.collateral is not None
    assert margin.equity is not None
    assert margin.collateral < margin.equity


def test_an_inverse_position_is_never_valued_as_a_linear_one() -> None:
    inverse = msgspec.structs.replace(BTC, inverse=True)
    held = msgspec.structs.replace(position(BTC, "1", "20000", "20000"), instrument=inverse)
    assert account_margin(account(positions=(held,))).infinite


# ---- over all accounts -------------------------------------------------------------------------------------


def test_over_all_uses_the_sums_and_one_unknown_account_makes_them_unknown() -> None:
    one = account({"USD": d(10_000)}, (position(BTC, "1", "20000", "20000", PAR),), indexes=PAR)
    two = account({"USD": d(30_000)}, venue="beta", indexes=PAR)
    both = portfolio_margin([one, two])
    assert both.collateral == d(40_000)
    assert both.leverage == d("0.5")
    assert not both.infinite
    blind = portfolio_margin([one, replaced(two, balances_known=False)])
    assert blind.collateral is None
    assert blind.infinite


def test_the_worst_account_is_named() -> None:
    held = position(BTC, "1", "20000", "20000", PAR)
    calm = account_margin(account({"USD": d(50_000)}, (held,), indexes=PAR))
    tight = account_margin(account({"USD": d(5_000)}, (held,), indexes=PAR))
    gone = account_margin(account({}, (held,), indexes=PAR))
    worst = worst_usage({"alpha": calm, "beta": tight})
    assert worst is not None
    assert worst[0] == "beta"
    worst = worst_usage({"alpha": gone, "beta": tight})
    assert worst is not None
    assert worst[0] == "alpha"
    assert worst_usage({}) is None


@given(first=accounts(), second=accounts())
@settings(max_examples=50)
def test_merging_margins_equals_the_sum_over_accounts(first: AccountInput, second: AccountInput) -> None:
    parts = [account_margin(first), account_margin(second)]
    both = merge_margins(parts)
    assert both == portfolio_margin([first, second])
    assert both.equity == sum(part.equity or 0 for part in parts)
    assert both.notional == sum(part.notional or 0 for part in parts)


# ---- properties by their sentences -------------------------------------------------------------------------


@given(account_=accounts())
@settings(max_examples=80)
def test_notional_is_never_negative(account_: AccountInput) -> None:
    margin = account_margin(account_)
    assert margin.notional is not None
    assert margin.notional >= 0
    assert all(value >= 0 for value in margin.symbol_notional.values())


@given(account_=accounts(), coin=st.sampled_from(COINS), more=decimals("0", "50000", 4))
@settings(max_examples=100)
def test_collateral_never_falls_when_a_balance_rises(
    account_: AccountInput, coin: str, more: Decimal
) -> None:
    richer = replaced(
        account_, balances={**account_.balances, coin: account_.balances.get(coin, d(0)) + more}
    )
    before, after = account_margin(account_), account_margin(richer)
    assert before.collateral is not None
    assert after.collateral is not None
    assert after.collateral >= before.collateral
    assert before.collateral_initial is not None
    assert after.collateral_initial is not None
    assert after.collateral_initial >= before.collateral_initial


@given(account_=accounts())
@settings(max_examples=80)
def test_turning_upnl_into_balance_changes_neither_c_nor_equity(account_: AccountInput) -> None:
    balances = dict(account_.balances)
    settled = []
    for held in account_.positions:
        assert held.mark is not None
        settle = held.instrument.settle
        balances[settle] = balances.get(settle, d(0)) + held.size * (held.mark - held.entry)
        settled.append(msgspec.structs.replace(held, entry=held.mark))
    before = account_margin(account_)
    after = account_margin(replaced(account_, balances=balances, positions=tuple(settled)))
    assert after.collateral == before.collateral
    assert after.collateral_initial == before.collateral_initial
    assert after.equity == before.equity
    assert after.upnl == 0


@given(account_=accounts(), coin=st.sampled_from(("USDT", "USDC")), share=decimals("0", "1", 2))
@settings(max_examples=80)
def test_splitting_a_balance_changes_nothing(account_: AccountInput, coin: str, share: Decimal) -> None:
    """Part of it lies in the balance, part in the uPnL of a position: one pool, whatever the split."""
    whole = account_.balances[coin]
    part = (whole * share).quantize(COIN_INCREMENT)
    extra = perp("XYZ", coin)
    together = position(extra, 1, "50000", "50000", account_.indexes)
    apart = position(extra, 1, d(50_000) - part, "50000", account_.indexes)
    first = account_margin(replaced(account_, positions=(*account_.positions, together)))
    split = replaced(
        account_, balances={**account_.balances, coin: whole - part}, positions=(*account_.positions, apart)
    )
    second = account_margin(split)
    assert second.collateral == first.collateral
    assert second.collateral_initial == first.collateral_initial
    assert second.equity == first.equity
    assert second.usage == first.usage


@given(account_=accounts())
@settings(max_examples=60)
def test_weights_of_one_make_collateral_equal_equity(account_: AccountInput) -> None:
    full: dict[str, Decimal | None] = {coin: d(1) for coin in COINS}
    margin = account_margin(replaced(account_, weights_total=full, weights_initial=full))
    assert margin.collateral == margin.collateral_initial == margin.equity


@given(account_=accounts())
@settings(max_examples=60)
def test_collateral_never_exceeds_equity(account_: AccountInput) -> None:
    margin = account_margin(account_)
    assert margin.collateral is not None
    assert margin.equity is not None
    assert margin.collateral <= margin.equity
