"""Situations of PARAMETERS that had no test of their own: an interval that changes, years and clocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk.views.figures import Figures
from services.desk.views.funding import first_funding, funding_views
from services.domain.enums import PairState
from services.domain.events import Event, MarketFrame
from services.market.board import evaluate
from services.risk.breaker import Breaker
from services.settings.parameters import Breaker as BreakerParams
from services.views.desk import FundingRowView
from tests.desk.world import Answers, DeskWorld, S, quick
from tests.strategies.legs import WINDOW, leg, rules

D = Decimal
HOUR = 3_600 * S


def held(world: DeskWorld) -> FundingRowView:
    rows = funding_views(Figures(world.desk.core), world.desk.strategies)
    return next(row for row in rows if row.pair is not None)


def test_an_interval_that_changes_mid_hold_is_projected_anew_at_once_and_closes_nothing() -> None:
    """PARAMETERS, situations: re-project at once; exit by the normal rules. alpha goes from 8 h to 1 h, at
    the same rate for each settlement: eight times of what the long leg receives or pays in three days."""
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    _, long = world.legs()
    assert long.endswith(".alpha")
    before, timer = held(world), world.desk.state.timers[f"expect {long}"]
    assert before.long_interval_h == 8
    assert before.long_rate is not None
    soon = (world.now // HOUR + 1) * HOUR
    assert timer > soon + HOUR

    def hourly(due: int, event: Event) -> Answers:
        if isinstance(event, MarketFrame) and event.rates:
            rows = [
                replace(row, interval_h=D(1), next_ts=soon) if row.instrument == long else row
                for row in event.rates
            ]
            event = replace(event, rates=tuple(rows))
        return ((due, event),)

    world.wire.hook = hourly
    for _ in range(10):
        after = held(world.run(5))
        if after.long_interval_h == 1:
            break
    assert after.long_interval_h == 1
    assert after.long_rate == 8 * before.long_rate
    assert (after.gross, after.net_edge) != (before.gross, before.net_edge)
    assert world.desk.state.timers[f"expect {long}"] == soon, "the settlement that comes sooner is expected"
    assert world.pair_states() == [PairState.HEDGED]
    assert world.decisions("close") == []


def test_the_board_of_a_strategy_that_is_off_promises_no_entry() -> None:
    """It said ENTER of what nobody would have entered."""
    settings = quick()
    name, chosen = next(iter(settings.strategies.items()))
    off, other = replace(chosen, enabled=False), {"other": chosen}
    world = DeskWorld(settings=replace(settings, strategies={name: off})).run(12)
    rows = funding_views(Figures(world.desk.core), world.desk.strategies)
    assert {row.reason for row in rows if row.net_edge is not None and row.net_edge > 100} == {"off"}
    assert "ENTER" not in {row.verdict for row in rows}
    world = DeskWorld(settings=replace(settings, strategies={name: off, **other})).run(1)
    assert first_funding(Figures(world.desk.core))[0] == "other", "the board is of one that trades"


@pytest.fixture
def berlin() -> Iterator[None]:
    """A zone that puts its clocks on and back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("day", ["2024-02-29", "2024-03-31", "2024-10-27", "2024-12-31"])
def test_dst_a_leap_day_and_366_days_change_nothing(day: str) -> None:
    """PARAMETERS, situations: UTC only; a year has 8,760 hours by convention."""
    midnight = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * S
    subject = Breaker(BreakerParams(rolling=D("0.9"), drawdown=D("0.9")), 15)
    for minute in range(-30, 24 * 60 + 30, 5):  # the day before, the day, and the one after
        value = D("0.99") if minute < 0 else D("0.97") if minute < 24 * 60 else D("0.95")
        subject.on_equity(value, stale=False, anything_open=True, now=midnight + minute * 60 * S)
        start = subject.state.day_start
        assert start == value, f"{minute} minutes into {day}"
    row = evaluate(leg("alpha", "40"), leg("beta", "1"), rules(), WINDOW)
    assert row.spread is not None
    assert row.apr == row.spread / 10_000 / 8 * 8_760
