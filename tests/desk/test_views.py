"""The views of a living desk, each figure against arithmetic of its own on the exchange's books."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.desk.core import HOUR, SECOND
from services.desk.views import (
    ViewCache,
    desk_view,
    flatten_plan,
    orders,
    pairs,
    positions,
    status,
    strip,
    summary,
)
from services.desk.views.funding import distributed
from services.domain.enums import PairState, TradingState
from services.domain.instrument import venue_of
from services.domain.money import STABLECOINS
from services.views.desk import DeskView, SpreadsView
from services.views.strip import StripView
from tests.desk.builders import META, VENUES, Rig, living_desk

EIGHT = Decimal("0.00000001")


@pytest.fixture(scope="module")
def rig() -> Rig:
    return living_desk()


@pytest.fixture(scope="module")
def bar(rig: Rig) -> StripView:
    return strip(rig.desk.core, META)


@pytest.fixture(scope="module")
def view(rig: Rig) -> DeskView:
    return desk_view(rig.desk.core, rig.desk.strategies, META)


def mark(rig: Rig, instrument: str) -> Decimal:
    found = rig.desk.core.picture.mark(instrument)
    assert found is not None
    return found


def index(rig: Rig, venue: str, coin: str) -> Decimal:
    found = rig.desk.core.picture.index(venue, coin)
    assert found is not None
    return found


def nets(rig: Rig, venue: str) -> dict[str, Decimal]:
    """Balance and uPnL by coin, by the exchange's own books."""
    report = rig.exchange.books(venue)
    found = {row.coin: row.total for row in report.balances}
    for row in report.positions:
        coin = rig.desk.core.instruments[row.instrument].settle
        found[coin] += row.size * (mark(rig, row.instrument) - row.entry_price)
    return found


def equity_of(rig: Rig, venue: str) -> Decimal:
    return sum((net * index(rig, venue, coin) for coin, net in nets(rig, venue).items()), Decimal(0))


def collateral_of(rig: Rig, venue: str) -> Decimal:
    weights = {row.coin: row.weight_total or Decimal(0) for row in rig.exchange.books(venue).balances}
    return sum(
        (net * index(rig, venue, coin) * weights[coin] for coin, net in nets(rig, venue).items()),
        Decimal(0),
    )


def notional_of(rig: Rig, venue: str) -> Decimal:
    total = Decimal(0)
    for row in rig.exchange.books(venue).positions:
        quote = rig.desk.core.instruments[row.instrument].quote
        total += abs(row.size) * mark(rig, row.instrument) * index(rig, venue, quote)
    return total


def near(first: Decimal | None, second: Decimal, slack: Decimal = EIGHT) -> bool:
    return first is not None and abs(first - second) <= slack


# -- the answer bar ------------------------------------------------------------------------------------------


def test_equity_is_every_balance_and_upnl_at_its_index(rig: Rig, bar: StripView) -> None:
    assert near(bar.equity, equity_of(rig, "alpha") + equity_of(rig, "beta"), Decimal("0.000001"))
    assert not bar.equity_approximate


def test_the_day_is_measured_from_its_first_unit_value(rig: Rig, bar: StripView) -> None:
    start = rig.desk.state.breaker.day_start
    units = rig.desk.state.units.units
    assert start is not None
    assert units is not None
    assert bar.equity is not None
    assert near(bar.day_pnl, bar.equity - start * units)
    assert near(bar.day_pnl_fraction, bar.equity / units / start - 1)


def test_leverage_is_all_notional_over_all_collateral(rig: Rig, bar: StripView) -> None:
    notional = sum((notional_of(rig, venue) for venue in VENUES), Decimal(0))
    collateral = sum((collateral_of(rig, venue) for venue in VENUES), Decimal(0))
    assert near(bar.leverage, notional / collateral)


