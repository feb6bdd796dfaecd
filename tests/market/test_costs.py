"""Costs of a pair under the execution policy: evidence alone makes them smaller (SEMANTICS 5.3)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as limits
from msgspec.structs import replace

from services.market.board import evaluate
from services.market.costs import FillCosts, LegCost, leg_cost, pair_costs
from services.market.legs import LegFacts
from tests.decimals import decimals
from tests.strategies.legs import WINDOW, leg, oriented, perp_of, rules

D = Decimal
rates = decimals("-60", "60", 2)
fees = decimals("-0.0002", "0.002", 5)
shares = decimals("0", "1", 2)
slips = decimals("0", "9", 1)


def test_without_evidence_all_four_fills_take() -> None:
    one = leg_cost(perp_of("alpha"), D("0.5"), FillCosts())
    assert one == LegCost(D("5.5"), D(2))
    assert pair_costs(one, one, FillCosts()) == 22


def test_leg_1_is_counted_at_the_share_that_was_measured_to_rest() -> None:
    costs = FillCosts(entry_rest=D("0.8"), exit_rest=D("0.5"), maker_slippage=D("0.5"))
    one = leg_cost(perp_of("alpha"), D("0.5"), costs)
    assert one == LegCost(D("5.5"), D("2.5"))
    # In: 0.8 of leg 1 saves 3 bps; out: half of it; leg 2 takes both times.
    assert pair_costs(one, one, costs) == D("22") - D("2.4") - D("1.5")


def test_the_leg_that_saves_less_is_counted_as_the_one_that_rests() -> None:
    costs = FillCosts(entry_rest=D(1))
    assert pair_costs(LegCost(D(6), D(2)), LegCost(D(5), D(4)), costs) == 22 - 1


def test_measured_slippage_of_taking_counts_when_it_is_worse_than_the_book() -> None:
    within = FillCosts(taker_slippage=D("0.6"))
    beyond = FillCosts(taker_slippage=D("2.5"))
    better = FillCosts(taker_slippage=D("-3"))
    assert [leg_cost(perp_of("alpha"), D("0.5"), each) for each in (within, beyond, better)] == [
        LegCost(D("5.5"), D(2)),
        LegCost(D("7.5"), D(2)),
        LegCost(D("5.5"), D(2)),
    ]


@pytest.mark.parametrize("maker", [None, D("NaN")])
def test_an_unknown_maker_fee_saves_nothing(maker: Decimal | None) -> None:
    costs = FillCosts(entry_rest=D(1), exit_rest=D(1))
    unknown = leg_cost(replace(perp_of("alpha"), maker_fee=maker), D("0.5"), costs)
    assert pair_costs(unknown, leg_cost(perp_of("beta"), D("0.5"), costs), costs) == 22


@pytest.mark.parametrize("taker", [None, D("NaN"), D("Infinity")])
def test_an_unknown_taker_fee_is_refused_whatever_rests(taker: Decimal | None) -> None:
    costs = FillCosts(entry_rest=D(1), exit_rest=D(1))
    strange = leg("alpha", "60")
    strange = replace(strange, instrument=replace(strange.instrument, taker_fee=taker))
    row = evaluate(strange, leg("beta", "-60"), rules(costs=costs), WINDOW)
    assert row.costs is None
    assert "unknown fee" in row.refusals


def judged(high: Decimal, low: Decimal, taker: Decimal, maker: Decimal, costs: FillCosts) -> tuple[str, ...]:
    def made(venue: str, rate: Decimal) -> LegFacts:
        each = leg(venue, f"{rate:f}")
        return replace(each, instrument=replace(each.instrument, taker_fee=taker, maker_fee=maker))

    return evaluate(*oriented(made("alpha", high), made("beta", low)), rules(costs=costs), WINDOW).refusals


@given(rates, rates, fees, fees, fees, fees, shares, shares, slips)
@limits(max_examples=100)
def test_adding_fees_never_turns_a_refusal_into_an_entry_under_any_measurement(
    high: Decimal,
    low: Decimal,
    taker: Decimal,
    maker: Decimal,
    more_taker: Decimal,
    more_maker: Decimal,
    entry: Decimal,
    out: Decimal,
    slip: Decimal,
) -> None:
    costs = FillCosts(entry_rest=entry, exit_rest=out, maker_slippage=slip)
    if judged(high, low, taker, maker, costs):
        assert judged(high, low, taker + abs(more_taker), maker + abs(more_maker), costs)


@given(rates, rates, shares, shares, slips, slips)
@limits(max_examples=100)
def test_more_slippage_or_fewer_fills_at_rest_never_turn_a_refusal_into_an_entry(
    high: Decimal, low: Decimal, share: Decimal, less: Decimal, slip: Decimal, more: Decimal
) -> None:
    """Where resting saves anything; a share that costs more than it saves only makes entries dearer."""
    better = FillCosts(entry_rest=share, exit_rest=share, maker_slippage=min(slip, D(3)))
    worse = FillCosts(
        entry_rest=share * less,
        exit_rest=share * less,
        maker_slippage=min(slip, D(3)),
        taker_slippage=more,
    )
    if judged(high, low, D("0.0005"), D("0.0002"), better):
        assert judged(high, low, D("0.0005"), D("0.0002"), worse)
