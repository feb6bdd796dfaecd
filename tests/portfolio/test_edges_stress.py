"""The stress table row by row in a world where no coin is a dollar, reckoned a second time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.portfolio.inputs import AccountInput, PositionInput
from services.portfolio.shock import Shock
from services.portfolio.stress import FundingLeg, StressRow, flipped_row, stress_row, stress_table
from tests.portfolio.builders import FLAT_TIER, account, d, perp, position

ODD: dict[str, Decimal | None] = {"USD": d(1), "USDT": d("0.8"), "USDC": d("1.25"), "BUSD": d("0.5")}
UP, DOWN = d("1.05"), d("0.95")


def two_accounts() -> list[AccountInput]:
    """Short 1 BTC in USDT and long 4 ETH in USDC on alpha; long 1 000 of the perp on BUSD on beta."""
    on_alpha = (
        position(perp("BTC", "USDT", tiers=FLAT_TIER), "-1", "20000", "21000", ODD),
        position(perp("ETH", "USDC", tiers=FLAT_TIER), "4", "1500", "1600", ODD),
    )
    on_beta = (position(perp("BUSD", venue="beta", tiers=FLAT_TIER), "1000", "0.6", "0.5", ODD),)
    return [
        account({"USD": d(9_000), "USDT": d(10_000)}, on_alpha, indexes=ODD),
        account({"USDC": d(4_000)}, on_beta, venue="beta", indexes=ODD),
    ]


def reckoned(accounts: list[AccountInput], shock: Shock) -> Decimal:
    """Equity by USD prices alone: what a thing is worth after its own fall or move, less what was paid."""

    def factor(coin: str) -> Decimal:
        part = shock.underlyings.get(coin, d(1)) * (1 - shock.coins.get(coin, d(0)))
        return d(1) if coin == "USD" else part

    total = d(0)
    for each in accounts:
        for coin, amount in each.balances.items():
            total += amount * (ODD[coin] or d(0)) * factor(coin)
        for held in each.positions:
            quote = held.instrument.quote
            dollar = (ODD[quote] or d(0)) * factor(quote)
            worth = (held.mark or d(0)) * (ODD[quote] or d(0)) * factor(held.instrument.underlying)
            total += held.size * (worth - held.entry * dollar)
    return total


def test_each_row_says_what_moves_and_what_that_leaves() -> None:
    accounts = two_accounts()
    coins = ("USDT", "USDC", "BUSD")
    each_down = {name: {coin: d(fall)} for coin in coins for fall, name in
                 ((f"0.{part:02}", f"{coin} −{part} %") for part in (1, 3, 10))}  # fmt: skip
    perps = ("BTC", "ETH", "BUSD")
    expected = {name: Shock(coins=falls) for name, falls in each_down.items()}
    expected["every perp +5 %"] = Shock(underlyings=dict.fromkeys(perps, UP))
    expected["every perp −5 %"] = Shock(underlyings=dict.fromkeys(perps, DOWN))
    # Against us: BTC rises (short), ETH and the perp on BUSD fall (long).
    expected["worst: USDT −10 %, each against us 5 %"] = Shock(
        underlyings={"BTC": UP, "ETH": DOWN, "BUSD": DOWN}, coins={"USDT": d("0.10")}
    )
    expected["USDT 2022-05 (0.95)"] = Shock(coins={"USDT": d("0.05")})
    expected["USDT 2022-11 (0.93)"] = Shock(coins={"USDT": d("0.07")})
    expected["USDC 2023-03 (0.8774)"] = Shock(coins={"USDC": d("0.1226")})
    rows = stress_table(accounts)
    assert [(row.name, row.shock) for row in rows] == list(expected.items())
    before = reckoned(accounts, Shock())
    for row in rows:
        assert row.shock is not None
        after = reckoned(accounts, row.shock)
        assert row.equity == pytest.approx(after, rel=d("1e-20"))
        assert row.equity_change == pytest.approx(after - before, rel=d("1e-18"))


def test_without_a_position_there_is_no_move_and_no_worst() -> None:
    rows = stress_table([account({"USDT": d(5)}, indexes=ODD)], held=["USDT"])
    assert [row.name for row in rows][:3] == ["USDT −1 %", "USDT −3 %", "USDT −10 %"]
    assert not [row for row in rows if row.name.startswith(("every", "worst", "funding"))]
    # The perp on the coin itself is no other thing that could move against us.
    own = (position(perp("USDT", tiers=FLAT_TIER), "10", "0.9", "0.8", ODD),)
    names = [row.name for row in stress_table([account({"USD": d(50)}, own, indexes=ODD)])]
    assert "every perp +5 %" in names
    assert not [name for name in names if name.startswith("worst")]
    flat = (position(perp("BTC", "USDT", tiers=FLAT_TIER), "0", "1", "1", ODD),)
    assert not [row for row in stress_table([account({}, flat, indexes=ODD)]) if row.name.startswith("every")]


def leg(pair: str, venue: str, settle: str, size: str, rate: str | None, hours: str | None,
        price: str | None = "1000") -> FundingLeg:  # fmt: skip
    known = [None if text is None else d(text) for text in (price, rate, hours)]
    return FundingLeg(
        pair=pair,
        venue=venue,
        settle=settle,
        size=d(size),
        price=known[0],
        rate=known[1],
        interval_h=known[2],
    )


def purses() -> list[AccountInput]:
    """Each holds a position, so that its leverage says whose balance was charged."""
    held = position(perp("ETH", "USDC", tiers=FLAT_TIER), "1", "1000", "1000", ODD)
    there = position(perp("ETH", "USDC", venue="beta", tiers=FLAT_TIER), "1", "1000", "1000", ODD)
    return [
        account({"USDT": d(5_000)}, (held,), indexes=ODD, weights=dict.fromkeys(ODD, d(1))),
        account({"USDC": d(2_000)}, (there,), venue="beta", indexes=ODD, weights=dict.fromkeys(ODD, d(1))),
    ]


def test_each_pair_is_turned_by_its_own_dollars_and_each_purse_pays_its_own_coin() -> None:
    """P-01: the short receives 1 000 x 0.01 x 3 = 30 USDT = 24 USD, the long pays 1 000 x 0.001 x 24 = 24
    USDC = 30 USD: it pays 6 USD already and goes on. P-02 receives 15 USDT = 12 USD and 8 USDC = 10 USD, and
    pays them. alpha: 30 - 15 = +15 USDT; beta: -24 - 8 = -32 USDC."""
    legs = [
        leg("P-01", "alpha", "USDT", "-1", "0.01", "8"),
        leg("P-01", "beta", "USDC", "1", "0.001", "1"),
        leg("P-02", "alpha", "USDT", "-1", "0.0025", "4"),
        leg("P-02", "beta", "USDC", "2", "-0.002", "12"),
    ]
    row = flipped_row(purses(), legs)
    assert row.equity_change == d(15) * d("0.8") - d(32) * d("1.25")
    assert row.equity == d(5_000) * d("0.8") + d(2_000) * d("1.25") + row.equity_change
    # beta: 30 of 1 250 USD kept free, of what is left of its purse.
    assert row.worst_venue == "beta"
    assert row.usage == d("37.50") / (d(1_968) * d("1.25"))
    assert (row.shock, row.infinite) == (None, False)


def test_a_pair_that_brings_exactly_nothing_stays_as_it_is() -> None:
    legs = [leg("P", "alpha", "USDT", "-1", "0.0125", "8"), leg("P", "beta", "USDC", "1", "0.008", "8")]
    row = flipped_row(purses(), legs)
    assert (row.equity_change, row.usage) == (d(0), d("37.50") / (d(1_976) * d("1.25")))


@pytest.mark.parametrize("rate", ["0.0002", "-0.0002"])
def test_half_a_dollar_is_paid_either_way_also_out_of_a_purse_without_the_coin(rate: str) -> None:
    row = flipped_row(purses(), [leg("P", "beta", "USDT", "1", rate, "8")])
    assert row.equity_change == d("-0.6") * d("0.8")


@pytest.mark.parametrize(
    "spoilt",
    [
        leg("P", "alpha", "USDT", "1", None, "8"),
        leg("P", "alpha", "USDT", "1", "0.1", None),
        leg("P", "alpha", "USDT", "1", "0.1", "0"),
        leg("P", "alpha", "USDT", "1", "0.1", "-8"),
        leg("P", "alpha", "USDT", "1", "0.1", "8", None),
        leg("P", "gamma", "USDT", "1", "0.1", "8"),
        leg("P", "alpha", "DAI", "1", "0.1", "8"),
    ],
)
def test_one_unknown_part_makes_the_whole_row_unknown(spoilt: FundingLeg) -> None:
    row = flipped_row(purses(), [leg("P", "beta", "USDC", "1", "0.01", "8"), spoilt])
    assert row == StressRow(
        name="funding flipped 24 h", equity=None, equity_change=None, usage=None, worst_venue=None,
        leverage=None, infinite=False,
    )  # fmt: skip


def worst_of(*accounts: AccountInput) -> StressRow:
    return next(row for row in stress_table(accounts) if row.name.startswith("worst"))


def against(size: str, coin: str, *, balance: str = "100", mark: str | None = "1600") -> AccountInput:
    held = (position(perp("ETH", coin, tiers=FLAT_TIER), size, "1600", mark, ODD),)
    return account({coin: d(balance), "USDT": d(20), "BUSD": d(30)}, held, indexes=ODD)


@pytest.mark.parametrize(
    "one",
    [
        against("40", "USDC"),
        against("-40", "USDC"),
        against("2", "USD", balance="9000"),
        against("-2", "USD", balance="9000"),
        against("1", "BUSD", balance="3000"),
    ],
)
def test_the_worst_combination_is_the_one_nobody_else_is_worse_than(one: AccountInput) -> None:
    """Collateral that is gone is worst, the deeper the worse; then the usage, then the loss."""
    row = worst_of(one)
    every = [
        stress_row("x", [one], Shock(underlyings={"ETH": move}, coins={coin: d("0.10")}))
        for coin in ("USDT", "USDC", "BUSD")
        for move in (UP, DOWN)
    ]
    gone = [each for each in every if each.infinite]
    assert row.infinite is bool(gone)
    if gone:
        assert row.equity == min(each.equity for each in gone if each.equity is not None)
    else:
        assert row.usage == max(each.usage for each in every if each.usage is not None)
        alike = [each.equity for each in every if each.usage == row.usage and each.equity is not None]
        assert row.equity == min(alike)


def test_a_position_of_unknown_worth_is_worse_than_any_known_figure() -> None:
    unknown = against("1", "USDC", mark=None)
    assert worst_of(unknown).infinite
    tierless = (position(perp("ETH", "USD", tiers=None), "1", "1600", "1600", ODD),)
    row = worst_of(account({"USD": d(9_000), "USDT": d(5)}, tierless, indexes=ODD))
    assert (row.usage, row.infinite) == (None, False)
    assert row.name == "worst: USDT −10 %, perps −5 %"
    tierless = (position(perp("ETH", "USD", tiers=None), "-1", "1600", "1600", ODD),)
    row = worst_of(account({"USD": d(9_000), "USDT": d(5)}, tierless, indexes=ODD))
    assert row.name == "worst: USDT −10 %, perps +5 %", "of those without a usage the deeper loss"


def at(underlying: str, usd: str) -> PositionInput:
    """A position of so many dollars, signed."""
    return position(perp(underlying, "USD", tiers=FLAT_TIER), d(usd) / 1_000, "1000", "1000", ODD)


@pytest.mark.parametrize(
    ("btc", "eth", "name", "moves"),
    [
        ("20000", "-0.5", "each against us ", {"BTC": DOWN, "ETH": UP}),
        ("-20000", "0.5", "each against us ", {"BTC": UP, "ETH": DOWN}),
        ("20000", "0.5", "perps −", {"BTC": DOWN, "ETH": DOWN}),
        ("-20000", "-0.5", "perps +", {"BTC": UP, "ETH": UP}),
    ],
)
def test_the_smallest_position_moves_against_us_too(
    btc: str, eth: str, name: str, moves: dict[str, Decimal]
) -> None:
    row = worst_of(account({"USD": d(9_000), "USDT": d(5)}, (at("BTC", btc), at("ETH", eth)), indexes=ODD))
    assert row.name == f"worst: USDT −10 %, {name}5 %"
    assert row.shock == Shock(underlyings=moves, coins={"USDT": d("0.10")})


def test_what_nets_to_nothing_beside_something_rises() -> None:
    """Its requirement grows with its price, whichever way the rest goes."""
    held = (at("BTC", "20000"), at("ETH", "3000"), at("ETH", "-3000"))
    row = worst_of(account({"USD": d(9_000), "USDT": d(5)}, held, indexes=ODD))
    assert row.shock == Shock(underlyings={"BTC": DOWN, "ETH": UP}, coins={"USDT": d("0.10")})


def test_of_combinations_that_leave_the_worst_account_alone_the_deeper_loss_is_worst() -> None:
    thin = account({"USD": d(9_000)}, (at("BTC", "20000"),), indexes=ODD)
    for usdt, usdc, name in (("50", "1000", "USDC"), ("1000", "50", "USDT")):
        rich = account({"USDT": d(usdt), "USDC": d(usdc)}, venue="beta", indexes=ODD)
        assert worst_of(thin, rich).name == f"worst: {name} −10 %, perps −5 %"


def test_a_coin_whose_own_perp_is_all_there_is_hides_no_other_coin() -> None:
    own = (position(perp("USDT", tiers=FLAT_TIER), "10", "0.9", "0.8", ODD),)
    row = worst_of(account({"USD": d(50), "USDC": d(5)}, own, indexes=ODD))
    assert row.name == "worst: USDC −10 %, perps +5 %"


def test_debts_elsewhere_that_eat_the_sum_make_the_row_infinite() -> None:
    well = account({"USD": d(9_000)}, (at("BTC", "20000"),), indexes=ODD)
    owing = account({"USD": d(-9_500)}, venue="beta", indexes=ODD)
    row = stress_row("x", [well, owing], Shock(coins={"USDT": d("0.01")}))
    assert (row.infinite, row.leverage) == (True, None)


def test_of_what_nets_to_nothing_no_side_is_against_us() -> None:
    """Long and short one ETH in one coin: a rise takes as much as it gives, and the coin's fall is all."""
    legs = (
        position(perp("ETH", "USD", tiers=FLAT_TIER), "1", "1600", "1600", ODD),
        position(perp("ETH", "USD", venue="beta", tiers=FLAT_TIER), "-1", "1600", "1600", ODD),
    )
    row = worst_of(account({"USD": d(9_000), "USDT": d(5)}, legs, indexes=ODD))
    assert row.equity == d(9_000) + d(5) * d("0.8") * d("0.9")
    # The requirement grows with the price: the rise is worse.
    assert row.shock is not None
    assert row.shock.underlyings == {"ETH": UP}


def test_the_presets_of_coins_that_nobody_here_trades_are_the_recorded_lows() -> None:
    rows = stress_table([account({"FDUSD": d(100), "USDE": d(100)}, indexes=ODD)], held=["FDUSD", "USDE"])
    told = {row.name: row.shock for row in rows}
    assert told["FDUSD 2025-04 (0.87)"] == Shock(coins={"FDUSD": d("0.13")})
    assert told["USDe 2025-10 (0.65)"] == Shock(coins={"USDE": d("0.35")})


def test_one_account_that_is_gone_makes_the_row_so_though_the_sum_is_well() -> None:
    thin = account({"USD": d(10)}, (position(perp("ETH", tiers=FLAT_TIER), "1", "1600", "1600"),))
    rich = account({"USDC": d(90_000)}, venue="beta")
    row = stress_row("x", [thin, rich], Shock(underlyings={"ETH": d("0.5")}))
    assert (row.infinite, row.worst_venue, row.usage) == (True, "alpha", None)
    assert row.leverage is not None