def test_the_worst_account_is_named_with_its_usage(rig: Rig, bar: StripView) -> None:
    usages = {
        venue: sum(
            (
                _maintenance(rig, row.instrument, row.size)
                for row in rig.exchange.books(venue).positions
                if row.size != 0
            ),
            Decimal(0),
        )
        / collateral_of(rig, venue)
        for venue in VENUES
    }
    worst = max(usages, key=lambda venue: usages[venue])
    assert near(bar.margin_usage, usages[worst])
    named = usages[bar.nearest_account]
    assert worst != bar.nearest_account, "else the next line says nothing"
    assert usages[worst] - named < Decimal("0.01")
    assert bar.worst_account == bar.nearest_account, (
        "equal to the eye: one name, and no other at the next look"
    )


def test_the_distance_is_named_with_the_account_it_is_of(bar: StripView, view: DeskView) -> None:
    known = {row.venue: row.joint_distance for row in view.risk.accounts if row.joint_distance is not None}
    assert known
    assert bar.liquidation_distance == min(known.values())
    assert known[bar.nearest_account] == bar.liquidation_distance
    assert (bar.distance_limit, bar.distance_reducing) == (Decimal("0.15"), Decimal("0.08"))


def _maintenance(rig: Rig, instrument: str, size: Decimal) -> Decimal:
    spec = rig.desk.core.instruments[instrument]
    notional = abs(size) * mark(rig, instrument) * index(rig, spec.venue, spec.quote)
    assert spec.tiers is not None
    tier = next(tier for tier in spec.tiers if tier.cap is None or notional <= tier.cap)
    return notional * tier.maintenance - tier.cum


def test_a_hedged_desk_is_calm(bar: StripView) -> None:
    assert bar.trading_state is TradingState.ACTIVE
    assert (bar.naked_notional, bar.residual, bar.outright) == (Decimal(0),) * 3
    assert (bar.pairs_open, bar.positions_open, bar.in_doubt) == (1, 2, 0)
    assert bar.checks_passing == bar.checks_total > 20
    assert bar.next_steps == ()
    assert [dot.level for dot in bar.venues] == ["fresh", "fresh"]
    assert all(dot.holds and dot.connected for dot in bar.venues)
    assert bar.hedged_age_ms is not None
    assert bar.hedged_age_ms <= 3_000


def test_the_naked_bound_is_the_smaller_of_the_two(rig: Rig, bar: StripView) -> None:
    capital = collateral_of(rig, "alpha") + collateral_of(rig, "beta")
    assert near(bar.naked_bound, min(Decimal(10_000), capital * Decimal("0.05")), Decimal("0.000001"))
    assert bar.worst_naked > 0
    assert 0 < bar.worst_naked_seconds < 2


def test_the_tightest_limit_is_the_one_with_the_most_used(view: DeskView, bar: StripView) -> None:
    used = {
        row.name: row.used
        for row in view.risk.limits
        if row.used is not None and not row.name.startswith(("venue share", "data fresh", "depeg guard"))
    }
    assert bar.tightest_used == max(used.values())
    assert used[bar.tightest] == bar.tightest_used


# -- positions and pairs -------------------------------------------------------------------------------------


def test_a_position_row_is_size_times_mark_times_index(rig: Rig, view: DeskView) -> None:
    books = {row.instrument: row for venue in VENUES for row in rig.exchange.books(venue).positions}
    assert {row.instrument for row in view.positions} == {name for name, row in books.items() if row.size}
    for row in view.positions:
        spec = rig.desk.core.instruments[row.instrument]
        held, usd = books[row.instrument], index(rig, row.venue, spec.quote)
        assert row.size == held.size
        assert row.side == ("long" if held.size > 0 else "short")
        assert near(row.entry, held.entry_price)
        assert row.notional == abs(held.size) * mark(rig, row.instrument) * usd
        assert near(row.upnl, held.size * (mark(rig, row.instrument) - row.entry) * usd)
        assert row.stop.kind == "PAIR"
        assert row.stop.local == Decimal("-0.01")
        assert (row.strategy, row.foreign, row.level) == ("funding_arb", False, "fresh")


def test_the_totals_are_the_sums_of_the_rows(view: DeskView, bar: StripView) -> None:
    assert view.total_notional == sum(row.notional or 0 for row in view.positions)
    assert near(view.total_upnl, sum((row.upnl or Decimal(0) for row in view.positions), Decimal(0)))
    assert view.total_leverage == bar.leverage


