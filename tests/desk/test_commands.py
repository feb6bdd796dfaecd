"""Operator commands through the whole desk: what each does, what it refuses, and its one answer."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from services.desk.answers import cause_views
from services.desk.state import VenueDesk
from services.desk.views import strip
from services.desk.views.strategies import strategy_views
from services.domain.effects import Done
from services.domain.enums import PairState, Side, TradingState
from services.domain.events import AccountReport, VenueLink
from services.execution.actions import Flattened
from services.execution.flatten import Scope
from tests.desk.builders import META
from tests.desk.world import MS, DeskWorld, S, late, quick, swallow


@pytest.fixture
def hedged() -> DeskWorld:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    assert len(world.positions()) == 2
    return world


@pytest.fixture
def opening() -> DeskWorld:
    return DeskWorld(settings=quick()).until(
        lambda w: w.pair_states() == [PairState.OPENING] and len(w.positions()) == 1
    )


def test_unknown_command_is_a_usage_error(hedged: DeskWorld) -> None:
    done = hedged.answer("dance")
    assert (done.ok, done.exit) == (False, 2)
    assert "dance" in done.text


# -- outside ACTIVE -----------------------------------------------------------------------------------------


def test_outside_active_no_risk_increasing_order_is_sent() -> None:
    world = DeskWorld(settings=quick())
    world.run(5)
    assert world.answer("halt", reason="before anything").ok
    world.run(300)
    assert world.decisions("size") == []
    assert world.sent == []
    assert world.answer("resume", reason="go").ok
    world.until(lambda w: w.pair_states() == [PairState.HEDGED])
    assert len(world.sent) >= 4


def test_halt_says_how_many_cancels_and_writes_the_latch_first(opening: DeskWorld) -> None:
    effects = len(opening.keeper.effects)
    done = opening.answer("halt", reason="look")
    result = json.loads(done.result)
    assert (done.ok, done.exit, result["trading_state"]) == (True, 0, "HALTED")
    names = [type(each).__name__ for each in opening.keeper.effects[effects:]]
    assert "WriteLatch" in names
    if "Cancel" in names:
        assert names.index("WriteLatch") < names.index("Cancel")
    if "Send" in names:
        assert names.index("WriteLatch") < names.index("Send")


def test_halt_said_again_writes_the_latch_again(hedged: DeskWorld) -> None:
    hedged.answer("halt", reason="one")
    written = len(hedged.keeper.latches)
    hedged.answer("halt", reason="two")
    assert len(hedged.keeper.latches) > written
    assert hedged.keeper.latches[-1].state is TradingState.HALTED


# -- flatten ------------------------------------------------------------------------------------------------


def _flat(world: DeskWorld, identity: str) -> None:
    done = world.done[identity]
    result = json.loads(done.result)
    assert (done.ok, done.exit, result["flat"]) == (True, 0, True), done.text
    assert result["positions_left"] == []
    assert result["orders_left"] == []
    assert result["fresh_read_ts"] > 0
    assert world.positions() == {}
    assert sum(len(world.exchange.books(venue).orders) for venue in world.exchange.venues) == 0
    assert world.trading_state is TradingState.HALTED


@pytest.mark.parametrize(
    ("reads", "flat", "told"),
    [((7, 5), False, 5), ((7, 0), False, None), ((7, 0), True, 7), ((0, 0), False, None)],
)
def test_a_flatten_tells_no_time_of_a_read_that_never_was(
    reads: tuple[int, int], flat: bool, told: int | None
) -> None:
    """A venue that was not reached made it `fresh read 1970-01-01`; what is proven flat has no part in it."""
    world = DeskWorld(settings=quick())
    core = world.desk.core
    for name, ts in zip(("alpha", "beta"), reads, strict=True):
        core.state.venues[name] = VenueDesk(report_event=ts)
    core.state.flatten_commands["F-1"] = ["c1"]
    before = len(core.out)
    world.desk.commands.flattened(Flattened("F-1", flat, (), (), Scope()))
    (done,) = [each for each in core.out[before:] if isinstance(each, Done)]
    assert json.loads(done.result)["fresh_read_ts"] == told


def test_flatten_ends_flat_with_a_fresh_read_as_proof(hedged: DeskWorld) -> None:
    asked = hedged.now
    sent = len(hedged.sent)
    (said,) = strategy_views(hedged.desk.core)
    assert said.reason.startswith("holds P-01, opened on ")
    identity = hedged.command("flatten")
    assert identity not in hedged.done, "answered before it was proven"
    hedged.until(lambda w: identity in w.done, 60)
    _flat(hedged, identity)
    assert json.loads(hedged.done[identity].result)["fresh_read_ts"] > asked
    assert len(hedged.sent) - sent >= 2
    assert not any(each.increasing for each in hedged.sent[sent:])
    assert hedged.pair_states() == []
    (said,) = strategy_views(hedged.desk.core)
    assert said.reason == "P-01 closed: flatten everything, by test"
    steps = [step for step in strip(hedged.desk.core, META).next_steps if step.startswith("flatten")]
    assert steps == ["flatten: R and a reason"], "it is proven flat"
    assert next(each.text for each in cause_views(hedged.desk.core)).endswith("; proven flat")
    hedged.run(30)
    hedged.books_agree()


def test_flatten_while_opening(opening: DeskWorld) -> None:
    identity = opening.command("flatten")
    opening.until(lambda w: identity in w.done, 60)
    _flat(opening, identity)


def test_flatten_while_halted(hedged: DeskWorld) -> None:
    assert hedged.answer("halt", reason="first").ok
    hedged.run(5)
    identity = hedged.command("flatten")
    hedged.until(lambda w: identity in w.done, 60)
    _flat(hedged, identity)


def test_flatten_while_closing(hedged: DeskWorld) -> None:
    pair = hedged.pair()
    assert pair is not None
    hedged.command("pair close", id=pair.id)
    hedged.until(lambda w: w.pair_states() == [PairState.CLOSING])
    identity = hedged.command("flatten")
    hedged.until(lambda w: identity in w.done, 60)
    _flat(hedged, identity)


def test_flatten_with_stale_marks(hedged: DeskWorld) -> None:
    """No market data at all for half a minute: the last good prices and widening bands do."""
    from services.domain.events import MarketFrame

    hedged.wire.hook = lambda due, event: () if isinstance(event, MarketFrame) else ((due, event),)
    hedged.run(30)
    assert ("stale data", "venue:alpha", TradingState.REDUCING, False) in hedged.causes()
    identity = hedged.command("flatten")
    hedged.until(lambda w: identity in w.done, 90)
    _flat(hedged, identity)


def test_flatten_in_doubt_ends_flat_or_lists_what_is_left() -> None:
    def lost(world: DeskWorld, order):  # type: ignore[no-untyped-def]
        return swallow(world, order) if order.leg == 2 and not order.reduce_only else order

    world = DeskWorld(settings=quick(), on_submit=lost)
    world.until(lambda w: PairState.IN_DOUBT in w.pair_states(), 120)
    identity = world.command("flatten")
    world.until(lambda w: identity in w.done, 120)
    _flat(world, identity)


def test_flatten_that_cannot_lists_what_remains_with_exit_5(hedged: DeskWorld) -> None:
    from tests.desk.world import refuse

    legs = hedged.legs()
    hedged.on_submit = refuse
    identity = hedged.command("flatten")
    hedged.until(lambda w: identity in w.done, 120)
    done = hedged.done[identity]
    result = json.loads(done.result)
    assert (done.ok, done.exit, result["flat"]) == (False, 5, False)
    assert len(result["positions_left"]) == 2
    assert {row.split()[0] for row in result["positions_left"]} == set(legs)


def test_flatten_twice_is_one_flatten_and_both_are_answered(hedged: DeskWorld) -> None:
    first, second = hedged.command("flatten"), hedged.command("flatten")
    hedged.until(lambda w: first in w.done and second in w.done, 60)
    _flat(hedged, first)
    _flat(hedged, second)


@pytest.mark.parametrize("what", ["alpha", "beta", "a leg", "pair"])
def test_a_scoped_flatten_takes_the_whole_pair_and_halts_its_scope_only(hedged: DeskWorld, what: str) -> None:
    pair = hedged.pair()
    assert pair is not None
    hedged.foreign("ETH-USDT-PERP.beta", Side.BUY, "0.5")
    hedged.until(lambda w: "ETH-USDT-PERP.beta" in w.positions(), 30).run(5)
    legs = hedged.legs()
    names = {"pair": pair.id, "a leg": legs[0]}
    identity = hedged.command("flatten", what=names.get(what, what))
    hedged.until(lambda w: identity in w.done, 90)
    done = hedged.done[identity]
    assert (done.ok, done.exit) == (True, 0), done.text
    left = hedged.positions()
    assert not any(leg in left for leg in legs)
    assert ("ETH-USDT-PERP.beta" in left) is (what != "beta")
    assert hedged.desk.core.causes.overall() is TradingState.ACTIVE
    assert hedged.trading_state is TradingState.HALTED


def test_an_ambiguous_symbol_lists_the_choices_and_exits_2(hedged: DeskWorld) -> None:
    legs = hedged.legs()
    done = hedged.answer("flatten", what=legs[0].rpartition(".")[0])
    assert (done.ok, done.exit) == (False, 2)
    assert all(leg in done.text for leg in legs)
    assert hedged.trading_state is TradingState.ACTIVE
    unknown = hedged.answer("flatten", what="DOGE-PERP")
    assert (unknown.ok, unknown.exit) == (False, 2)


# -- resume -------------------------------------------------------------------------------------------------


def test_resume_needs_a_reason(hedged: DeskWorld) -> None:
    hedged.answer("halt", reason="x")
    assert hedged.answer("resume", reason=" ").exit == 4
    assert hedged.trading_state is TradingState.HALTED
    assert hedged.answer("resume", reason="seen").ok
    assert hedged.trading_state is TradingState.ACTIVE
    assert hedged.keeper.latches[-1].state is TradingState.ACTIVE


def test_resume_is_refused_while_a_flatten_runs(hedged: DeskWorld) -> None:
    identity = hedged.command("flatten")
    assert hedged.answer("resume", reason="too soon").exit == 4
    hedged.until(lambda w: identity in w.done, 60)
    assert hedged.answer("resume", reason="flat").ok
    assert hedged.trading_state is TradingState.ACTIVE


def test_resume_is_refused_while_a_breaker_holds_unless_overridden_or_rebased(hedged: DeskWorld) -> None:
    core = hedged.desk.core
    _lose(hedged, "9000")
    hedged.until(lambda w: w.trading_state is TradingState.HALTED, 60)
    names = [name for name, *_ in hedged.causes()]
    assert "breaker daily" in names
    refused = hedged.answer("resume", reason="no")
    assert (refused.ok, refused.exit) == (False, 4)
    assert "breaker daily" in refused.text
    assert core.causes.overall() is TradingState.HALTED
    wrong = hedged.answer("resume", reason="no", override="depeg USDT")
    assert wrong.exit == 4
    assert hedged.answer("resume", reason="no", rebase="everything").exit == 4
    assert core.causes.overall() is TradingState.HALTED
    rebased = hedged.answer("resume", reason="measured anew", rebase="daily")
    assert rebased.ok, rebased.text
    assert core.causes.overall() is TradingState.ACTIVE
    hedged.run(60)
    assert core.causes.overall() is TradingState.ACTIVE, hedged.causes()
    loss = core.breaker.loss("daily")
    assert loss is not None
    assert loss < core.settings.breaker.daily / 2, "measured from here, not from the old start"


def test_an_override_by_name_lifts_a_breaker_that_still_holds(hedged: DeskWorld) -> None:
    _lose(hedged, "9000")
    hedged.until(lambda w: w.trading_state is TradingState.HALTED, 60)
    answer = hedged.answer("resume", reason="known", override="breaker daily,breaker rolling")
    assert answer.ok, answer.text
    hedged.run(60)
    assert hedged.desk.core.causes.overall() is TradingState.ACTIVE, hedged.causes()


def _lose(world: DeskWorld, usd: str) -> None:
    """A loss that no event explains: the venue's balance falls, and a person accepts the difference."""
    world.exchange.venues["alpha"].state.account.add("USD", -Decimal(usd))
    world.until(lambda w: any(name == "reconcile" for name, *_ in w.causes()), 60)
    world.answer("reconcile accept")


