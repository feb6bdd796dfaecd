"""Edges of the margin arithmetic, each found by a change of code that no test noticed (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.instrument import Instrument, MarginTier
from services.portfolio.inputs import AccountInput, PositionInput
from services.portfolio.margin import (
    Margin,
    account_margin,
    bracket,
    effective_weight,
    merge_margins,
    sound,
    value_position,
    worst_usage,
)
from tests.portfolio import builders
from tests.portfolio.builders import perp

D = Decimal
BTC = perp("BTC", "USDT")
ETH = perp("ETH", "USDT")


def position(instrument: Instrument, size: str) -> PositionInput:
    price = {"BTC": "20000", "ETH": "1500"}[instrument.underlying]
    return builders.position(instrument, size, price, price)


def account(*positions: PositionInput) -> AccountInput:
    return builders.account(positions=positions)


def held(**changes: Any) -> PositionInput:
    return msgspec.structs.replace(position(BTC, "1"), **changes)


TIERS = (
    MarginTier(cap=D(1_000), initial=D("0.1"), maintenance=D("0.05")),
    MarginTier(cap=None, initial=D("0.2"), maintenance=D("0.1"), cum=D(50)),
)


def test_a_bracket_holds_up_to_its_cap_inclusive() -> None:
    assert bracket(TIERS, D(1_000)) is TIERS[0]
    assert bracket(TIERS, D("1000.01")) is TIERS[1]
    assert bracket(TIERS[:1], D("1000.01")) is None
    assert bracket(None, D(1)) is None


@pytest.mark.parametrize("field", ["cap", "initial", "maintenance", "cum"])
@pytest.mark.parametrize("bad", [D("NaN"), D("Infinity"), D(-1)])
@pytest.mark.parametrize("place", [0, 1])
def test_one_figure_that_is_none_spoils_the_whole_table(field: str, bad: Decimal, place: int) -> None:
    tiers = list(TIERS)
    tiers[place] = msgspec.structs.replace(tiers[place], **{field: bad})
    assert not sound(tuple(tiers))
    assert bracket(tuple(tiers), D(500)) is None
    assert sound(TIERS)
    zero = msgspec.structs.replace(TIERS[0], **{field: D(0)})
    assert sound((zero,)) is (field == "cum")


def test_weights_are_between_nothing_and_one() -> None:
    cases = [(None, 0), ("NaN", 0), ("-0.1", 0), ("0", 0), ("0.4", "0.4"), ("1", 1), ("1.5", 1)]
    for weight, counts in cases:
        assert effective_weight(None if weight is None else D(weight)) == D(counts)


@pytest.mark.parametrize(
    "changes",
    [
        {"mark": None}, {"mark": D("NaN")}, {"mark": D(0)}, {"quote_usd": None}, {"quote_usd": D(-1)},
        {"size": D("NaN")}, {"entry": D("NaN")}, {"entry": D(0)}, {"entry": D(-5)},
    ],
)  # fmt: skip
def test_a_position_is_worth_nothing_known_without_any_one_of_its_figures(changes: dict[str, Any]) -> None:
    valued = value_position(held(**changes))
    assert (valued.notional, valued.upnl, valued.upnl_settle) == (None, None, None)


@pytest.mark.parametrize("settle", [None, D("NaN"), D(0)])
def test_profit_in_another_coin_needs_that_coins_index(settle: Decimal | None) -> None:
    mixed = msgspec.structs.replace(BTC, settle="USDC")
    valued = value_position(held(instrument=mixed, settle_usd=settle))
    assert valued.notional is not None
    assert valued.upnl is not None
    assert valued.upnl_settle is None
    known = value_position(held(instrument=mixed, settle_usd=D("0.5"), entry=D(1)))
    assert known.upnl is not None
    assert known.upnl_settle == known.upnl * 2


def test_a_coin_without_a_balance_takes_the_index_of_the_position_that_settles_in_it() -> None:
    gain = held(entry=D(1), settle_usd=D("0.9"))
    bare = msgspec.structs.replace(account(gain), balances={"USD": D(100)}, indexes={"USD": D(1)})
    margin = account_margin(bare)
    assert gain.mark is not None
    assert margin.equity == 100 + (gain.mark - 1) * D("0.9")
    blind = account_margin(msgspec.structs.replace(bare, positions=(held(entry=D(1), settle_usd=None),)))
    assert blind.equity is None


def test_an_unknown_position_hides_no_other_and_makes_the_sums_unknown() -> None:
    both = account(held(mark=None), position(ETH, "1"))
    margin = account_margin(both)
    assert set(margin.symbol_notional) == {ETH.symbol}
    assert margin.symbol_leverage[BTC.symbol] is None
    assert (margin.notional, margin.upnl, margin.maintenance, margin.initial) == (None,) * 4
    assert margin.infinite
    other = account_margin(account(position(ETH, "1"), held(mark=None)))
    assert (other.notional, other.upnl, other.maintenance, other.initial) == (None,) * 4


def test_an_unsound_table_makes_both_requirements_unknown_and_nothing_else() -> None:
    untabled = msgspec.structs.replace(BTC, tiers=None)
    for positions in (
        (held(instrument=untabled), position(ETH, "1")),
        (position(ETH, "1"), held(instrument=untabled)),
    ):
        margin = account_margin(account(*positions))
        assert (margin.maintenance, margin.initial) == (None, None)
        assert margin.notional is not None
        assert not margin.infinite


def test_a_size_that_is_no_number_is_open() -> None:
    margin = account_margin(account(held(size=D("NaN"))))
    assert margin.anything_open
    assert margin.infinite
    assert not account_margin(account(held(size=D(0)))).anything_open


@pytest.mark.parametrize(("collateral", "infinite"), [("0.5", False), ("0", True), ("-1", True)])
def test_any_collateral_above_zero_is_a_base(collateral: str, infinite: bool) -> None:
    small = held(size=D("0.00001"), entry=held().mark)
    wallet = msgspec.structs.replace(account(small), balances={"USD": D(collateral)}, indexes={"USD": D(1)})
    margin = account_margin(wallet)
    assert margin.infinite is infinite
    assert (margin.usage is None) is infinite


def test_a_coin_netted_to_nothing_needs_no_index() -> None:
    empty = AccountInput("alpha", {"DOGE": D(0), "USD": D("0.5")}, {"USD": D(1)}, {}, {}, ())
    assert account_margin(empty).equity == D("0.5")
    assert account_margin(empty).collateral == D("0.5")


# -- over accounts --------------------------------------------------------------------------------------


def part(**changes: Any) -> Margin:
    return msgspec.structs.replace(account_margin(account(position(BTC, "1"))), **changes)


def test_the_sum_adds_symbols_takes_the_larger_setting_and_forgets_what_one_does_not_know() -> None:
    one = part(symbol_setting={BTC.symbol: D(3)})
    other = part(symbol_setting={BTC.symbol: D(7)})
    total = merge_margins((one, other))
    assert total.symbol_notional[BTC.symbol] == 2 * one.symbol_notional[BTC.symbol]
    assert total.symbol_setting == {BTC.symbol: D(7)}
    assert merge_margins((other, one)).symbol_setting == {BTC.symbol: D(7)}
    assert total.symbol_leverage[BTC.symbol] == 7
    blind = part(symbol_notional={}, symbol_leverage={BTC.symbol: None}, notional=None)
    for order in ((one, blind), (blind, one)):
        unknown = merge_margins(order)
        assert unknown.symbol_notional == {}
        assert unknown.symbol_leverage == {BTC.symbol: None}
        assert unknown.infinite
    assert merge_margins((part(symbol_setting={BTC.symbol: D("0.001")}),)).symbol_setting == {
        BTC.symbol: D("0.001")
    }
    low = msgspec.structs.replace(account(held()), leverage_settings={BTC.id: D("0.5")})
    assert account_margin(low).symbol_setting == {BTC.symbol: D("0.5")}
    small = merge_margins((part(symbol_setting={BTC.symbol: D("0.001")}), one))
    assert small.symbol_setting == {BTC.symbol: D(3)}


def test_the_worst_account_is_infinite_then_unknown_then_the_fullest() -> None:
    full, fuller = part(usage=D("0.7"), infinite=False), part(usage=D(5), infinite=False)
    unknown, endless = part(usage=None, infinite=False), part(usage=None, infinite=True)

    def worst(**margins: Margin) -> str | None:
        found = worst_usage(margins)
        return None if found is None else found[0]

    assert worst() is None
    assert worst(a=full, b=fuller) == "b"
    assert worst(a=fuller, b=full) == "a"
    assert worst(a=unknown, b=fuller) == "a"
    assert worst(a=fuller, b=unknown, c=endless) == "c"
    assert worst(a=endless, b=unknown) == "a"
    assert worst(a=full, b=msgspec.structs.replace(full)) == "a"


def test_a_leverage_setting_that_is_no_number_is_above_every_limit() -> None:
    for bad in (D("NaN"), D(-3), D(0)):
        margin = account_margin(msgspec.structs.replace(account(held()), leverage_settings={BTC.id: bad}))
        leverage = margin.symbol_leverage[BTC.symbol]
        assert leverage is not None
        assert not leverage.is_finite()
    none = account_margin(msgspec.structs.replace(account(held()), leverage_settings={BTC.id: None}))
    assert none.symbol_setting == {}