def test_the_liquidation_price_put_in_again_gives_usage_one(rig: Rig, view: DeskView) -> None:
    found = [row for row in view.positions if row.liquidation_price is not None]
    assert found, "the short leg has a price at which it is liquidated"
    for row in found:
        price = row.liquidation_price
        assert price is not None
        assert row.mark is not None
        assert near(row.liquidation_away, abs(price - row.mark) / row.mark)
        spec = rig.desk.core.instruments[row.instrument]
        usd = index(rig, row.venue, spec.quote)
        weights = {r.coin: r.weight_total or Decimal(0) for r in rig.exchange.books(row.venue).balances}
        coins = nets(rig, row.venue)
        coins[spec.settle] += row.size * (price - row.mark)
        collateral = sum(
            (
                net * index(rig, row.venue, coin) * (weights[coin] if net > 0 else 1)
                for coin, net in coins.items()
            ),
            Decimal(0),
        )
        notional = abs(row.size) * price * usd
        assert spec.tiers is not None
        tier = next(tier for tier in spec.tiers if tier.cap is None or notional <= tier.cap)
        assert near(collateral, notional * tier.maintenance - tier.cum, Decimal("0.01"))


def test_a_pair_shows_its_legs_and_what_it_cost(rig: Rig, view: DeskView) -> None:
    (pair,) = view.pairs
    legs = {row.instrument: row for row in view.positions}
    assert pair.state is PairState.HEDGED
    assert pair.size == -legs[pair.short].size == legs[pair.long].size == pair.target
    assert (pair.residual, pair.residual_usd, pair.naked.notional) == (Decimal(0),) * 3
    assert near(pair.net_upnl, sum((row.upnl or Decimal(0) for row in view.positions), Decimal(0)))
    assert near(pair.costs, rig.desk.state.counters.fees)
    assert pair.costs > 0
    for coin, exposure in pair.exposures.items():
        assert coin in STABLECOINS
        # Legs in one coin hide no currency position beyond their uPnL and basis.
        assert abs(exposure) < Decimal(100)


# -- funding -------------------------------------------------------------------------------------------------


def test_the_open_pair_is_held_and_the_others_are_judged(view: DeskView) -> None:
    (pair,) = view.pairs
    held = [row for row in view.funding if row.verdict == "HOLD"]
    assert [(row.short, row.long, row.pair) for row in held] == [(pair.short, pair.long, pair.id)]
    assert {row.verdict for row in view.funding} <= {"ENTER", "HOLD", "BLOCK", "STALE", "—"}
    assert all(row.reason for row in view.funding)
    ranks = [row.rank for row in view.funding if row.rank is not None]
    assert ranks == list(range(1, len(ranks) + 1))


def test_funding_figures_follow_from_each_other(view: DeskView) -> None:
    for row in view.funding:
        if row.spread is None:
            continue
        assert row.short_rate is not None
        assert row.long_rate is not None
        assert near(row.spread, row.short_rate - row.long_rate)
        # bps per 8 h to a fraction a year: 1 095 times 8 h.
        assert near(row.apr, row.spread / 10_000 * 1_095)
        assert len(row.settled) <= 16
        assert row.spreads is not None
        assert row.spreads.count >= len(row.settled)
        assert row.spreads.least <= row.spreads.median <= row.spreads.most
        if row.net_edge is not None and row.costs:
            assert near(row.edge_multiple, row.net_edge / row.costs)


def test_the_distribution_of_settlements_is_of_all_that_are_known() -> None:
    newest, known = distributed((3.0, 1.0, -1.0, 2.0, 5.0))
    assert newest == (3.0, 1.0, -1.0, 2.0, 5.0)
    assert known == SpreadsView(
        count=5, least=-1.0, low=1.0, median=2.0, high=3.0, most=5.0, negative=pytest.approx(0.2)
    )
    assert distributed((4.0,))[1] == SpreadsView(1, 4.0, 4.0, 4.0, 4.0, 4.0, 0.0)
    assert distributed(()) == ((), None)
    assert len(distributed(tuple(map(float, range(90))))[0]) == 16