# -- strategies ---------------------------------------------------------------------------------------------


def test_pause_lets_an_opening_pair_finish_and_opens_no_other(opening: DeskWorld) -> None:
    assert opening.answer("pause", name="funding_arb").ok
    opening.until(lambda w: w.pair_states() == [PairState.HEDGED], 30)
    pair = opening.pair()
    assert pair is not None
    assert opening.answer("pair close", id=pair.id).ok
    opening.until(lambda w: w.pair_states() == [], 60)
    opening.run(600)
    assert opening.pair_states() == []
    assert opening.answer("pause", name="nobody").exit == 2


def test_a_paused_strategy_still_closes_its_pair(hedged: DeskWorld) -> None:
    """SEMANTICS 10: positions keep stops and exits. The pair stop is so tight that it is reached at once."""
    assert hedged.answer("pause", name="funding_arb").ok
    assert hedged.answer("set", key="funding_arb.pair_stop", value="0.01bps").ok
    hedged.until(lambda w: w.pair_states() == [], 120)
    assert hedged.answer("status").exit == 2, "no command of the desk"
    hedged.run(60)
    assert hedged.pair_states() == []


def test_enable_needs_a_reason_and_brings_a_paused_strategy_back() -> None:
    world = DeskWorld(settings=quick())
    world.run(1)
    assert world.answer("pause", name="funding_arb").ok
    world.run(120)
    assert world.sent == []
    assert world.answer("enable", name="funding_arb", reason="").exit == 2
    assert world.answer("enable", name="nobody", reason="x").exit == 2
    assert world.answer("enable", name="funding_arb", reason="looked").ok
    world.until(lambda w: w.pair_states() == [PairState.HEDGED], 600)


