"""The Stress screen's what-if: the same shock rule and margin as everywhere, on the books as they are."""

from __future__ import annotations

from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.desk.views.figures import Figures
from services.desk.views.stress import known_coins, stress_lab
from services.domain.enums import PairState
from services.domain.money import DESK_CONTEXT, ONE
from services.portfolio.distance import joint_distance
from services.portfolio.margin import account_margin, merge_margins
from services.portfolio.shock import Shock, shocked
from services.views.stress import StressLab, change_of, parse_changes, topic_of
from tests.decimals import decimals
from tests.desk.world import DeskWorld, quick

D = Decimal


@pytest.fixture(scope="module")
def world() -> DeskWorld:
    """A desk that holds a pair."""
    made = DeskWorld(settings=quick())
    made.until(lambda w: w.pair_states() == [PairState.HEDGED])
    return made


def lab(world: DeskWorld, **changes: str) -> StressLab:
    found = stress_lab(
        world.desk.core, None, topic_of({k: D(v) for k, v in changes.items()}).partition(":")[2]
    )
    assert found is not None
    return found


def test_without_a_shock_the_outcome_is_the_present(world: DeskWorld) -> None:
    found = lab(world)
    assert len(found.steps) == 1
    assert {one.venue for one in found.outcomes} == {"", "alpha", "beta"}
    for one in found.outcomes:
        assert (one.equity, one.usage, one.leverage) == (one.equity_now, one.usage_now, one.leverage_now)
        assert one.distance == one.distance_now
        assert one.equity is not None
    assert found.outcomes[0].holds
    assert not any(one.change for one in found.shocks)


@settings(max_examples=30)
@given(usdc=decimals("-0.5", "0.5", 3), btc=decimals("-0.9", "2", 2))
def test_the_outcome_is_the_gates_own_margin_after_the_shock(
    world: DeskWorld, usdc: Decimal, btc: Decimal
) -> None:
    """By hand: shock each account, value it, join them; usage and distance of the worst."""
    found = lab(world, USDC=str(usdc), BTC=str(btc))
    with localcontext(DESK_CONTEXT):
        books = Figures(world.desk.core).last_books
        shock = Shock(underlyings={"USDC": ONE + usdc, "BTC": ONE + btc})
        after = {venue: shocked(book, shock) for venue, book in books.items()}
        margins = {venue: account_margin(book) for venue, book in after.items()}
        total = merge_margins(margins.values())
        distances = [joint_distance(after[venue]) for venue in after if margins[venue].anything_open]
    whole = found.outcomes[0]
    assert (whole.equity, whole.leverage) == (total.equity, total.leverage)
    assert whole.usage == max(m.usage for m in margins.values() if m.usage is not None)
    known = [one for one in distances if one is not None]
    assert whole.distance == min(known, default=None)
    for one in found.outcomes[1:]:
        assert (one.equity, one.usage) == (margins[one.venue].equity, margins[one.venue].usage)


def test_the_scale_passes_through_the_present_and_the_whole_shock(world: DeskWorld) -> None:
    found = lab(world, BTC="-0.2")
    steps = {one.share: one for one in found.steps}
    assert sorted(steps) == [D(0), D("0.5"), D(1), D("1.5"), D(2)]
    assert steps[D(0)].equity == found.outcomes[0].equity_now
    assert (steps[D(1)].equity, steps[D(1)].usage) == (found.outcomes[0].equity, found.outcomes[0].usage)
    assert steps[D(1)].distance == found.outcomes[0].distance


def test_a_scale_that_would_leave_a_coin_worthless_ends_before(world: DeskWorld) -> None:
    assert [one.share for one in lab(world, BTC="-0.6").steps] == [D(0), D("0.5"), D(1), D("1.5")]


def test_every_case_taken_over_gives_its_own_outcome(world: DeskWorld) -> None:
    """A row of the standing table, loaded as shocks, is the row again."""
    cases = [one for one in lab(world).cases if one.changes]
    assert len(cases) >= 8
    for case in cases:
        argument = topic_of(case.changes).partition(":")[2]
        found = stress_lab(world.desk.core, None, argument)
        assert found is not None, case.name
        assert found.outcomes[0].usage == case.usage, case.name
        assert found.outcomes[0].leverage == case.leverage


def test_what_is_unknown_is_never_shown_as_safe(world: DeskWorld) -> None:
    """An account that was never read: no usage, no distance, no liquidation word that says all is well."""
    empty = DeskWorld(settings=quick())
    found = stress_lab(empty.desk.core)
    assert found is not None
    assert all(one.usage is None and one.distance is None for one in found.outcomes)
    assert all(one.equity is None for one in found.outcomes)


def test_it_changes_nothing(world: DeskWorld) -> None:
    before = msgspec.msgpack.encode(world.desk.core.state)
    lab(world, USDC="-0.1", BTC="0.3")
    assert msgspec.msgpack.encode(world.desk.core.state) == before


@pytest.mark.parametrize(
    "argument",
    ["XYZ=0.1", "USDC", "USDC=", "USDC=abc", "USDC=NaN", "USDC=-1", "USDC=11", "=0.1", "USDC=Infinity"],
)
def test_what_is_no_shock_has_no_view(world: DeskWorld, argument: str) -> None:
    assert stress_lab(world.desk.core, None, argument) is None


def test_coins_are_named_stablecoins_first_and_the_dollar_never(world: DeskWorld) -> None:
    coins = known_coins(Figures(world.desk.core))
    assert "USD" not in coins
    assert list(coins)[:2] == ["USDT", "USDC"]
    assert coins["USDT"]


changes = st.dictionaries(
    st.sampled_from(["USDT", "USDC", "BTC", "ETH"]), decimals("-0.99", "10", 4), max_size=4
)


@given(changes)
def test_a_topic_carries_its_shocks_to_the_last_digit(wanted: dict[str, Decimal]) -> None:
    assert parse_changes(topic_of(wanted).partition(":")[2]) == {k: v for k, v in wanted.items() if v}


def test_a_change_out_of_bounds_is_refused() -> None:
    for text in ("-1", "10.5", "NaN", "x"):
        with pytest.raises(ValueError, match="shock"):
            change_of(text)
