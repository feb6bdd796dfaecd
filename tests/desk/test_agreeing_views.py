"""What stands in one place of the screen does not deny what stands in another."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk.core import SECOND
from services.desk.views import desk_view, status, strip
from services.desk.views.cross import row_of
from services.desk.views.strategies import strategies_view
from services.domain.enums import PairState, Severity, TradingState
from services.domain.events import VenueLink
from services.market.crossing import Discrepancy
from tests.desk.builders import META, Rig, living_desk


@pytest.fixture
def rig() -> Rig:
    return living_desk()


def test_a_pair_is_not_hedged_now_on_a_venue_whose_line_is_lost(rig: Rig) -> None:
    """The bar said WAS HEDGED, the pair's own line a green `hedged`, as long as the figures were young."""
    core = rig.desk.core
    assert [pair.old for pair in desk_view(core, rig.desk.strategies, META).pairs] == [False]
    rig.desk.handle(VenueLink(venue="beta", ts=rig.queue.now, up=False, reason="test"))
    bar, view = strip(core, META), desk_view(core, rig.desk.strategies, META)
    assert [dot.level for dot in bar.venues] == ["fresh", "stale"]
    assert [(pair.state, pair.old) for pair in view.pairs] == [(PairState.HEDGED, True)]
    assert [pair.old for pair in strategies_view(core).pairs] == [True]


def test_a_cause_that_calls_nobody_says_so_when_it_is_good_again(rig: Rig) -> None:
    """For a minute after each start `no data yet` stood beside FRESH, both venues in time."""
    core = rig.desk.core
    core.raise_cause("start", "venue:beta", TradingState.REDUCING, "x", severity=Severity.INFO)
    found = {(each.text, each.holds) for each in strip(core, META).causes}
    assert found == {("x", True)}
    core.good_cause("start", "venue:beta")
    assert {(each.text, each.holds) for each in strip(core, META).causes} == {
        ("x; good again, watched for 60 s", False)
    }
    core.raise_cause("unread", "all", TradingState.REDUCING, "y", severity=Severity.INFO, clear_after_s=0)
    core.good_cause("unread", "all")
    assert "y; good again" in {each.text for each in strip(core, META).causes}, "for 0 s nothing is watched"


def test_the_board_promises_no_entry_that_the_gate_would_refuse(rig: Rig) -> None:
    """A cause on one venue is none of the strategy's own: the board said ENTER all the same."""
    core = rig.desk.core
    for pair in core.pairs.live():
        core.pairs.get(pair.id).state = PairState.CLOSED  # type: ignore[union-attr]
    before = [row for row in desk_view(core, rig.desk.strategies, META).funding if row.verdict == "ENTER"]
    assert before, "else nothing is shown by what follows"
    core.raise_cause("stale data", "venue:beta", TradingState.REDUCING, "beta: old")
    for row in desk_view(core, rig.desk.strategies, META).funding:
        if ".beta" in row.short + row.long:
            assert row.verdict != "ENTER"
    told = {
        row.reason for row in desk_view(core, rig.desk.strategies, META).funding if row.verdict == "BLOCK"
    }
    assert told == {"REDUCING: stale data"}


def test_a_venue_without_new_risk_is_a_check_that_does_not_pass(rig: Rig) -> None:
    """A wrong clock: the gate denied everything there, beside `ACTIVE, 30/30 checks pass` and ENTER."""
    core = rig.desk.core
    core.pairs.get(core.pairs.live()[0].id).state = PairState.CLOSED  # type: ignore[union-attr]
    before = strip(core, META)
    assert before.checks_passing == before.checks_total
    core.state.venues["beta"].clock_off_ts = core.now
    bar, view = strip(core, META), desk_view(core, rig.desk.strategies, META)
    assert (bar.trading_state, bar.checks_total - bar.checks_passing) == (TradingState.ACTIVE, 1)
    (limit,) = [each for each in view.risk.limits if each.level == "OVER"]
    assert (limit.name, limit.text) == ("new risk, beta", "refused: its clock was wrong a moment ago")
    touched = [row for row in view.funding if ".beta" in row.short + row.long and not row.stale]
    assert {row.verdict for row in touched} <= {"BLOCK", "\u2014", "HOLD"}
    assert "no new risk on beta" in {row.reason for row in touched}


