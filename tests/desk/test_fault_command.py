"""`fault KIND VENUE P`: told to the exchange, shown while it lasts, refused where nothing is made up."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from services.desk import gatekeeping
from services.domain.effects import SetFault
from services.domain.enums import FaultKind, Side
from services.domain.events import IndexRow, MarketFrame, MarkRow, QuoteRow, Timer
from services.settings.parameters import Settings
from tests.desk.world import DeskWorld, S

BTC = "BTC-USDT-PERP.alpha"


def open_faults(world: DeskWorld) -> list[str]:
    return [alert.key for alert in world.desk.core.alerts.open() if alert.key.startswith("fault:")]


def test_a_fault_is_told_to_the_exchange_and_shown_while_it_lasts() -> None:
    world = DeskWorld().run(5)
    done = world.answer("fault", kind="drop", venue="alpha", chance="0.1")
    assert done.ok
    assert world.keeper.of(SetFault) == [SetFault(FaultKind.DROP, "alpha", Decimal("0.1"))]
    assert open_faults(world) == ["fault:drop@alpha"]
    assert world.answer("fault", kind="5xx", venue="all", chance="1").ok
    assert set(open_faults(world)) == {"fault:5xx@alpha", "fault:5xx@beta", "fault:drop@alpha"}
    for kind in ("drop", "5xx"):
        world.answer("fault", kind=kind, venue="all", chance="0")
    assert open_faults(world) == []
    assert world.desk.state.faults == {}


@pytest.mark.parametrize(
    ("kind", "venue", "chance", "says"),
    [
        ("gremlin", "alpha", "0.1", "expected one of latency"),
        ("drop", "gamma", "0.1", "no venue 'gamma'"),
        ("drop", "alpha", "1.5", "from 0 to 1"),
        ("drop", "alpha", "NaN", "from 0 to 1"),
        ("drop", "alpha", "x", "from 0 to 1"),
    ],
)
def test_what_is_no_fault_is_refused_in_one_line(kind: str, venue: str, chance: str, says: str) -> None:
    done = DeskWorld().run(1).answer("fault", kind=kind, venue=venue, chance=chance)
    assert (done.ok, done.exit) == (False, 2)
    assert says in done.text
    assert "\n" not in done.text


def test_real_money_has_no_faults_on_demand() -> None:
    world = DeskWorld(settings=Settings(mode="paper")).run(1)
    done = world.answer("fault", kind="drop", venue="alpha", chance="0.1")
    assert (done.ok, done.exit) == (False, 4)
    assert world.keeper.of(SetFault) == []


def test_an_impossible_number_is_never_believed() -> None:
    """Whatever a broken frame says, a figure is unknown or the last good one, never that number."""
    for number in (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e15, 1e300):
        world = DeskWorld().run(20)
        picture, now = world.desk.core.picture, world.now
        good, usd = picture.last_mark(BTC), picture.quote_usd(BTC)
        frame = MarketFrame(
            venue="alpha",
            ts_event=now,
            ts=now,
            seq=99_999,
            quotes=(QuoteRow(BTC, number, number, number, number, number, number),),
            marks=(MarkRow(BTC, number, number),),
            indexes=(IndexRow("USDT", number),),
        )
        world.machine.feed(frame)
        assert picture.fresh_mark(BTC, now) is None
        assert picture.mid(BTC) is None
        assert picture.last_mark(BTC) == good
        assert picture.quote_usd(BTC) is None
        # What bounds a slice is the last good figure: without one a whole leg went out in one order.
        assert world.desk.submit.prices.usd(BTC) == usd
        assert world.desk.submit.prices.depth(BTC, Side.BUY) is None


def test_a_venue_clock_that_jumps_takes_no_new_risk_until_it_is_right_again() -> None:
    """PARAMETERS, situations: clock jumps > 1 s: new risk refused until re-measured."""
    world = DeskWorld().run(20)
    core = world.desk.core
    assert gatekeeping.clock_offset(core, "alpha") == 0, "the time of travel is no offset"
    for ahead, said in ((3, 3_000), (-3, -3_000)):
        frame = MarketFrame(venue="alpha", ts_event=world.now + ahead * S, ts=world.now, seq=90_010 - ahead)
        world.machine.feed(frame)
        assert gatekeeping.account_facts(core, "alpha").clock_offset_ms == said
        core.state.next_risk = 0
        world.machine.feed(Timer(name="risk", ts=world.now))
        assert core.alerts.told("clock:alpha")[0] == f"alpha's clock is {said} ms off ours"
        assert core.alerts.state.alerts["clock:alpha"].count == 1
    world.run(10)
    assert gatekeeping.clock_offset(core, "alpha") == 0
    assert not core.alerts.is_open("clock:alpha")