def test_pair_close_is_a_named_exit_and_is_refused_when_halted(hedged: DeskWorld) -> None:
    pair = hedged.pair()
    assert pair is not None
    assert hedged.answer("pair close", id="p9").exit == 2
    hedged.answer("halt", reason="x")
    assert hedged.answer("pair close", id=pair.id).exit == 4
    hedged.answer("resume", reason="y")
    assert hedged.answer("pair close", id=pair.id).ok
    hedged.until(lambda w: w.pair_states() == [], 60)
    hedged.run(40)
    assert hedged.positions() == {}
    hedged.books_agree()
    episode = hedged.desk.state.episodes[-1]
    assert (episode.id, episode.reason) == (pair.id, "operator")


# -- settings -----------------------------------------------------------------------------------------------


def test_a_limit_is_tightened_at_once_and_loosened_only_with_a_reason_in_active(hedged: DeskWorld) -> None:
    core = hedged.desk.core
    key = "gate.max_order_notional"
    assert hedged.answer("set", key=key, value="20000").ok
    assert core.settings.gate.max_order_notional == Decimal(20000)
    assert hedged.answer("set", key=key, value="24000").exit == 4, "loosened without a reason"
    assert core.settings.gate.max_order_notional == Decimal(20000)
    assert hedged.answer("set", key=key, value="24000", reason="calmer").ok
    hedged.answer("halt", reason="x")
    assert hedged.answer("set", key=key, value="25000", reason="calmer").exit == 4, "loosened while halted"
    assert hedged.answer("set", key=key, value="10000").ok, "tightening passes in every state"
    assert hedged.answer("unset", key=key).exit == 4, "undoing a tightening is loosening"
    hedged.answer("resume", reason="y")
    assert hedged.answer("unset", key=key).exit == 4, "and wants a reason, too"
    assert hedged.answer("unset", key=key, reason="y").ok
    assert core.settings.gate.max_order_notional == Decimal(25000)
    assert hedged.answer("set", key=key, value="25001", reason="y").ok
    assert hedged.answer("unset", key=key).ok, "back to what is tighter needs none"
    assert hedged.answer("unset", key=key).exit == 2


