"""How much of what hedges each other may go at once, reckoned by hand (docs/mutants.md).

A slice of 5 400 USD is 0.3 of the one at 18 000 USD and 0.2337 of the other at 23 100: the larger one holds.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import OrderState
from services.execution.flatten_step import in_step
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, BTC_B, SECOND, USDC_B, USDT_A, perp
from tests.execution.hand import ODD, Coins
from tests.execution.test_edges_flatten import ALPHA, View, orders
from tests.execution.test_edges_flatten_pairs import Wide

D = Decimal
BTC_C = "BTC-USD-PERP.alpha"
LOW = "LOW-USD-PERP.alpha"
LOW_B = "LOW-USDC-PERP.beta"
ALL = {
    **ODD,
    BTC_C: perp(BTC_C, "BTC", "USD", "0.1", "0.001"),
    LOW: perp(LOW, "LOW", "USD", "0.001", "1", "20"),
    LOW_B: perp(LOW_B, "LOW", "USDC", "0.001", "1", "20"),
}


def steps(
    sizes: dict[str, str],
    under_way: dict[str, str] | None = None,
    *,
    notional: str = "5400",
    view: Coins | None = None,
) -> dict[str, Decimal]:
    settings = Settings()
    settings = msgspec.structs.replace(
        settings, pair=msgspec.structs.replace(settings.pair, slice_notional=D(notional))
    )
    way = {name: D(size) for name, size in (under_way or {}).items()}
    return in_step({name: D(size) for name, size in sizes.items()}, way, ALL, view or Coins(), settings)


@pytest.mark.parametrize(
    ("long", "short", "way_long", "way_short", "most_long", "most_short"),
    [
        ("0.9", "-0.9", "0", "0", "0.300", "0.300"),
        ("0.9", "-0.9", "0.1", "0", "0.200", "0.300"),
        ("0.9", "-0.9", "0", "0.1", "0.300", "0.200"),
        ("0.9", "-0.9", "0.5", "0.5", "0", "0"),
        ("0.9", "-0.4", "0", "0", "0.800", "0"),
        ("0.4", "-0.9", "0", "0", "0", "0.800"),
        ("0.3", "-0.3", "0", "0", "0.3", "0.3"),
        ("0.303", "-0.303", "0", "0", "0.300", "0.296"),
        ("0.302", "-0.302", "0", "0", "0.297", "0.296"),
        ("0.304", "-0.304", "0", "0", "0.300", "0.300"),
        ("0.9", "-0.9", "0.297", "0.296", "0.003", "0.004"),
        ("0.9", "-0.9", "0.298", "0.298", "0", "0"),
        ("0.2", "-0.2", "0", "0", "0.2", "0.2"),
    ],
)
def test_both_sides_go_down_together(
    long: str, short: str, way_long: str, way_short: str, most_long: str, most_short: str
) -> None:
    """The least orders are 0.003 and 0.004: no smaller rest is left, and none is sent."""
    found = steps({BTC_A: long, BTC_B: short}, {BTC_A: way_long, BTC_B: way_short})
    assert found == {BTC_A: D(most_long), BTC_B: D(most_short)}
    turned = steps({BTC_A: f"-{long}", BTC_B: short[1:]}, {BTC_A: way_long, BTC_B: way_short})
    assert turned == found


def test_the_heavier_side_leads_the_largest_first_and_then_one_of_each_side_in_turn() -> None:
    view = Coins()
    view.mids[BTC_C] = D(18_000)
    found = steps({BTC_A: "0.4", BTC_B: "-1.2", BTC_C: "0.9"}, view=view)
    assert list(found.items()) == [(BTC_C, D("0.400")), (BTC_B, D("0.200")), (BTC_A, D(0))]
    found = steps({BTC_A: "0.4", BTC_B: "-1.4", BTC_C: "0.9"}, view=view)
    assert list(found.items()) == [(BTC_B, D("0.400")), (BTC_C, D("0.200")), (BTC_A, D(0))]
    level = steps({BTC_A: "0.4", BTC_B: "-1.3", BTC_C: "0.9"}, view=view)
    assert list(level) == [BTC_C, BTC_B, BTC_A], "where they are even, the longs"
    found = steps({BTC_A: "-0.4", BTC_B: "1.3", BTC_C: "-0.9"}, view=view)
    assert list(found.items()) == [(BTC_B, D("0.300")), (BTC_C, D("0.300")), (BTC_A, D(0))]


def test_one_side_alone_is_bound_by_nothing_and_underlyings_do_not_mix() -> None:
    for sign in ("", "-"):
        assert steps({BTC_A: f"{sign}0.5", BTC_B: f"{sign}0.4"}) == {}
    assert steps({BTC_A: "0.5", USDT_A: "-500"}) == {}
    assert steps({BTC_A: "0.5", USDT_A: "-500", USDC_B: "900"}) == {USDC_B: D(900), USDT_A: D(500)}


def test_a_slice_is_twice_the_least_order_at_least_and_nothing_without_a_price() -> None:
    sizes = {BTC_A: "0.9", BTC_B: "-0.9"}
    assert steps(sizes, notional="1") == {BTC_A: D("0.008"), BTC_B: D("0.008")}
    for price in (None, "0", "-1"):
        gone = None if price is None else D(price)
        one = Coins(lasts={BTC_A: gone})
        assert steps(sizes, view=one) == {BTC_A: D("0.233"), BTC_B: D("0.232")}, "the other's slice holds"
        both = Coins(lasts={BTC_A: gone, BTC_B: gone})
        assert steps(sizes, view=both) == {BTC_A: D(0), BTC_B: D(0)}
    coarse = {**ALL, BTC_A: msgspec.structs.replace(ALL[BTC_A], min_size=D("0.005"))}
    for room, most in ((D("0.004"), D(0)), (D("0.006"), D("0.006"))):
        found = in_step(
            {BTC_A: D("0.9"), BTC_B: D("-0.9")}, {BTC_A: D(5000) / 23_100 - room}, coarse,
            Coins(lasts={BTC_A: None}), Settings(),
        )  # fmt: skip
        assert found[BTC_A] == most, "without a price the least size and the lot say what can be sent"
    for worth in (None, "0", "-1"):
        coins = None if worth is None else D(worth)
        one = Coins(worth={BTC_A: coins, BTC_B: D("1.1")})
        assert steps(sizes, view=one) == {BTC_A: D("0.270"), BTC_B: D("0.270")}, "as if it were a dollar"


def test_a_coin_below_a_dollar_has_a_price_too() -> None:
    """20 USD at 0.5 in a coin worth 0.4: at least 100; 5 400 USD are 27 000."""
    view = Coins(mids={LOW: D("0.5"), LOW_B: D("0.5")}, worth={LOW: D("0.4"), LOW_B: D("0.4")})
    sizes = {LOW: "30050", LOW_B: "-30050"}
    assert steps(sizes, view=view) == {LOW: D(27_000), LOW_B: D(27_000)}
    sizes = {LOW: "27050", LOW_B: "-27050"}
    assert steps(sizes, view=view) == {LOW: D(26_900), LOW_B: D(26_900)}
    big = msgspec.structs.replace(ALL[LOW], min_size=D(300))
    small = msgspec.structs.replace(Settings().pair, slice_notional=D(1))
    found = in_step(
        {LOW: D(900), LOW_B: D(-900)}, {}, {**ALL, LOW: big}, view,
        msgspec.structs.replace(Settings(), pair=small),
    )  # fmt: skip
    assert found == {LOW: D(600), LOW_B: D(600)}


def test_what_a_target_has_under_way_is_what_its_order_may_still_take() -> None:
    desk = Wide(View(held={BTC_A: D(1)}))
    run, actions = desk.start(ALPHA)
    desk.start(desk.machine.state.runs[run].scope)
    (order,) = orders(actions)
    target = desk.machine.state.runs[run].targets[BTC_A]
    assert (target.under_way, desk.machine._under_way()) == (D(1), {BTC_A: D(1)})
    for state, filled, left in (
        (OrderState.PARTIALLY_FILLED, "0.4", "0.6"),
        (OrderState.PARTIALLY_FILLED, "1.5", "0"),
        (OrderState.IN_DOUBT, "0.3", "0.7"),
    ):
        desk.now += SECOND
        desk.news(order, state, filled)
        assert target.under_way == D(left)
        assert desk.machine._under_way() == {BTC_A: D(left)}
    desk.view.held.clear()
    desk.news(order, OrderState.FILLED, "1")
    assert (target.under_way, target.order) == (0, "")
