"""Views of a desk that does not know: before the first frame, with a venue gone silent, in trouble."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.desk.booking import on_funding
from services.desk.core import SECOND
from services.desk.desk import Desk
from services.desk.fills import book_fill
from services.desk.views import desk_view, flatten_plan, orders, pairs, positions, status, strip, summary
from services.domain.enums import OrderState, PairState, Severity, Side, TradingState
from services.domain.events import FundingSettled, OrderFilled, Timer, VenueLink
from services.execution.pair_state import Pair
from services.settings.parameters import Settings
from tests.desk.builders import INSTANCE, META, Rig, living_desk

# -- before the first frame ----------------------------------------------------------------------------------


@pytest.fixture
def empty() -> Desk:
    rig = Rig()
    return Desk(Settings(), {each.id: each for each in rig.world.instruments}, instance=INSTANCE)


def test_every_view_of_an_empty_desk_builds_and_changes_nothing(empty: Desk) -> None:
    before = empty.export()
    views = (
        strip(empty.core, META),
        desk_view(empty.core, empty.strategies, META),
        status(empty.core, empty.strategies, META),
        summary(empty.core, empty.strategies, META, 0, "nothing began"),
        flatten_plan(empty.core),
        positions(empty.core),
        orders(empty.core),
        pairs(empty.core),
    )
    for view in views:
        assert msgspec.json.encode(view)
    assert empty.export() == before


def test_an_empty_desk_knows_nothing_and_shows_no_zero(empty: Desk) -> None:
    bar = strip(empty.core, META)
    unknown = (
        bar.equity,
        bar.day_pnl,
        bar.day_pnl_fraction,
        bar.leverage,
        bar.margin_usage,
        bar.liquidation_distance,
        bar.naked_notional,
        bar.naked_bound,
        bar.residual,
        bar.outright,
        bar.hedged_age_ms,
    )
    assert unknown == (None,) * len(unknown)
    assert bar.liquidation_unknown
    assert bar.checks_passing < bar.checks_total
    assert [dot.level for dot in bar.venues] == ["stale", "stale"]
    assert not any(dot.connected for dot in bar.venues)
    view = desk_view(empty.core, empty.strategies, META)
    assert (view.total_notional, view.total_upnl, view.total_leverage) == (None, None, None)
    assert view.risk.upnl is None
    assert view.risk.total_collateral is None
    assert all(row.equity is None and row.stale for row in view.risk.accounts)
    assert all(row.state == "UNKNOWN" and row.now is None for row in view.risk.breakers)
    assert view.flatten.fees is None
    assert view.flatten.equity_after is None
    assert view.flatten.doubts
    assert view.ranks, "a strategy on funding is on: its board is only not there yet"
    assert all(row.spread is None and row.verdict in ("BLOCK", "STALE") for row in view.funding)
    found = status(empty.core, empty.strategies, META)
    nothing = (found.equity, found.collateral, found.leverage, found.margin_usage, found.day_pnl)
    assert nothing == (None,) * 5
    assert found.funding.accrued is None
    assert found.drawdown is None


def test_a_started_desk_says_that_its_accounts_are_unread(empty: Desk) -> None:
    empty.handle(Timer(name="start", ts=1_677_678_600 * SECOND))
    bar = strip(empty.core, META)
    assert bar.trading_state is TradingState.REDUCING
    assert "unread" in {cause.name for cause in bar.causes}
    assert bar.naked_notional is None
    assert not [
        row for row in desk_view(empty.core, empty.strategies, META).risk.limits if row.level == "PASS"
    ]


# -- a venue gone silent -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deaf() -> Rig:
    """beta's link is down and 20 s have passed; alpha goes on."""
    rig = living_desk()
    rig.ear.deaf.append("beta")
    rig.desk.handle(VenueLink(venue="beta", ts=rig.queue.now, up=False, reason="test"))
    rig.run(20 * SECOND)
    return rig


def test_a_stale_venue_is_named_and_liquidation_is_unknown(deaf: Rig) -> None:
    bar = strip(deaf.desk.core, META)
    levels = {dot.name: dot.level for dot in bar.venues}
    assert levels == {"alpha": "fresh", "beta": "stale"}
    gone = next(dot for dot in bar.venues if dot.name == "beta")
    assert gone.holds
    assert not gone.connected
    assert gone.text
    assert gone.data_age_ms is not None
    assert gone.data_age_ms >= 18_000
    assert bar.liquidation_unknown
    assert bar.liquidation_distance is None
    assert (bar.worst_account, bar.nearest_account) == ("beta", "")
    assert bar.hedged_age_ms is not None
    assert bar.hedged_age_ms >= 18_000
    assert bar.trading_state is TradingState.REDUCING