def test_a_bad_value_or_key_is_a_usage_error(hedged: DeskWorld) -> None:
    assert hedged.answer("set").exit == 2
    assert hedged.answer("limit", key="max_position", value="1").exit == 2
    assert hedged.answer("unset").exit == 2
    assert hedged.answer("set", key="gate.nothing", value="1").exit == 2
    assert hedged.answer("set", key="gate.max_order_notional", value="much").exit == 2
    assert hedged.answer("set", key="gate.max_order_notional", value="NaN").exit == 2
    assert hedged.answer("set", key="gate.max_order_notional", value="-5").exit == 2


def test_limit_changes_one_symbols_row(hedged: DeskWorld) -> None:
    done = hedged.answer("limit", symbol="BTC-USDC-PERP", key="max_position", value="50000")
    assert done.ok, done.text
    limits = hedged.desk.core.settings.gate.limits
    assert limits["BTC-USDC-PERP"].max_position == Decimal(50000)
    assert limits["BTC-USDT-PERP"].max_position == Decimal(100000)


@pytest.mark.parametrize("symbol", ["BTC-USDC-PRP", "BTC-USDC-PERP.gamma", "btc"])
def test_a_limit_for_what_no_venue_has_is_no_limit(hedged: DeskWorld, symbol: str) -> None:
    """It was taken: with one wrong letter a person had tightened nothing and was told that it was done."""
    done = hedged.answer("limit", symbol=symbol, key="max_position", value="5")
    assert done.exit == 2
    assert symbol in done.text
    assert hedged.answer("set", key=f"gate.limits.{symbol}.max_position", value="5").exit == 2
    assert hedged.desk.core.state.overrides == {}
    assert hedged.answer("limit", symbol="BTC-USDC-PERP.beta", key="max_position", value="5").ok


