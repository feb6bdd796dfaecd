"""Liquidation price and joint distances (SEMANTICS 2)."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.domain.money import ONE
from services.portfolio.distance import (
    _directions,
    coin_distance,
    first_crossing,
    joint_distance,
    liquidation_price,
    nearest_coin_distance,
    sheet_of,
    single_leg_liquidation,
    usage_below_one,
)
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import account_margin
from services.portfolio.shock import Shock, shocked
from tests.portfolio.builders import FLAT_TIER, account, d, perp, position
from tests.portfolio.strategies import accounts, decimals, healthy_balances

PAR: dict[str, Decimal | None] = {"USD": d(1), "USDT": d(1), "USDC": d(1), "BUSD": d(1)}
USDT_PERP = perp("USDT", tiers=FLAT_TIER)
BTC_T = perp("BTC", "USDT", tiers=FLAT_TIER)
BTC_C = perp("BTC", "USDC", tiers=FLAT_TIER)
WEIGHT = {"USDT": d("0.975")}
NEARLY = Decimal("1e-20")


def close(first: Decimal | None, second: Decimal) -> bool:
    return first is not None and abs(first - second) < NEARLY


# ---- closed forms ------------------------------------------------------------------------------------------


def test_liquidation_price_of_a_long_on_its_own_collateral_has_the_closed_form() -> None:
    """b = 100 000, w = 0.975, q = 400 000, m = 0.03: q / (wb + q(1 - m)) = 0.82389."""
    held = position(USDT_PERP, "400000", "1", "1", PAR)
    account_ = account({"USDT": d(100_000)}, (held,), indexes=PAR, weights=dict(WEIGHT))
    price = liquidation_price(account_, USDT_PERP.id)
    assert price is not None
    assert close(price, d(400_000) / (d("0.975") * 100_000 + d(400_000) * d("0.97")))
    assert round(price, 5) == d("0.82389")


@given(
    balance=st.integers(10_000, 300_000),
    notional=st.integers(50_000, 900_000),
    weight=st.integers(50, 100),
    maintenance=st.integers(1, 9),
)
@settings(max_examples=60)
def test_liquidation_price_equals_the_closed_form(
    balance: int, notional: int, weight: int, maintenance: int
) -> None:
    b, q, w, m = d(balance), d(notional), d(weight) / 100, d(maintenance) / 100
    expected = q / (w * b + q * (1 - m))
    assume(expected < 1)
    tier = msgspec.structs.replace(FLAT_TIER[0], maintenance=m)
    held = position(perp("USDT", tiers=(tier,)), q, "1", "1", PAR)
    account_ = account({"USDT": b}, (held,), indexes=PAR, weights={"USDT": w})
    assert close(liquidation_price(account_, held.instrument.id), expected)
    assert close(coin_distance(account_, "USDT"), 1 - expected)
    assert close(joint_distance(account_), 1 - expected)


def test_a_long_on_usd_collateral_by_hand() -> None:
    """10 000 + 2 (k - 1) 20 000 = 0.03 x 40 000 k: k = 30 000 / 38 800."""
    held = position(perp("BTC", tiers=FLAT_TIER), "2", "20000", "20000", PAR)
    account_ = account({"USD": d(10_000)}, (held,), indexes=PAR)
    assert close(liquidation_price(account_, held.instrument.id), d(20_000) * d(30_000) / d(38_800))
    assert close(joint_distance(account_), 1 - d(30_000) / d(38_800))


def test_a_short_is_liquidated_above() -> None:
    """10 000 - 40 000 (k - 1) = 1 200 k: k = 50 000 / 41 200."""
    held = position(perp("BTC", tiers=FLAT_TIER), "-2", "20000", "20000", PAR)
    account_ = account({"USD": d(10_000)}, (held,), indexes=PAR)
    assert close(liquidation_price(account_, held.instrument.id), d(20_000) * d(50_000) / d(41_200))


def test_a_hedged_pair_has_no_near_liquidation_price_but_each_leg_alone_has() -> None:
    legs = (position(BTC_T, "-2", "20000", "20000", PAR), position(BTC_C, "2", "20000", "20000", PAR))
    account_ = account(
        {"USD": d(10_000)}, legs, indexes=PAR, weights={"USD": d(1), "USDT": d(1), "USDC": d(1)}
    )
    joint = liquidation_price(account_, BTC_T.id)
    alone = single_leg_liquidation(account_, BTC_T.id)
    assert joint is not None
    assert alone is not None
    # Maintenance 2 x 3 % of a rising notional eats 10 000 only at 4.17 times the price.
    assert close(joint, d(20_000) * d(10_000) / d(2_400))
    # Short alone: 10 000 - 40 000 (k - 1) = 1 200 k, in USDT.
    assert close(alone, d(20_000) * d(50_000) / d(41_200))


def test_collateral_of_the_same_underlying_moves_along() -> None:
    found = {**PAR, "BTC": d(20_000)}
    held = position(perp("BTC", tiers=FLAT_TIER), "2", "20000", "20000", found)
    with_coin = account({"BTC": d(1)}, (held,), indexes=found, weights={"USD": d(1), "BTC": d(1)})
    with_cash = account({"USD": d(20_000)}, (held,), indexes=found)
    first = liquidation_price(with_coin, held.instrument.id)
    second = liquidation_price(with_cash, held.instrument.id)
    # 20 000 k + 40 000 (k - 1) = 1 200 k
    assert close(first, d(20_000) * d(40_000) / d(58_800))
    assert second is not None
    assert first is not None
    assert first > second


def test_no_such_price_is_none() -> None:
    held = position(BTC_T, "0.1", "20000", "20000", PAR)
    account_ = account({"USD": d(50_000)}, (held,), indexes=PAR)
    assert liquidation_price(account_, BTC_T.id) is None
    assert joint_distance(account_) is None
    assert coin_distance(account_, "USDT") is None
    assert nearest_coin_distance(account_) is None


def test_already_liquidated_is_the_mark_and_distance_zero() -> None:
    held = position(BTC_T, "2", "20000", "20000", PAR)
    account_ = account({"USD": d(1_000)}, (held,), indexes=PAR)
    assert liquidation_price(account_, BTC_T.id) == d(20_000)
    assert joint_distance(account_) == 0
    assert coin_distance(account_, "BUSD") == 0
    assert not usage_below_one(account_)


def test_unknown_anything_is_none_and_not_clear_of_liquidation() -> None:
    held = position(BTC_T, "2", "20000", None, PAR)
    account_ = account({"USD": d(50_000)}, (held,), indexes=PAR)
    for found in (
        liquidation_price(account_, BTC_T.id),
        single_leg_liquidation(account_, BTC_T.id),
        joint_distance(account_),
        coin_distance(account_, "USDT"),
    ):
        assert found is None
    assert not usage_below_one(account_)
    assert liquidation_price(account_, "nothing.alpha") is None


def test_opposite_underlyings_do_not_hide_each_other_in_the_joint_distance() -> None:
    """Long BTC and short ETH: the adverse move is BTC down and ETH up, each by the same fraction."""
    legs = (
        position(perp("BTC", tiers=FLAT_TIER), "1", "20000", "20000", PAR),
        position(perp("ETH", tiers=FLAT_TIER), "-10", "2000", "2000", PAR),
    )
    account_ = account({"USD": d(10_000)}, legs, indexes=PAR)
    # 10 000 - 40 000 x = 1 200 (the notionals shift, their sum does not)
    assert close(joint_distance(account_), d(8_800) / d(40_000))


def test_the_fall_of_a_coin_hits_the_hidden_currency_position() -> None:
    """Long BTC margined in USDT (short USDT), short BTC margined in USDC (long USDC): USDC's fall hurts."""
    legs = (position(BTC_T, "2", "20000", "20000", PAR), position(BTC_C, "-2", "20000", "20000", PAR))
    account_ = account(
        {"USD": d(10_000)}, legs, indexes=PAR, weights={"USD": d(1), "USDT": d(1), "USDC": d(1)}
    )
    # Equity 10 000 - 40 000 x; the dollar price of BTC is held, so maintenance stays 2 400.
    assert close(coin_distance(account_, "USDC"), d(7_600) / d(40_000))
    assert coin_distance(account_, "USDT") is None
    assert nearest_coin_distance(account_) == ("USDC", coin_distance(account_, "USDC"))