def test_last_known_figures_stay_on_the_screen_marked(deaf: Rig) -> None:
    bar = strip(deaf.desk.core, META)
    assert bar.equity is not None
    assert bar.equity_approximate
    assert bar.leverage is not None
    assert bar.margin_usage is not None
    view = desk_view(deaf.desk.core, deaf.desk.strategies, META)
    rows = {row.venue: row for row in view.positions}
    assert (rows["alpha"].level, rows["beta"].level) == ("fresh", "stale")
    stale = rows["beta"]
    assert stale.mark is not None
    assert stale.notional is not None
    assert stale.upnl is not None
    assert stale.liquidation_price is None
    assert stale.single_leg_liquidation is None
    assert stale.age_ms is not None
    assert stale.age_ms >= 18_000
    assert view.total_notional is not None
    accounts = {row.venue: row for row in view.risk.accounts}
    assert accounts["beta"].stale
    assert accounts["beta"].equity is not None
    assert accounts["beta"].joint_distance is None
    assert not accounts["alpha"].stale
    assert view.risk.total_collateral is None
    assert any(row.equity_change is not None for row in view.risk.stress)


def test_funding_rows_of_a_stale_leg_are_stale(deaf: Rig) -> None:
    view = desk_view(deaf.desk.core, deaf.desk.strategies, META)
    for row in view.funding:
        touched = "beta" in (row.short.rpartition(".")[2], row.long.rpartition(".")[2])
        assert row.stale is touched
        assert (row.rank is None) is touched
        # What does not touch beta is blocked by the trading state: the whole strategy waits for its data.
        assert row.verdict in (("STALE", "HOLD") if touched else ("BLOCK", "—"))
    assert {row.verdict for row in view.funding} >= {"STALE", "HOLD"}


def test_scripts_get_null_for_what_is_stale(deaf: Rig) -> None:
    found = status(deaf.desk.core, deaf.desk.strategies, META)
    assert (found.equity, found.collateral, found.leverage, found.margin_usage, found.day_pnl) == (None,) * 5
    assert found.worst_account == "beta"
    beta = next(row for row in found.positions if row.instrument.endswith(".beta"))
    assert beta.liquidation_price is None
    assert beta.mark is not None
    assert summary(deaf.desk.core, deaf.desk.strategies, META, 1, "x").net_pnl is None


def test_a_sum_with_a_part_of_unknown_worth_is_unknown_and_not_the_rest_of_it(empty: Desk) -> None:
    """SEMANTICS 1: unknown is null, never 0. A fee and a settlement in a coin that nobody prices."""
    core, strategies = empty.core, empty.strategies
    before = summary(core, strategies, META, 1, "x")
    assert before.fees is not None
    assert before.funding_net is not None
    name, ts = "BTC-USDT-PERP.alpha", core.now
    more = {"venue": "alpha", "instrument": name, "ts_event": ts, "ts": ts}
    fill = OrderFilled(
        client_order_id="",
        venue_order_id="v",
        trade_id="strange",
        side=Side.BUY,
        quantity=Decimal("0.1"),
        price=Decimal(20_000),
        fee=Decimal("0.5"),
        fee_coin="NEWCOIN",
        **more,
    )
    book_fill(core, fill, None)
    figures = {"size": Decimal(1), "price": Decimal(1), "rate": Decimal(0), "amount": Decimal(-3)}
    on_funding(core, FundingSettled(payment_id="strange", coin="NEWCOIN", **figures, **more))
    after = summary(core, strategies, META, 1, "x")
    assert (after.fees, after.funding_net) == (None, None)
    assert (after.status.funding.received, after.status.funding.paid) == (None, None)


def test_limits_on_stale_figures_are_unknown_not_passed(deaf: Rig) -> None:
    limits = {row.name: row for row in desk_view(deaf.desk.core, deaf.desk.strategies, META).risk.limits}
    assert limits["margin usage, beta"].level == "UNKNOWN"
    assert limits["margin usage, beta"].used is None
    assert limits["portfolio leverage"].level == "UNKNOWN"
    assert limits["data fresh"].level == "OVER"
    assert limits["trading state"].level == "STOP"


def test_the_dialog_says_what_it_does_not_know(deaf: Rig) -> None:
    plan = flatten_plan(deaf.desk.core)
    beta = next(row for row in plan.rows if row.venue == "beta")
    assert beta.cost is None
    assert beta.slippage_bps is None
    assert beta.notional is not None
    assert plan.slippage is None
    assert plan.equity_after is None
    assert any(text.startswith("beta") for text in plan.doubts)


# -- trouble -------------------------------------------------------------------------------------------------


def _pair(rig: Rig) -> Pair:
    (pair,) = rig.desk.core.pairs.live()
    return pair


