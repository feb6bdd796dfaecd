"""What somebody is told: coins far below zero, unknown schedules, a flatten's rest, no edge."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.alerts.book import Alert
from services.desk import watches
from services.desk.views import strip
from services.domain.enums import Flow, PairState, TradingState
from services.domain.events import AccountReport, Event, MarketFrame, TransferBooked
from services.risk.kelly import RiskShare
from tests.desk.builders import META
from tests.desk.world import Answers, DeskWorld, quick, refuse

D = Decimal


def hedged() -> DeskWorld:
    return DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])


def told(world: DeskWorld, rule: str) -> list[Alert]:
    return [each for each in world.desk.core.alerts.open() if each.key.partition(":")[0] == rule]


def move(world: DeskWorld, amount: str) -> None:
    account = world.exchange.venues["alpha"].state.account
    account.add("USDT", D(amount))
    number = len(world.keeper.inputs)
    world.machine.feed(
        TransferBooked("alpha", f"m{number}", "USDT", D(amount), world.now, world.now, Flow.CONVERSION)
    )
    world.run(6)


def test_a_coin_four_thousand_below_zero_is_told_with_the_conversion_to_make() -> None:
    world = DeskWorld(settings=quick()).run(20)
    move(world, "-18900")
    assert told(world, "negative balance") == []
    move(world, "-200")
    (alert,) = told(world, "negative balance")
    assert alert.key == "negative balance:USDT alpha"
    assert alert.do.startswith("convert USDC into 4,10")
    assert alert.do.endswith(" USDT on alpha, yourself")
    move(world, "200")
    assert told(world, "negative balance") == []


def test_a_leg_whose_schedule_is_unknown_for_too_long_is_told_and_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert watches.UNKNOWN_S == 600
    monkeypatch.setattr(watches, "UNKNOWN_S", 60)
    world = hedged()
    short, _ = world.legs()

    def blank(due: int, event: Event) -> Answers:
        if isinstance(event, MarketFrame):
            rates = tuple(
                replace(row, interval_h=None, next_ts=None) if row.instrument == short else row
                for row in event.rates
            )
            event = replace(event, rates=rates)
        return ((due, event),)

    world.wire.hook = blank
    world.until(lambda w: short in w.desk.state.blank_since, 120)
    world.run(50)
    assert told(world, "interval unknown") == []
    world.run(20)
    (alert,) = told(world, "interval unknown")
    assert alert.key == f"interval unknown:{short}"
    assert world.pair_states() == [PairState.HEDGED]
    world.wire.hook = lambda due, event: ((due, event),)
    world.until(lambda w: not told(w, "interval unknown"), 120)
    assert world.desk.state.blank_since == {}


def test_what_a_flatten_left_is_an_alarm_until_one_has_proven_flat() -> None:
    world = hedged()
    world.on_submit = refuse
    world.command("halt")
    world.run(2)
    first = world.command("flatten")
    world.until(lambda w: first in w.done, 120)
    (alert,) = told(world, "flatten left")
    assert alert.key == "flatten left:all"
    assert alert.text == world.done[first].text
    assert ": no; pair P-01 closing" in alert.text, "why, in the venue's own word"
    assert "waits for " in alert.text, "and the leg that was not asked for says for what"
    first_step = strip(world.desk.core, META).next_steps[0]
    assert first_step.startswith("flatten: F again, until it is proven flat"), "nobody waits for its proof"
    assert strip(world.desk.core, META).next_steps[1].startswith("halt: "), "the older halt is behind"
    world.on_submit = lambda _, order: order
    second = world.command("flatten", what="beta")
    world.until(lambda w: second in w.done, 120)
    assert world.done[second].ok
    assert len(told(world, "flatten left")) == 1, "a part is not all"
    third = world.command("flatten")
    world.until(lambda w: third in w.done, 120)
    assert told(world, "flatten left") == []
    assert strip(world.desk.core, META).next_steps[0].startswith("halt: "), "proven: the halt is the older"


def test_a_strategy_without_an_edge_is_stopped_by_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    no_edge = RiskShare(risk=D(0), stopped="stopped: no edge", kelly=D(0), shrunk=D(0))
    monkeypatch.setattr("services.risk.sizing.risk_share", lambda *_, **__: no_edge)
    world = DeskWorld(settings=quick()).run(60)
    (alert,) = told(world, "no edge")
    assert alert.key == "no edge:funding_arb"
    assert told(world, "strategy overrun") == []
    assert world.answer("enable", name="funding_arb", reason="a new sample").ok
    assert told(world, "no edge") == []


def test_a_venue_that_stops_paying_out_takes_no_new_risk_and_closes_nothing() -> None:
    """PARAMETERS, situations: it is an alarm, and no exit by itself."""
    world = hedged()
    before = world.positions()

    def suspend(due: int, event: Event) -> Answers:
        if isinstance(event, AccountReport) and event.venue == "beta":
            event = replace(event, suspended=("DOGE", "USDC"))
        return ((due, event),)

    world.wire.hook = suspend
    world.run(40)
    assert ("withdrawals", "venue:beta", TradingState.REDUCING, False) in world.causes()
    (alert,) = told(world, "withdrawals")
    assert alert.text.endswith("beta has suspended withdrawals of USDC"), "nobody holds the other coin"
    assert world.positions() == before
    assert world.pair_states() == [PairState.HEDGED]
    world.wire.hook = lambda due, event: ((due, event),)
    world.until(lambda w: not told(w, "withdrawals"), 120)
