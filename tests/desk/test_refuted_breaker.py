"""Breaker conditions that a second look found forgotten (SEMANTICS 9, 10)."""

from __future__ import annotations

import math
from decimal import Decimal

from msgspec.structs import replace

from services.desk.core import DAY
from services.desk.tripping import breaker_events
from services.domain.enums import Side, TradingState
from services.domain.events import AccountReport, Event, IndexRow, MarketFrame
from services.domain.records import EquityRecord
from services.risk.breaker import DAILY, BreakerEvent, Sample
from tests.desk.world import Answers, DeskWorld, S, quick

D = Decimal


def _feed(world: DeskWorld, value: str) -> tuple[BreakerEvent, ...]:
    core = world.desk.core
    events = core.breaker.on_equity(D(value), stale=False, anything_open=False, now=core.now)
    breaker_events(core, events)
    return events


def test_resume_is_refused_when_the_condition_was_good_for_a_moment_and_holds_again() -> None:
    world = DeskWorld(settings=quick()).run(5)
    core = world.desk.core
    core.breaker.state.day, core.breaker.state.day_start = core.now // DAY, D(1)
    core.breaker.state.last = Sample(core.now, D(1))
    _feed(world, "0.949")
    assert core.causes.overall() is TradingState.HALTED
    _feed(world, "0.951")
    _feed(world, "0.94")
    assert DAILY in core.breaker.holding()
    refused = core.causes.resume("looks fine")
    assert not refused.ok
    assert core.causes.resume("I know", override=("breaker daily", "breaker rolling")).ok


def test_equity_unknown_with_fresh_data_trips_after_its_grace() -> None:
    """The venue goes on talking, but a held coin's index is no number: nothing is stale."""
    world = DeskWorld(settings=quick()).run(20)

    def spoil(due: int, event: Event) -> Answers:
        if isinstance(event, MarketFrame) and event.venue == "alpha":
            rows = (*[row for row in event.indexes if row.coin != "BUSD"], IndexRow("BUSD", math.nan))
            return ((due, replace(event, indexes=rows)),)
        return ((due, event),)

    world.wire.hook = spoil
    world.run(30)
    assert world.trading_state is TradingState.REDUCING
    world.run(60)
    latched = ("breaker unknown equity", "all", TradingState.HALTED, True)
    assert latched in world.causes()
    assert world.answer("resume", reason="x").exit == 4
    assert world.answer("resume", reason="the index is gone for good", override=latched[0]).ok
    world.run(300)
    assert latched not in world.causes()
    assert world.trading_state is TradingState.REDUCING, "nothing new on what nobody can value"


def test_a_stale_account_does_not_hide_one_that_is_unknown_with_fresh_data() -> None:
    """Beta is silent, and alpha talks without a figure that its equity needs: the grace is a minute."""
    world = DeskWorld(settings=quick()).run(20)

    def spoil(due: int, event: Event) -> Answers:
        if isinstance(event, MarketFrame) and event.venue == "alpha":
            rows = (*[row for row in event.indexes if row.coin != "BUSD"], IndexRow("BUSD", math.nan))
            return ((due, replace(event, indexes=rows)),)
        return () if isinstance(event, MarketFrame) else ((due, event),)

    world.wire.hook = spoil
    world.run(120)
    assert ("breaker unknown equity", "all", TradingState.HALTED, True) in world.causes()


def test_an_account_that_was_never_read_hides_no_loss_of_another() -> None:
    """A position stands at alpha; beta's books have not begun. That is unknown equity like any other."""
    world = DeskWorld("calm", settings=quick())
    world.wire.hook = lambda due, event: (
        () if isinstance(event, AccountReport) and event.venue == "beta" else ((due, event),)
    )
    world.run(10)
    world.foreign("BTC-USDT-PERP.alpha", Side.BUY, "0.5")
    world.run(60)
    assert ("stale data", "all", TradingState.REDUCING, False) in world.causes()
    world.run(900)
    assert ("breaker unknown equity", "all", TradingState.HALTED, True) in world.causes()


def test_a_venue_with_market_data_alone_does_not_switch_the_breakers_off() -> None:
    """It says that it has no account of ours: the other account's equity is all there is."""
    world = DeskWorld("calm", settings=quick()).run(20)
    core = world.desk.core
    beta = core.state.venue("beta")
    assert beta.facts is not None
    beta.facts, beta.opened = replace(beta.facts, account=False), False
    core.breaker.state.last = None
    world.run(10)
    assert core.breaker.state.last is not None
    assert core.breaker.state.last.ts >= world.now - 6 * S


def test_equity_unknown_because_data_are_stale_does_not_trip_within_its_quarter_hour() -> None:
    world = DeskWorld(settings=quick()).run(20)
    world.wire.hook = lambda due, event: () if isinstance(event, MarketFrame) else ((due, event),)
    world.run(300)
    assert world.trading_state is TradingState.REDUCING
    # The row of that time says nothing of what nobody knew: no unit value, no drawdown, no profit of the day.
    row = [row for row in world.keeper.rows if isinstance(row, EquityRecord) and row.account == "all"][-1]
    assert row.ts > world.world.start + 290 * S
    assert (row.total_balance, row.unit_value, row.drawdown, row.daily_pnl) == (None, None, None, None)