def test_a_leg_that_stands_alone_is_naked_with_its_sign_and_clock() -> None:
    rig = living_desk()
    core, pair = rig.desk.core, _pair(rig)
    half = pair.long.size / 2
    pair.long.size = half
    pair.naked.since = core.now - 3 * SECOND
    bar = strip(core, META)
    mid, usd = core.picture.mid(pair.short.instrument), core.picture.quote_usd(pair.short.instrument)
    assert mid is not None
    assert usd is not None
    assert bar.naked_notional == -half * mid * usd
    assert bar.naked_seconds == 3
    assert not bar.naked_within_timeout
    assert bar.worst_naked_seconds >= 3
    assert pair.short.instrument in bar.naked_text
    assert any("F closes it" in step for step in bar.next_steps)
    view = desk_view(core, rig.desk.strategies, META).pairs[0]
    assert view.naked.notional == bar.naked_notional
    assert view.residual == -half
    told = status(core, rig.desk.strategies, META)
    assert (told.naked.seconds, told.pairs[0].naked.seconds) == (3, 3)
    assert told.pairs[0].naked.worst_seconds >= 3, "it was 0 for ever, of a pair that stands alone"
    pair.short.size, pair.long.size = half, 2 * half
    turned = strip(core, META).naked_notional
    assert turned is not None
    assert turned > 0


def test_naked_at_an_unknown_price_is_unknown_never_zero() -> None:
    rig = living_desk()
    core, pair = rig.desk.core, _pair(rig)
    pair.long.size = pair.long.size / 2
    pair.naked.since = core.now
    spec = core.instruments[pair.short.instrument]
    # Nothing was ever known of its quote coin: a last good index would still bound the amount.
    core.state.picture.feeds[spec.venue].indexes.clear()
    core.state.picture.feeds[spec.venue].good_indexes.clear()
    bar = strip(core, META)
    assert bar.naked_notional is None
    assert bar.residual is None
    assert bar.liquidation_unknown


def test_an_order_in_doubt_is_counted_listed_and_first_to_do() -> None:
    rig = living_desk()
    core = rig.desk.core
    entry = next(iter(core.orders.state.orders.values()))
    entry.state = OrderState.IN_DOUBT
    core.bind(core.settings)
    core.raise_cause("halt", "all", TradingState.HALTED, "by a test", latched=True, severity=Severity.ALARM)
    bar = strip(core, META)
    assert bar.in_doubt == 1
    assert "in doubt" in bar.next_steps[0]
    assert bar.next_steps[1].startswith("halt")
    assert bar.open_alarms == 1
    assert bar.top_alert == "by a test"
    (order,) = orders(core)
    assert (order.state, order.client_order_id, order.foreign) == ("in_doubt", entry.id, False)
    found = status(core, rig.desk.strategies, META)
    assert (found.in_doubt, found.working_orders, found.trading_state) == (1, 0, "HALTED")
    rows = desk_view(core, rig.desk.strategies, META).funding
    assert {row.verdict for row in rows} <= {"HOLD", "BLOCK"}


def test_strategies_say_what_keeps_them() -> None:
    rig = living_desk()
    core = rig.desk.core
    slot = core.state.strategies["funding_arb"]
    said = []
    for change in ({}, {"paused": True}, {"stopped": "no edge"}, {"dropped": "overran"}):
        for name, value in change.items():
            setattr(slot, name, value)
        said.append(desk_view(core, rig.desk.strategies, META).strategies[0][1])
    assert said == ["running", "paused", "stopped: no edge", "dropped: overran"]


def test_a_tripped_breaker_is_shown() -> None:
    rig = living_desk()
    core = rig.desk.core
    core.breaker.state.losses["daily"] = Decimal("0.03")
    core.breaker.state.tripped["drawdown"] = "for a test"
    states = {row.name: row.state for row in desk_view(core, rig.desk.strategies, META).risk.breakers}
    assert states == {"daily loss": "WARN", "rolling 24 h": "armed", "drawdown": "TRIPPED"}
    assert status(core, rig.desk.strategies, META).breaker.tripped


def test_a_breaker_that_a_person_has_overridden_is_shown_as_that_with_where_it_trips_again() -> None:
    """It stood as TRIPPED on the screen beside ACTIVE, and as armed in `status`, above its limit."""
    rig = living_desk()
    core = rig.desk.core
    core.breaker.state.losses["daily"] = Decimal("0.06")
    core.breaker.state.tripped["daily"] = "for a test"
    core.breaker.release()
    row = next(
        row for row in desk_view(core, rig.desk.strategies, META).risk.breakers if row.name == "daily loss"
    )
    assert (row.state, row.trips_at) == ("OVERRIDE", Decimal("0.085"))
    found = status(core, rig.desk.strategies, META).breaker
    assert (found.tripped, found.overridden) == (False, {"daily": Decimal("0.085")})
    core.breaker.state.accepted = "fresh"
    assert status(core, rig.desk.strategies, META).breaker.overridden["unknown equity"] is None


def test_a_closed_pair_is_no_longer_shown() -> None:
    rig = living_desk()
    core, pair = rig.desk.core, _pair(rig)
    pair.state = PairState.CLOSED
    view = desk_view(core, rig.desk.strategies, META)
    assert view.pairs == ()
    assert pairs(core) == ()
    assert [row.pair for row in view.positions] == [None, None]
    assert {row.strategy for row in view.positions} == {"funding_arb"}
    assert strip(core, META).pairs_open == 0