def test_ack_takes_an_open_alert_once(hedged: DeskWorld) -> None:
    hedged.foreign("ETH-USDT-PERP.beta", Side.BUY, "0.5")
    hedged.run(10)
    assert hedged.answer("ack", key="foreign:ETH-USDT-PERP.beta").ok
    assert hedged.answer("ack", key="nothing").exit == 2


# -- after an outage ----------------------------------------------------------------------------------------


def test_a_venue_back_from_an_outage_takes_no_entry_for_a_minute_of_fresh_data() -> None:
    world = DeskWorld(settings=quick())
    world.run(2)
    world.machine.feed(VenueLink(venue="beta", ts=world.now, up=False, reason="test"))
    world.run(3)
    world.machine.feed(VenueLink(venue="beta", ts=world.now, up=True, reason="test"))
    back = world.now
    world.until(lambda w: bool(w.sent), 600)
    assert world.now - back >= 60 * S


def test_a_read_of_during_the_outage_is_no_reconciliation_after_it() -> None:
    """The stream was lost and questions were answered: what the venue did until the line came back is not in
    that read, and the minute of fresh data begins with one that was taken after it."""
    world = DeskWorld(settings=quick())
    world.run(2)
    world.machine.feed(VenueLink(venue="beta", ts=world.now, up=False, reason="test"))
    world.run(40)
    book = world.desk.state.venue("beta")
    assert book.agreed_ts is not None
    assert book.outage_since is not None
    assert book.agreed_ts > book.outage_since
    world.wire.hook = lambda due, event: () if isinstance(event, AccountReport) else ((due, event),)
    world.machine.feed(VenueLink(venue="beta", ts=world.now, up=True, reason="test"))
    world.run(80)
    assert book.outage_since is not None


def test_late_answers_do_not_change_the_books(hedged: DeskWorld) -> None:
    hedged.wire.hook = late(400 * MS)
    pair = hedged.pair()
    assert pair is not None
    hedged.command("pair close", id=pair.id)
    hedged.until(lambda w: w.pair_states() == [], 120).run(60)
    hedged.books_agree()
    assert hedged.causes() == []