def test_the_board_of_prices_promises_no_more_than_the_one_of_rates(rig: Rig) -> None:
    core, unknown = (
        rig.desk.core,
        dict.fromkeys(("sell_price", "buy_price", "gross", "fees", "funding", "costs")),
    )
    chance = Discrepancy(
        **unknown,
        underlying="BTC",
        kind="perp",
        sell="BTC-USDT-PERP.beta",
        buy="BTC-USDT-PERP.alpha",
        quantity=Decimal(1),
        unit="USDT",
        conversion=Decimal(0),
        net=Decimal(9),
        age_ms=0,
        skew_ms=0,
        residue="",
        refusals=(),
    )
    (name,) = core.settings.strategies
    assert row_of(core, name, chance).verdict == "ENTER"
    core.raise_cause("stale data", "venue:beta", TradingState.REDUCING, "beta: old")
    found = row_of(core, name, chance)
    assert (found.verdict, found.reason) == ("BLOCK", "REDUCING: stale data")
    held = row_of(core, name, replace(chance, pair="P-01"))
    assert held.verdict == "HOLD", "what is open stays what it is"


def test_an_account_that_cannot_be_valued_asks_for_data_and_not_for_money(rig: Rig) -> None:
    """`margin usage unknown` explained itself as a near liquidation, and said: add collateral."""
    rig.ear.deaf.append("beta")
    rig.run(20 * SECOND)
    found = {each.key: each for each in rig.desk.core.alerts.open()}
    assert "liquidation distance:beta" not in found
    unknown = found["liquidation unknown:beta"]
    assert unknown.text == "beta: margin usage unknown"
    assert "collateral" not in unknown.do
    told = status(rig.desk.core, rig.desk.strategies, META)
    assert told.hedged_age_ms is not None
    assert told.hedged_age_ms >= 18_000
    assert told.outright == 0


def test_what_an_unread_account_makes_stale_is_as_old_as_its_read(rig: Rig) -> None:
    """Its stream ran on: `1 STALE, beta 0.0 s`, `hedged 0.0 s ago`, `beta rows are 0.0 s old`."""
    core = rig.desk.core
    old = core.picture.balance_limit_ns + 5 * SECOND
    core.state.venues["beta"].agreed_ts = core.now - old
    core.ledger.account("beta").balance_ts = core.now - old
    bar, view = strip(core, META), desk_view(core, rig.desk.strategies, META)
    ages = {each.name: (each.level, each.data_age_ms or 0) for each in bar.venues}
    assert ages["beta"] == ("stale", old // 1_000_000)
    assert ages["alpha"][1] < 5_000
    assert bar.hedged_age_ms == old // 1_000_000
    assert {row.venue: (row.level, (row.age_ms or 0) >= 5_000) for row in view.positions} == {
        "alpha": ("fresh", False),
        "beta": ("stale", True),
    }


def test_the_alert_that_the_bar_names_is_the_newest_of_the_gravest(rig: Rig) -> None:
    """It was the oldest: the pane's first, and what `a` takes, was another."""
    core = rig.desk.core
    core.alert("fault:beta", Severity.WARNING, "made")
    core.state.now += SECOND
    core.alert("venue down:beta", Severity.WARNING, "lost")
    assert strip(core, META).top_alert == "lost"
    core.alert("start:beta", Severity.INFO, "told")
    assert strip(core, META).top_alert == "lost"
    for key in ("fault:beta", "venue down:beta", "start:beta"):
        core.alerts.ack(key, core.now)
    assert strip(core, META).top_alert == "lost", "`1 ACKED` and nothing below it"