# -- risk ----------------------------------------------------------------------------------------------------


def test_limits_have_names_of_their_own_and_a_level(view: DeskView) -> None:
    names = [row.name for row in view.risk.limits]
    assert len(names) == len(set(names))
    for row in view.risk.limits:
        assert row.level in ("OK", "NEAR", "PASS")
        assert len(row.name) <= 22, row.name


def test_collateral_counts_its_weight(rig: Rig, view: DeskView) -> None:
    total = Decimal(0)
    for row in view.risk.collateral:
        held = [
            (venue, coin.total, coin.weight_total)
            for venue in VENUES
            for coin in rig.exchange.books(venue).balances
            if coin.coin == row.coin
        ]
        assert row.balance == sum(amount for _, amount, _ in held)
        counts = sum(amount * index(rig, venue, row.coin) * (weight or 0) for venue, amount, weight in held)
        assert row.counts == counts
        total += counts
    assert view.risk.upnl is not None
    # C counts uPnL at the weight of its coin, which is under 1.
    slack = abs(view.risk.upnl)
    assert near(view.risk.total_collateral, total + view.risk.upnl, slack)


def test_accounts_breakers_and_stress_are_told(rig: Rig, view: DeskView) -> None:
    for row in view.risk.accounts:
        assert near(row.equity, equity_of(rig, row.venue), Decimal("0.000001"))
        assert near(row.collateral, collateral_of(rig, row.venue), Decimal("0.000001"))
        assert row.holds
        assert not row.stale
    assert [row.name for row in view.risk.breakers] == ["daily loss", "rolling 24 h", "drawdown"]
    assert all(row.state == "armed" and row.now is not None for row in view.risk.breakers)
    stress = {row.name: row for row in view.risk.stress}
    usdt = sum((index(rig, venue, "USDT") * _balance(rig, venue, "USDT") for venue in VENUES), Decimal(0))
    assert near(stress["USDT −3 %"].equity_change, -usdt * Decimal("0.03"), Decimal("1"))


def _balance(rig: Rig, venue: str, coin: str) -> Decimal:
    return sum((row.total for row in rig.exchange.books(venue).balances if row.coin == coin), Decimal(0))


# -- flatten, JSON, purity -----------------------------------------------------------------------------------


def test_the_flatten_plan_closes_everything_at_a_cost(rig: Rig, view: DeskView) -> None:
    plan = flatten_plan(rig.desk.core)
    assert plan == view.flatten
    assert {(row.instrument, row.side) for row in plan.rows} == {
        (row.instrument, "sell" if row.size > 0 else "buy") for row in view.positions
    }
    assert plan.fees is not None
    assert plan.slippage is not None
    assert plan.equity_after is not None
    fees = Decimal(0)
    for row in plan.rows:
        taker = rig.desk.core.instruments[row.instrument].taker_fee
        assert taker is not None
        assert row.notional is not None
        assert row.slippage_bps is not None
        fees += row.notional * taker
        cost = row.notional * taker + row.notional * row.slippage_bps / 10_000
        assert near(row.cost, -cost)
    assert near(plan.fees, -fees)
    assert plan.slippage < 0
    total = equity_of(rig, "alpha") + equity_of(rig, "beta")
    assert near(plan.equity_after, total + plan.fees + plan.slippage, Decimal("0.000001"))
    assert plan.doubts == ()


