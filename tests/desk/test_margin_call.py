"""A venue calls for margin: an alarm and a cause, until its account has been seen healthy for a while."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import gatekeeping, margin_call
from services.desk.desk import Desk
from services.domain.enums import PairState, Severity, TradingState
from services.domain.venue_events import MarginCalled
from services.portfolio.margin import account_margin
from services.settings.parameters import Ladder
from tests.desk.test_margin_ladder import hedged, usage
from tests.desk.world import DeskWorld

CAUSE = ("margin call", "account:alpha", TradingState.REDUCING, False)
KEY = "margin call:account:alpha"


def call(world: DeskWorld, venue: str = "alpha", *names: str) -> None:
    world.machine.feed(MarginCalled(venue=venue, instruments=names, ts=world.now))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(margin_call, "CLEAR_S", 20)


def test_a_call_pages_reduces_that_account_alone_and_goes_when_its_margin_is_healthy_again() -> None:
    world = hedged()
    core = world.desk.core
    call(world, "alpha", "ETH-USDT-PERP.alpha")
    assert CAUSE in world.causes()
    (alert,) = [each for each in core.alerts.open() if each.key == KEY]
    assert alert.severity is Severity.ALARM
    assert "ETH-USDT-PERP.alpha" in alert.text
    assert not world.answer("buy", symbol="ETH-USDT-PERP.alpha", size="0.01").ok
    assert world.answer("buy", symbol="ETH-USDT-PERP.beta", size="0.01").ok, "the other account goes on"
    assert world.pair_states() == [PairState.HEDGED]
    # The ladder's first rung is passed: the venue is right to call.
    rungs = Ladder(no_new_risk=usage(world) / 2)
    core.bind(replace(core.settings, ladder=rungs))
    world.run(60)
    assert CAUSE in world.causes()
    core.bind(replace(core.settings, ladder=Ladder()))
    world.run(10)
    assert CAUSE in world.causes(), "not at the first healthy look"
    asked = core.state.venue("alpha").request
    call(world)
    assert core.state.venue("alpha").request == asked, "it may come with each answer"
    world.run(15)
    assert CAUSE in world.causes(), "a call that is repeated begins the time anew"
    restored = Desk(core.base_settings, core.instruments, Desk.restore(world.desk.export()))
    assert restored.core.alerts.is_open(KEY)
    world.run(60)
    assert all(name != "margin call" for name, *_ in world.causes())
    assert not core.alerts.is_open(KEY)
    assert core.state.venue("alpha").margin_call is None


def test_unknown_usage_is_not_healthy_and_nothing_open_is() -> None:
    world = hedged()
    core = world.desk.core
    call(world)
    world.run(5)
    row = core.causes.state.rows["margin call|account:alpha"]
    assert row.good_since is not None, "read since, and low"
    known = account_margin(gatekeeping.accounts(core)["alpha"])
    margin_call.watch(core, "alpha", replace(known, usage=None))
    assert row.good_since is None
    margin_call.watch(core, "alpha", replace(known, usage=None, anything_open=False))
    assert row.good_since is not None
    core.state.venue("alpha").margin_call = world.now
    margin_call.watch(core, "alpha", known)
    assert row.good_since is None, "what was read before the call says nothing"
    call(world, "gamma")
    assert all(scope != "account:gamma" for _, scope, *_ in world.causes()), "no venue of ours"


@pytest.mark.parametrize(
    ("read_ns", "usage", "held", "good"),
    [
        (None, "0.1", True, False),
        (0, "0.1", True, False),
        (1, "0.1", True, True),
        (1, "0.4999", True, True),
        (1, "0.5", True, False),
        (1, None, True, False),
        (1, None, False, True),
        (0, None, False, False),
    ],
)
def test_only_a_later_read_that_is_healthy_counts_for_it(
    desk: Desk, read_ns: int | None, usage: str | None, held: bool, good: bool
) -> None:
    core = desk.core
    margin_call.on_call(core, MarginCalled(venue="alpha", instruments=(), ts=core.now))
    margin = account_margin(gatekeeping.accounts(core)["alpha"])
    known = None if usage is None else Decimal(usage)
    # Seen good before, so that a look which says nothing would leave it good.
    core.good_cause(margin_call.CALL, "account:alpha")
    core.ledger.account("alpha").balance_ts = None if read_ns is None else core.now + read_ns
    margin_call.watch(core, "alpha", replace(margin, usage=known, anything_open=held))
    (cause,) = [each for each in core.causes.causes() if each.name == margin_call.CALL]
    assert cause.holds is not good


def test_a_venue_that_is_not_known_yet_and_one_that_called_nobody_are_left_alone(desk: Desk) -> None:
    core = desk.core
    margin = account_margin(gatekeeping.accounts(core)["alpha"])
    before = core.causes.causes()
    margin_call.watch(core, "alpha", margin)
    del core.state.venues["alpha"]
    margin_call.watch(core, "alpha", margin)
    assert core.causes.causes() == before