def test_the_crossing_behind_a_bracket_is_found() -> None:
    """A short whose notional grows past 250 000 on the way: the second bracket decides."""
    held = position(perp("BTC"), "-10", "20000", "20000", PAR)
    account_ = account({"USD": d(100_000)}, (held,), indexes=PAR)
    # 100 000 - 200 000 (k - 1) = 200 000 k x 0.05 - 5 000
    assert close(liquidation_price(account_, held.instrument.id), d(20_000) * d(305_000) / d(210_000))


# ---- properties --------------------------------------------------------------------------------------------


def usage_at(account_: AccountInput, shock: Shock) -> Decimal | None:
    return account_margin(shocked(account_, shock)).usage


@given(account_=accounts(balance=healthy_balances))
@settings(max_examples=80)
def test_liquidation_price_reinserted_gives_usage_one(account_: AccountInput) -> None:
    assume(usage_below_one(account_))
    for held in account_.positions:
        price = liquidation_price(account_, held.instrument.id)
        if price is None or price <= 0:
            continue
        assert held.mark is not None
        factor = price / held.mark
        usage = usage_at(account_, Shock(underlyings={held.instrument.underlying: factor}))
        assert usage is not None
        assert abs(usage - 1) < Decimal("1e-15")
        # Within one tick: one tick further usage is above 1, one tick nearer it is below.
        tick = held.instrument.price_increment * (1 if price > held.mark else -1)
        beyond = usage_at(
            account_, Shock(underlyings={held.instrument.underlying: (price + tick) / held.mark})
        )
        nearer = usage_at(
            account_, Shock(underlyings={held.instrument.underlying: (price - tick) / held.mark})
        )
        assert beyond is None or beyond > 1
        assert nearer is not None
        assert nearer < 1