Building = Callable[[Rig], Any]
BUILDERS: dict[str, Building] = {
    "strip": lambda rig: strip(rig.desk.core, META),
    "desk": lambda rig: desk_view(rig.desk.core, rig.desk.strategies, META),
    "status": lambda rig: status(rig.desk.core, rig.desk.strategies, META),
    "positions": lambda rig: positions(rig.desk.core),
    "orders": lambda rig: orders(rig.desk.core),
    "pairs": lambda rig: pairs(rig.desk.core),
    "summary": lambda rig: summary(rig.desk.core, rig.desk.strategies, META, 1, "the test"),
    "flatten": lambda rig: flatten_plan(rig.desk.core),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_view_becomes_json_and_changes_nothing(rig: Rig, name: str) -> None:
    before = rig.desk.export()
    view = BUILDERS[name](rig)
    text = msgspec.json.encode(view)
    assert msgspec.json.decode(text, type=type(view)) == view or isinstance(view, tuple)
    assert rig.desk.export() == before


def test_status_says_what_the_bar_says(rig: Rig, bar: StripView) -> None:
    found = status(rig.desk.core, rig.desk.strategies, META)
    assert near(found.equity, bar.equity or Decimal(0))
    assert near(found.leverage, bar.leverage or Decimal(0))
    assert (found.in_doubt, found.working_orders) == (0, 0)
    assert found.worst_account in VENUES
    assert found.naked.notional == 0
    assert {row.pair for row in found.positions} == {found.pairs[0].id}
    assert [row.state for row in found.strategies] == ["running"]
    assert {row.coin for row in found.coins} >= {"USD", "USDT", "USDC"}
    assert found.funding.accrued is not None


def test_figures_of_the_contract_have_at_most_eight_decimals(rig: Rig) -> None:
    text = msgspec.json.encode(status(rig.desk.core, rig.desk.strategies, META)).decode()
    for word in text.split('"'):
        whole, dot, decimals = word.partition(".")
        if dot and whole.lstrip("-").isdigit() and decimals.isdigit():
            assert len(decimals) <= 8, word


def test_the_summary_counts_what_was_done(rig: Rig) -> None:
    found = summary(rig.desk.core, rig.desk.strategies, META, 77, "time")
    counters = rig.desk.state.counters
    assert (found.events, found.ended_by, found.stamp) == (77, "time", "SYNTHETIC")
    assert (found.trades, found.fills) == (0, counters.fills)
    assert near(found.fees, counters.fees)
    assert counters.equity_start is not None
    total = equity_of(rig, "alpha") + equity_of(rig, "beta")
    assert near(found.net_pnl, total - counters.equity_start, Decimal("0.000001"))
    assert found.opportunities >= 1


def test_a_cache_gives_the_same_views_within_one_step(rig: Rig) -> None:
    cache = ViewCache(step_ns=SECOND)
    core, strategies = rig.desk.core, rig.desk.strategies
    for _ in range(2):
        assert strip(core, META, cache) == strip(core, META)
        assert desk_view(core, strategies, META, cache) == desk_view(core, strategies, META)


def test_a_cache_notices_a_halt_within_its_step() -> None:
    rig = living_desk()
    cache = ViewCache(step_ns=HOUR)
    core = rig.desk.core
    calm = strip(core, META, cache)
    core.raise_cause("halt", "all", TradingState.HALTED, "by a test", latched=True)
    halted = strip(core, META, cache)
    assert halted.checks_passing == calm.checks_passing - 1
    assert halted.trading_state is TradingState.HALTED
    assert halted.next_steps


def test_positions_of_two_pairs_on_one_instrument_add_up() -> None:
    """The rows of one instrument share its size, its uPnL and its funding."""
    rig = living_desk()
    core = rig.desk.core
    (pair,) = core.pairs.live()
    leg = pair.long
    held = core.ledger.state.accounts[venue_of(leg.instrument)].positions[leg.instrument]
    free = Decimal("0.1")
    held.size += free
    held.funding_usd = Decimal("6.16")
    rows = [
        row
        for row in desk_view(core, rig.desk.strategies, META).positions
        if row.instrument == leg.instrument
    ]
    assert [row.pair for row in rows] == [pair.id, None]
    assert sum(row.size for row in rows) == held.size
    assert near(sum((row.funding for row in rows), Decimal(0)), Decimal("6.16"))
    usd = index(rig, venue_of(leg.instrument), core.instruments[leg.instrument].quote)
    upnl = held.size * (mark(rig, leg.instrument) - held.entry) * usd
    assert near(sum((row.upnl or Decimal(0) for row in rows), Decimal(0)), upnl)
    assert rows[1].stop.kind == "NONE"
    assert rows[1].foreign, "what neither a pair nor a fill of ours explains"
    assert rows[1].strategy == "foreign"
    bar = strip(core, META)
    assert near(bar.outright, free * mark(rig, leg.instrument) * usd)
