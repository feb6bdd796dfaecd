"""The stress table (SEMANTICS 2)."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings

from services.portfolio.distance import nearest_coin_distance
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import account_margin
from services.portfolio.shock import Shock
from services.portfolio.stress import FundingLeg, StressRow, stress_row, stress_table
from tests.portfolio.builders import account, d, perp, position
from tests.portfolio.strategies import accounts

PAR: dict[str, Decimal | None] = {"USD": d(1), "USDT": d(1), "USDC": d(1), "BUSD": d(1)}


def pair_account() -> AccountInput:
    legs = (
        position(perp("BTC", "USDT"), "-1", "20000", "20000", PAR),
        position(perp("BTC", "USDC"), "1", "20000", "20000", PAR),
    )
    return account({"USD": d(20_000), "USDT": d(10_000)}, legs, indexes=PAR)


def named(rows: tuple[StressRow, ...], name: str) -> StressRow:
    return next(row for row in rows if row.name == name)


def test_each_held_stablecoin_falls_by_one_three_and_ten_percent() -> None:
    rows = stress_table([pair_account()])
    changes = {row.name: row.equity_change for row in rows}
    # 10 000 of balance and 20 000 made by the short leg.
    assert changes["USDT −1 %"] == d(-300)
    assert changes["USDT −3 %"] == d(-900)
    assert changes["USDT −10 %"] == d(-3_000)
    assert changes["USDC −10 %"] == d(2_000)
    assert "BUSD −1 %" not in changes


def test_coin_stress_is_not_zero_for_a_pair_that_is_neutral_in_its_underlying() -> None:
    """Fail-open case "coin stress 0": long and short BTC in two coins is a bet on the coins, held or not."""
    legs = pair_account().positions
    rows = stress_table([account({"USD": d(20_000)}, legs, indexes=PAR)], held=["USDT", "USDC"])
    assert named(rows, "USDT −10 %").equity_change == d(-2_000)
    assert named(rows, "USDC −10 %").equity_change == d(2_000)
    assert named(rows, "every perp +5 %").equity_change == 0


def test_a_hedged_pair_does_not_feel_every_perp_moving_together() -> None:
    rows = stress_table([pair_account()])
    assert named(rows, "every perp +5 %").equity_change == 0
    assert named(rows, "every perp −5 %").equity_change == 0


def test_the_presets_of_history_stand_for_coins_we_touch() -> None:
    rows = stress_table([pair_account()])
    assert named(rows, "USDT 2022-05 (0.95)").equity_change == d(-1_500)
    assert named(rows, "USDT 2022-11 (0.93)").equity_change == d(-2_100)
    assert named(rows, "USDC 2023-03 (0.8774)").equity_change == d(20_000) * d("0.1226")
    assert not [row for row in rows if row.name.startswith(("FDUSD", "USDe"))]


def test_a_dollar_whose_peg_nobody_watches_falls_like_the_others() -> None:
    """Held, it is shocked by all three rows and by its own history; its fall counts as a distance, too."""
    indexes = {**PAR, "USDE": d("0.999")}
    held = position(perp("BTC"), "2", "20000", "20000", indexes)
    account_ = account(
        {"USD": d(200), "USDE": d(10_000)}, (held,), indexes=indexes, weights={"USD": d(1), "USDE": d(1)}
    )
    rows = stress_table([account_])
    assert named(rows, "USDE −10 %").equity_change == d(-999)
    assert named(rows, "USDe 2025-10 (0.65)").equity_change == d("-3496.5")
    nearest = nearest_coin_distance(account_)
    assert nearest is not None
    assert nearest[0] == "USDE"
    # 200 + 9 990 (1 - x) = 3 % of 40 000.
    assert abs(nearest[1] - d(8_990) / d(9_990)) < d("1e-20")


def test_the_worst_combination_is_at_least_as_bad_as_its_parts() -> None:
    legs = (
        position(perp("BTC", "USDT"), "2", "20000", "20000", PAR),
        position(perp("ETH", "USDC"), "-10", "2000", "2000", PAR),
    )
    rows = stress_table([account({"USD": d(20_000), "USDT": d(10_000)}, legs, indexes=PAR)])
    worst = next(row for row in rows if row.name.startswith("worst: "))
    # The coin falls, BTC falls and ETH rises, each against us.
    assert worst.name == "worst: USDC −10 %, each against us 5 %"
    assert worst.usage is not None
    for row in rows:
        if row.name.startswith(("every perp", "USDT −10", "USDC −10")):
            assert row.usage is not None
            assert worst.usage >= row.usage


def test_the_worst_move_of_pairs_over_two_venues_is_against_one_account() -> None:
    """Long BTC and short ETH here, the mirror there: over all it nets to nothing, and no common direction
    hurts an account as much as each against it."""

    def side(venue: str, sign: int, usd: int) -> AccountInput:
        legs = (
            position(perp("BTC", "USDT", venue=venue), d(sign), "20000", "20000", PAR),
            position(perp("ETH", "USDT", venue=venue), d(-10 * sign), "2000", "2000", PAR),
        )
        return account({"USD": d(usd), "USDT": d(9_000)}, legs, venue=venue, indexes=PAR)

    accounts_ = (side("alpha", 1, 1_000), side("beta", -1, 2_000))
    worst = next(row for row in stress_table(accounts_) if row.name.startswith("worst: "))
    assert worst.name == "worst: USDT −10 %, each against alpha 5 %"
    usages = [
        stress_row("x", accounts_, Shock({"BTC": d(one), "ETH": d(other)}, {"USDT": d("0.1")})).usage
        for one in ("0.95", "1.05")
        for other in ("0.95", "1.05")
    ]
    assert worst.usage == max(each for each in usages if each is not None)
    assert usages.count(worst.usage) == 1


def leg(venue: str, size: int, rate: str | None, interval: int) -> FundingLeg:
    return FundingLeg(
        pair="P-01",
        venue=venue,
        settle="USDT",
        size=d(size),
        price=d(20_000),
        rate=None if rate is None else d(rate),
        interval_h=d(interval),
    )


def test_funding_flipped_for_a_day_pays_what_it_received() -> None:
    held = [
        account({"USDT": d(10_000)}, venue="alpha", indexes=PAR),
        account({"USDT": d(10_000)}, venue="beta", indexes=PAR),
    ]
    # Short receives 20 000 x 0.0003 x 3 = 18 a day; long pays 20 000 x 0.00001 x 24 = 4.8.
    legs = [leg("alpha", -1, "0.0003", 8), leg("beta", 1, "0.00001", 1)]
    assert named(stress_table(held, funding=legs), "funding flipped 24 h").equity_change == d("-13.2")


def test_a_pair_that_pays_already_goes_on_paying_in_the_flipped_row() -> None:
    held = [account({"USDT": d(10_000)}, venue="alpha", indexes=PAR)]
    legs = [leg("alpha", 1, "0.0003", 8)]
    assert named(stress_table(held, funding=legs), "funding flipped 24 h").equity_change == d(-18)


def test_an_unknown_rate_makes_the_flipped_row_unknown() -> None:
    held = [account({"USDT": d(10_000)}, venue="alpha", indexes=PAR)]
    row = named(stress_table(held, funding=[leg("alpha", -1, None, 8)]), "funding flipped 24 h")
    assert row.equity_change is None
    assert row.usage is None


def test_the_row_names_the_worst_account() -> None:
    held = position(perp("BTC", "USDT"), "1", "20000", "20000", PAR)
    there = position(perp("BTC", "USDT", venue="beta"), "-1", "20000", "20000", PAR)
    one = account({"USDT": d(50_000)}, (held,), indexes=PAR)
    two = account({"USDT": d(5_000)}, (there,), venue="beta", indexes=PAR)
    rows = stress_table([one, two])
    assert {row.worst_venue for row in rows} == {"beta"}


def test_unknown_equity_gives_unknown_rows() -> None:
    rows = stress_table([account(balances_known=False)])
    assert rows
    assert all(row.equity_change is None and row.usage is None for row in rows)


@given(account_=accounts(max_count=3))
@settings(max_examples=25)
def test_every_row_starts_from_the_same_equity(account_: AccountInput) -> None:
    before = account_margin(account_).equity
    assert before is not None
    for row in stress_table([account_]):
        assert row.equity is not None
        assert row.equity_change == row.equity - before