@given(account_=accounts(balance=healthy_balances), coin=st.sampled_from(("USDT", "USDC", "BUSD")))
@settings(max_examples=80)
def test_coin_distance_reinserted_gives_usage_one_and_no_smaller_fall_does(
    account_: AccountInput, coin: str
) -> None:
    assume(usage_below_one(account_))
    fall = coin_distance(account_, coin)
    if fall is None:
        usage = usage_at(account_, Shock(coins={coin: d("0.999999")}))
        assert usage is None or usage < 1 or not account_.positions
        return
    usage = usage_at(account_, Shock(coins={coin: fall}))
    assert usage is not None
    assert abs(usage - 1) < Decimal("1e-15")
    for share in (d("0.25"), d("0.5"), d("0.9"), d("0.999")):
        before = usage_at(account_, Shock(coins={coin: fall * share}))
        assert before is not None
        assert before < 1


@given(account_=accounts(balance=healthy_balances))
@settings(max_examples=30)
def test_the_directions_that_are_passed_over_would_not_have_been_nearer(account_: AccountInput) -> None:
    sheet = sheet_of(account_)
    assume(sheet is not None and sheet.legs)
    assert sheet is not None
    names = tuple(dict.fromkeys(name for name, _, _ in sheet.legs))
    nearest: Decimal | None = None
    for signs in _directions(sheet, names):
        move = first_crossing(sheet, dict(zip(names, signs, strict=True)), d(1) if d(-1) in signs else None)
        if move is not None and (nearest is None or move < nearest):
            nearest = move
    assert str(joint_distance(account_)) == str(nearest)


@given(account_=accounts(max_count=4), within=decimals("0", "0.6", 2))
@settings(max_examples=80)
def test_a_distance_asked_for_within_a_bound_is_the_same_or_not_smaller_than_it(
    account_: AccountInput, within: Decimal
) -> None:
    """Also of an account that stands below the edge already, or on it."""
    distance = joint_distance(account_)
    expected = distance if distance is not None and distance < within else None
    assert str(joint_distance(account_, within)) == str(expected)


@given(account_=accounts(balance=healthy_balances, max_count=4), data=st.data())
@settings(max_examples=60)
def test_no_uniform_move_smaller_than_the_joint_distance_reaches_usage_one(
    account_: AccountInput, data: st.DataObject
) -> None:
    assume(usage_below_one(account_))
    names = tuple(dict.fromkeys(held.instrument.underlying for held in account_.positions if held.size != 0))
    assume(names)
    distance = joint_distance(account_)
    most = d("0.95") if distance is None else min(distance, d("0.95")) * d("0.999")
    signs = data.draw(st.tuples(*(st.sampled_from((d(-1), d(1))) for _ in names)))
    moves = {name: 1 + sign * most for name, sign in zip(names, signs, strict=True)}
    usage = usage_at(account_, Shock(underlyings=moves))
    assert usage is not None
    assert usage < 1


@given(account_=accounts(balance=healthy_balances))
@settings(max_examples=50)
def test_distances_exist_only_inside_their_range(account_: AccountInput) -> None:
    distance = joint_distance(account_)
    assert distance is None or distance >= 0
    for coin in ("USDT", "USDC", "BUSD"):
        fall = coin_distance(account_, coin)
        assert fall is None or 0 <= fall < 1


@pytest.mark.parametrize("count", [5, 6])
def test_many_underlyings_still_give_a_distance(count: int) -> None:
    held = tuple(
        position(perp(f"SYN{number}", tiers=FLAT_TIER), "1" if number % 2 else "-1", "10000", "10000", PAR)
        for number in range(count)
    )
    account_ = account({"USD": d(10_000)}, held, indexes=PAR)
    # Half long, half short: against us everywhere at once, maintenance shifts only by the odd one.
    distance = joint_distance(account_)
    assert distance is not None
    assert distance < d(10_000) / (d(10_000) * count)


def test_beyond_four_underlyings_hedged_legs_and_an_outright_one_move_each_its_worst_way() -> None:
    """A pair that is a little longer than short needs more margin when it rises, the outright long when it
    falls: against the net, both would fall, and the pairs' falling requirement would hide the loss."""
    pairs = tuple(
        position(perp(f"SYN{number}", quote, tiers=FLAT_TIER), size, "10000", "10000", PAR)
        for number in range(4)
        for quote, size in (("USD", "10.1"), ("USDC", "-10"))
    )
    long = position(perp("BTC", tiers=FLAT_TIER), "2", "20000", "20000", PAR)
    account_ = account({"USD": d(60_000), "USDC": d(1_000)}, (*pairs, long), indexes=PAR)
    sheet = sheet_of(account_)
    assert sheet is not None
    names = ("BTC", "SYN0", "SYN1", "SYN2", "SYN3")
    every = [
        first_crossing(sheet, dict(zip(names, signs, strict=True)), ONE)
        for signs in product((-ONE, ONE), repeat=len(names))
    ]
    nearest = min(move for move in every if move is not None)
    assert joint_distance(account_) == nearest
    common = [first_crossing(sheet, dict.fromkeys(names, sign), ONE) for sign in (-ONE, ONE)]
    assert all(move is None or move > nearest for move in common)
